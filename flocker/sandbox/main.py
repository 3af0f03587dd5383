"""The command `flocker-sandbox`: a whole cluster on one machine, to try and break."""

import json
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import click
from twisted.python.runtime import seconds

from flocker import __version__
from flocker.cli.terminal import Column, page_on, print_table
from flocker.runtime.settings import program_status
from flocker.sandbox import cluster, images, network
from flocker.sandbox.cluster import Sandbox, count, not_up, open_sandbox
from flocker.sandbox.describing import machine_states, shell_settings
from flocker.sandbox.engines import await_engines
from flocker.sandbox.environment import search_path
from flocker.sandbox.layout import default_layout
from flocker.sandbox.logs import follow, log_files, show, tail
from flocker.sandbox.machines import (
    client_environment,
    demand,
    entering,
    programs_of,
)
from flocker.sandbox.names import (
    CONTROL,
    DEFAULT_SANDBOX,
    MOST_NODES,
    BadSandboxName,
    MachineName,
    SandboxName,
    node_names,
    parse_machine_name,
    parse_sandbox_name,
)
from flocker.sandbox.pools import BACKENDS, SHARED
from flocker.sandbox.processes import send
from flocker.sandbox.reaching import await_connected
from flocker.sandbox.requirements import (
    require_backend,
    require_docker,
    require_outside_of_machines,
    require_permission,
    require_seen,
    require_tools,
)
from flocker.sandbox.waiting import Stopwatch

INTERRUPTED = 128 + signal.SIGINT
"""Exit status of a command that was interrupted, as shells count."""
CONNECTED_WITHIN = 60.0
"""Seconds until the nodes of a new sandbox must be connected."""
WITH = "`flocker-sandbox up --docker`"
_LAST_WORDS = 8
"""Lines of each log that are shown when a sandbox does not come up."""


def main() -> NoReturn:
    """Run the command with the process's arguments, and exit."""
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGHUP, _interrupt)
    try:
        status = program_status(sandbox, "flocker-sandbox", sys.argv[1:])
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        status = INTERRUPTED
    sys.exit(status)


def say(text: str) -> None:
    """Tell the user what is being done."""
    click.echo(f"· {text}")


@click.group(no_args_is_help=False)
@click.version_option(__version__, message="%(version)s")
@click.option(
    "--name",
    default=DEFAULT_SANDBOX,
    show_default=True,
    help="Which sandbox; there can be several.",
)
@click.pass_context
def sandbox(context: click.Context, name: str) -> None:
    """Make a whole Flocker cluster on this machine, and break it.

    Each node has its own network, mounts, host name, processes and boot id; daemons,
    certificates and filesystems are real. Needs root, but with `--backend directory`.
    """
    require_outside_of_machines()
    try:
        context.obj = parse_sandbox_name(name)
    except BadSandboxName as error:
        raise click.BadParameter(str(error), param_hint="--name") from error


@sandbox.command()
@click.option(
    "--nodes",
    type=click.IntRange(1, MOST_NODES),
    default=3,
    show_default=True,
    help="How many nodes.",
)
@click.option(
    "--directory",
    type=click.Path(path_type=Path, file_okay=False, resolve_path=True),
    help="Where its data is kept until `down`.  [default: /var/lib/flocker-sandbox,"
    " without root ~/.local/share/flocker-sandbox]",
)
@click.option("--docker", is_flag=True, help="Give every node a Docker of its own.")
@click.option(
    "--backend",
    type=click.Choice(BACKENDS),
    default=SHARED,
    show_default=True,
    help="What datasets are on: volumes that all nodes reach, or each node's own pool;"
    " directory needs no root.",
)
@click.pass_obj
def up(
    name: SandboxName,
    nodes: int,
    directory: Path | None,
    backend: str,
    *,
    docker: bool,
) -> None:
    """Make a sandbox and wait until its nodes are connected."""
    require_permission(backend)
    require_tools()
    require_backend(backend)
    if docker:
        require_docker()
    watch = Stopwatch()
    layout = default_layout(name, directory)
    require_seen(layout.data)
    made = cluster.up(Sandbox(layout, nodes, docker, backend), _now(), say)
    say("waiting for the nodes to connect")
    try:
        await_connected(made.layout, node_names(nodes), CONNECTED_WITHIN)
        if docker:
            say("waiting for Docker on the nodes")
            await_engines(made.layout, node_names(nodes), CONNECTED_WITHIN)
    except BaseException:
        _last_words(made)
        say("taking the sandbox down")
        cluster.down(name)
        raise
    own = "" if name == DEFAULT_SANDBOX else f" --name {name}"
    click.echo(f"Up in {watch}: control and {count(nodes)}. Go on with")
    click.echo(f"  flocker-sandbox{own} exec control -- flockerctl list-nodes")
    if docker:
        click.echo(f"  flocker-sandbox{own} exec node-1 -- docker info")
    click.echo(f'  eval "$(flocker-sandbox{own} env)"; flockerctl list-nodes')
    click.echo(f"  flocker-sandbox{own} down")


@sandbox.command()
@click.pass_obj
def down(name: SandboxName) -> None:
    """Remove a sandbox and everything it made."""
    if not cluster.down(name):
        raise not_up(name)
    say("nothing is left")


@sandbox.command()
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table")
@click.pass_obj
def status(name: SandboxName, output: str) -> None:
    """Show the machines of a sandbox."""
    found = open_sandbox(name)
    states = machine_states(found)
    if output == "json":
        click.echo(json.dumps([state.plain() for state in states], indent=2))
        return
    titles = ["MACHINE", "ADDRESS", "STATE", "NODE", *(["DOCKER"] * found.docker)]
    rows = [
        [
            state.machine,
            state.address,
            state.words,
            state.node or "",
            state.engine or "",
        ]
        for state in states
    ]
    print_table(
        [Column(title) for title in titles],
        [row[: len(titles)] for row in rows],
        page_on(sys.stdout, os.environ),
    )


