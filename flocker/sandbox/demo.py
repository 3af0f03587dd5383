"""The demonstration: a dataset follows its node, for real; `admin/demo` starts it.

A sandbox is made, and the commands a user would type are shown and run in it. It
succeeds only if data that was written on one node was read back on another and was the
same. Everything is taken down again, however it ends, unless the user wants to keep it.
"""

import json
import shlex
import signal
import sys
from datetime import UTC, datetime
from typing import Any, NoReturn

import click
from attrs import frozen
from rich.console import Console
from rich.rule import Rule
from rich.text import Text
from twisted.python.runtime import seconds

from flocker.model.errors import FlockerError
from flocker.runtime.settings import program_status
from flocker.sandbox import cluster
from flocker.sandbox.cargo import Cargo
from flocker.sandbox.cluster import Sandbox
from flocker.sandbox.demo_database import (
    can_show_database,
    does_docker_answer,
    show_database,
)
from flocker.sandbox.demo_pools import show_pools
from flocker.sandbox.layout import default_layout, programs
from flocker.sandbox.logs import log_files, tail
from flocker.sandbox.names import (
    CONTROL,
    MachineName,
    SandboxName,
    address,
    node_name,
    node_names,
    parse_sandbox_name,
)
from flocker.sandbox.owners import this_process
from flocker.sandbox.places import places
from flocker.sandbox.pools import BACKENDS, SHARED
from flocker.sandbox.reaching import ask, await_connected, nodes_seen
from flocker.sandbox.requirements import (
    require_backend,
    require_outside_of_machines,
    require_permission,
    require_seen,
    require_tools,
)
from flocker.sandbox.showing import CommandFailed, Demonstration
from flocker.sandbox.waiting import Stopwatch, until

INTERRUPTED = 128 + signal.SIGINT
"""Exit status of a program that was interrupted, as shells count."""
NODES = 2
ONE, TWO = node_name(1), node_name(2)
DATASET = "demo"
SIZE = "1G"

_CONNECTED_WITHIN = 60.0
_NOTICED_WITHIN = 60.0
_MOUNTED_WITHIN = 60.0
"""Seconds."""
_LAST_LINES = 12


@frozen
class DataDiffers(FlockerError):
    """What was read is not what was written."""

    machine: MachineName
    written: Cargo
    found: Cargo

    def words(self) -> str:
        """Name the node and both."""
        return f"{self.machine} has {self.found}, but {self.written} was written"


@frozen
class StillThere(FlockerError):
    """Something that must be gone is not."""

    what: str
    where: str

    def words(self) -> str:
        """Name it and the place."""
        return f"{self.what} is still in {self.where}"


def show(demo: Demonstration, *, keep: bool, database: bool) -> None:
    """Show everything; raises what goes wrong on the way."""
    if demo.sandbox.backend != SHARED:
        show_pools(demo, keep=keep)
        return
    demo.begin("The cluster: a control service and two nodes", CONTROL)
    demo.tell("Each node has its own network, mounts and processes; TLS is real.")
    demo.flockerctl("list-nodes")
    written = _create_and_fill(demo)
    _move(demo, written)
    _kill(demo)
    _start(demo, written)
    if database:
        show_database(demo, keep=keep)
    if not keep:
        _destroy(demo)


def _create_and_fill(demo: Demonstration) -> Cargo:
    demo.begin("A dataset on node-1", ONE)
    name = ("--metadata", f"name={DATASET}")
    demo.flockerctl("create", "--node", address(ONE), "--size", SIZE, *name, "--wait")
    demo.begin("Data in it: 100 MiB of random bytes and a SQLite database", ONE)
    watch = Stopwatch()
    written = _cargo(demo, ONE, "write")
    demo.tell(f"Written to {_dataset(demo)['path']} on node-1 in {watch}:\n  {written}")
    return written


def _move(demo: Demonstration, written: Cargo) -> None:
    demo.begin("The dataset moves to node-2", TWO)
    demo.flockerctl("move", "--dataset", DATASET, "--to", address(TWO), "--wait")
    _compare(demo, TWO, written)
    mounted = demo.on(ONE, "cat", "/proc/mounts")
    path = _dataset(demo)["path"]
    if path in mounted:
        raise StillThere(path, "the mounts of node-1")
    demo.tell("On node-1 nothing of it is mounted any more.")


def _kill(demo: Demonstration) -> None:
    demo.begin("node-2 loses power", TWO)
    demo.sandboxed("kill", TWO)
    watch = Stopwatch()
    until(lambda: not _connected(demo, TWO), "control to miss node-2", _NOTICED_WITHIN)
    demo.tell(f"The control service noticed after {watch}.")
    demo.flockerctl("list-nodes")
    demo.flockerctl("list")
    demo.flockerctl("why", DATASET)


def _start(demo: Demonstration, written: Cargo) -> None:
    demo.begin("node-2 comes back, and with it the data", TWO)
    watch = Stopwatch()
    demo.sandboxed("start", TWO)
    until(lambda: _mounted(demo, TWO), "the dataset on node-2", _MOUNTED_WITHIN)
    demo.tell(f"Mounted again {watch} after node-2 was switched on.")
    _compare(demo, TWO, written)


def _dataset(demo: Demonstration) -> dict[str, Any]:
    """Ask for the status of the dataset."""
    answer = ask(demo.sandbox.layout, "GET", "/v1/status/datasets")
    return next(one for one in answer.json if one["name"] == DATASET)