@sandbox.command(name="exec", context_settings={"ignore_unknown_options": True})
@click.argument("machine")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_obj
def execute(name: SandboxName, machine: str, command: tuple[str, ...]) -> None:
    """Run COMMAND on a machine: node-1, node-2, ... or control."""
    found, target = _machine(name, machine)
    enter = entering(found.layout, target, str(Path.cwd()))
    path = search_path(os.environ.get("PATH", os.defpath))
    environment = {**os.environ, **client_environment(found.layout), "PATH": path}
    os.execvpe(enter[0], [*enter, *command], environment)  # noqa: S606 - our purpose


@sandbox.command()
@click.argument("names", metavar="IMAGE...", nargs=-1, required=True)
@click.pass_obj
def load(name: SandboxName, names: tuple[str, ...]) -> None:
    """Put images into the Docker of every node: busybox, postgres.

    They are made of Debian's packages, once, and need no registry.
    """
    found = open_sandbox(name)
    if not found.docker:
        raise click.UsageError(f"this sandbox has no Docker; make one with {WITH}")
    for image in names:
        watch = Stopwatch()
        for node in node_names(found.nodes):
            images.load(found.layout, node, image)
        say(f"{image} is on {count(found.nodes)} ({watch})")


@sandbox.command()
@click.argument("machine")
@click.pass_obj
def kill(name: SandboxName, machine: str) -> None:
    """Cut the power of a machine: no process of it ends in order."""
    found, target = _machine(name, machine)
    watch = Stopwatch()
    cluster.kill(found, target)
    say(f"{target} is off, its mounts and loop devices are gone ({watch})")


@sandbox.command()
@click.argument("machine")
@click.pass_obj
def start(name: SandboxName, machine: str) -> None:
    """Switch a machine on again; it has a new boot id, as after a real boot."""
    found, target = _machine(name, machine)
    watch = Stopwatch()
    record = cluster.start(found, target)
    say(f"{target} runs, in era {record.era} ({watch})")


@sandbox.command()
@click.argument("machine")
@click.argument("program", required=False)
@click.option("--kill", "hard", is_flag=True, help="With SIGKILL instead of SIGTERM.")
@click.pass_obj
def restart(
    name: SandboxName, machine: str, program: str | None, *, hard: bool
) -> None:
    """End a machine's daemons, or one PROGRAM of it; they start again by themselves."""
    found, target = _machine(name, machine)
    running = programs_of(found.layout, target)
    if program is not None and program not in running:
        known = ", ".join(sorted(running)) or "nothing"
        raise click.UsageError(f"{target} runs no {program!r}, only {known}")
    for each, process in running.items():
        if program in {None, each}:
            send(process, signal.SIGKILL if hard else signal.SIGTERM)
            say(f"ended {each}, process {process.pid} of {target}")


@sandbox.command()
@click.argument("node")
@click.option(
    "--only",
    type=click.Choice([way.value for way in network.Way]),
    help="Lose only what the node sends, or what is sent to it.",
)
@click.pass_obj
def partition(name: SandboxName, node: str, only: str | None) -> None:
    """Cut a node's network cable, or let it lose one direction."""
    found, target = _cable(name, node)
    if only is None:
        network.plug(found.layout, target, connected=False)
        say(f"{target} is cut off")
        return
    way = network.Way(only)
    network.lose(found.layout, target, way)
    what = f"{target} sends" if way is network.Way.SENT else f"is sent to {target}"
    say(f"all that {what} is lost")


@sandbox.command()
@click.argument("node")
@click.pass_obj
def heal(name: SandboxName, node: str) -> None:
    """Plug a node's network cable in again, a whole one."""
    found, target = _cable(name, node)
    network.plug(found.layout, target, connected=True)
    say(f"{target} is connected again")


@sandbox.command()
@click.argument("machine", required=False)
@click.option("-f", "--follow", "following", is_flag=True, help="Go on as they grow.")
@click.pass_obj
def logs(name: SandboxName, machine: str | None, *, following: bool) -> None:
    """Show the logs of one machine or of all."""
    found = open_sandbox(name)
    machines = (
        found.machines
        if machine is None
        else (parse_machine_name(machine, found.nodes),)
    )
    (follow if following else show)(found.layout, machines, click.echo)


@sandbox.command()
@click.pass_obj
def env(name: SandboxName) -> None:
    """Print settings for flockerctl and curl: eval "$(flocker-sandbox env)"."""
    click.echo(shell_settings(open_sandbox(name).layout), nl=False)


def _machine(name: SandboxName, text: str) -> tuple[Sandbox, MachineName]:
    found = open_sandbox(name)
    return found, parse_machine_name(text, found.nodes)


def _cable(name: SandboxName, text: str) -> tuple[Sandbox, MachineName]:
    """Find the node whose cable is meant."""
    found, node = _machine(name, text)
    if node == CONTROL:
        raise click.UsageError("control is at the switch itself; cut a node's cable")
    demand(found.layout, node)
    return found, node


def _last_words(found: Sandbox) -> None:
    """Show the ends of all logs of a sandbox that did not come up."""
    for file in log_files(found.layout, found.machines):
        for line in tail(file, _LAST_WORDS):
            click.echo(f"{file.parent.name} {file.stem}: {line}", err=True)


def _now() -> datetime:
    return datetime.fromtimestamp(seconds(), UTC)


def _interrupt(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