def _destroy(demo: Demonstration) -> None:
    demo.begin("The dataset is destroyed", TWO)
    demo.flockerctl("destroy", "--dataset", DATASET, "--wait")
    left = sorted(demo.sandbox.layout.volumes.glob("*/*/**/block-*"))
    if left:
        raise StillThere(str(left[0]), "the storage")
    demo.tell("Its volume is gone.")


def _compare(demo: Demonstration, machine: MachineName, written: Cargo) -> None:
    watch = Stopwatch()
    found = _cargo(demo, machine, "read")
    if found != written:
        raise DataDiffers(machine, written, found)
    demo.compared += 1
    demo.tell(f"Read back on {machine} in {watch}, and it is the same:\n  {found}")


def _cargo(demo: Demonstration, machine: MachineName, verb: str) -> Cargo:
    """Write or read in the dataset on a machine."""
    program = (sys.executable, "-m", "flocker.sandbox.cargo")
    said = demo.on(machine, *program, verb, _dataset(demo)["path"])
    return Cargo(**json.loads(said))


def _connected(demo: Demonstration, node: MachineName) -> bool:
    seen = nodes_seen(demo.sandbox.layout).get(address(node))
    return seen is not None and seen.connected


def _mounted(demo: Demonstration, node: MachineName) -> bool:
    return _connected(demo, node) and _dataset(demo)["phase"] == "mounted"


# --- going wrong, and the end ------------------------------------------------------


def _explain(demo: Demonstration, error: BaseException) -> None:
    """Say what failed: the error, the dataset's status, the end of the right logs."""
    console = demo.console
    console.print()
    console.print(Rule(f"Step {demo.step} failed", align="left", style="red"))
    demo.tell(str(error) or repr(error))
    try:
        demo.flockerctl("why", DATASET)
    except CommandFailed as second:
        demo.tell(str(second))
    layout = demo.sandbox.layout
    for file in log_files(layout, sorted({CONTROL, demo.about})):
        lines = tail(file, _LAST_LINES)
        if lines:
            said = "\n  ".join(lines)
            demo.tell(f"The end of {file.parent.name}'s {file.name}:\n  {said}")


def _kept(name: SandboxName, console: Console) -> None:
    """Say how to go on with a sandbox that stays."""
    command = "" if name == "default" else f" --name {name}"
    who = "the same user" if places().rootless else "root"
    console.print(f"\nIt is kept. Go on, as {who}, with Flocker's commands found:")
    for line in (
        f"export PATH={shlex.quote(str(programs()))}:$PATH",
        f'eval "$(flocker-sandbox{command} env)"',
        "flockerctl list",
        f"flockerctl move --dataset {DATASET} --to {address(ONE)} --wait",
        f"flocker-sandbox{command} status",
        f"flocker-sandbox{command} exec node-2 -- ls -l /flocker",
        f"flocker-sandbox{command} partition node-1",
        f"flocker-sandbox{command} logs --follow",
        f"flocker-sandbox{command} down",
    ):
        console.print(Text(f"  {line}"), soft_wrap=True)


def _prepare(wanted: Sandbox, console: Console) -> Demonstration:
    """Make the cluster in which it is shown."""
    console.print(f"Making a cluster in the sandbox {wanted.layout.name!r}.")
    now = datetime.fromtimestamp(seconds(), UTC)

    def say(text: str) -> None:
        console.print(f"· {text}")

    made = cluster.up(wanted, now, say, owner=this_process())
    return Demonstration(made, console)


def _require(backend: str) -> None:
    require_outside_of_machines()
    require_permission(backend)
    require_tools()
    require_backend(backend)


@click.command()
@click.option(
    "--keep", is_flag=True, help="Leave the cluster up, and say how to go on."
)
@click.option(
    "--docker/--no-docker", default=False, help="Show a database in a container too."
)
@click.option(
    "--backend",
    type=click.Choice(BACKENDS),
    default=SHARED,
    help="What the dataset is on; with a pool of each node another story is shown.",
)
@click.option("--name", default="demo", show_default=True, help="The sandbox's name.")
def demonstrate(*, keep: bool, docker: bool, backend: str, name: str) -> None:
    """Show how a dataset follows its node, on a cluster made for it."""
    _require(backend)
    console = Console(highlight=False)
    whole = Stopwatch()
    docker = docker and backend == SHARED and can_show_database(console)
    layout = default_layout(parse_sandbox_name(name))
    require_seen(layout.data)
    watch = Stopwatch()
    demo = _prepare(Sandbox(layout, NODES, docker, backend), console)
    kept = False
    try:
        await_connected(layout, node_names(NODES), _CONNECTED_WITHIN)
        database = docker and does_docker_answer(demo, node_names(NODES))
        console.print(f"It is up after {watch}.")
        show(demo, keep=keep, database=database)
        if keep:
            cluster.keep(demo.sandbox)
        kept = keep
    except (Exception, KeyboardInterrupt) as error:
        if not isinstance(error, KeyboardInterrupt):
            _explain(demo, error)
        raise
    finally:
        if not kept:
            console.print("\nTaking everything down.")
            cluster.down(layout.name)
    console.print(f"Compared {demo.compared} times, always the same. Took {whole}.")
    if keep:
        _kept(layout.name, console)


def main() -> NoReturn:
    """Run the demonstration, and exit with 0 only if data was compared."""
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGHUP, _interrupt)
    try:
        status = program_status(demonstrate, "admin/demo", sys.argv[1:])
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        status = INTERRUPTED
    sys.exit(status)


def _interrupt(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
