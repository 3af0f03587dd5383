"""The demonstration: a dataset follows its node, for real; `admin/demo` starts it.

A sandbox is made, and the commands a user would type are shown and run in it. It
succeeds only if data that was written on one node was read back on another and was the
same. Everything is taken down again, however it ends, unless the user wants to keep it.
"""

import json
import shlex
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn

import click
from attrs import define, field, frozen
from rich.console import Console
from rich.rule import Rule
from rich.text import Text
from twisted.python.runtime import seconds

from flocker.model.errors import FlockerError
from flocker.runtime.process import DEFAULT_ENVIRONMENT, run_sync
from flocker.runtime.settings import program_status
from flocker.sandbox import cluster
from flocker.sandbox.cargo import Cargo
from flocker.sandbox.cluster import Sandbox
from flocker.sandbox.layout import default_layout, programs
from flocker.sandbox.logs import log_files, tail
from flocker.sandbox.machines import client_environment, entering, search_path
from flocker.sandbox.names import (
    CONTROL,
    MachineName,
    SandboxName,
    address,
    node_name,
    node_names,
    parse_sandbox_name,
)
from flocker.sandbox.network import entering as entering_network
from flocker.sandbox.reaching import ask, await_connected, nodes_seen
from flocker.sandbox.requirements import require_root, require_tools
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
_AS_ONE_STREAM = ("sh", "-c", 'exec "$@" 2>&1', "sh")
"""Runs a command so that what it says is kept in the order in which it said it."""


@frozen
class CommandFailed(FlockerError):
    """A command that was shown, with what it said, failed."""

    command: str
    status: int

    def words(self) -> str:
        """Name it and its exit status."""
        return f"`{self.command}` failed with status {self.status}"


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


@define
class Demonstration:
    """A sandbox, and somebody who shows it."""

    sandbox: Sandbox
    console: Console
    about: MachineName = CONTROL
    """The machine that the present step is about: its log tells if it fails."""
    step: int = 0
    compared: int = field(default=0, init=False)

    def begin(self, title: str, about: MachineName) -> None:
        """Start a step."""
        self.step += 1
        self.about = about
        self.console.print()
        self.console.print(Rule(f"{self.step}. {title}", align="left", style="cyan"))

    def tell(self, text: str) -> None:
        """Say what happened."""
        self.console.print(Text(text), soft_wrap=True)

    def flockerctl(self, *arguments: str) -> None:
        """Run a command of flockerctl as the user of the sandbox."""
        self._run(
            ["flockerctl", *arguments],
            [*entering_network(self.sandbox.layout.switch), "flockerctl", *arguments],
        )

    def sandboxed(self, *arguments: str) -> None:
        """Run a command of flocker-sandbox."""
        name = self.sandbox.layout.name
        command = ["flocker-sandbox", "--name", name, *arguments]
        self._run(command, command)

    def on(self, machine: MachineName, *command: str) -> str:
        """Run a command on a machine, not shown; its output."""
        enter = entering(self.sandbox.layout, machine)
        return run_sync([*enter, *command], env=self._environment()).out.decode()

    def dataset(self) -> dict[str, Any]:
        """Ask for the status of the dataset."""
        answer = ask(self.sandbox.layout, "GET", "/v1/status/datasets")
        return next(one for one in answer.json if one["name"] == DATASET)

    def _run(self, shown: Sequence[str], command: Sequence[str]) -> None:
        self.console.print(Text(f"$ {shlex.join(shown)}", style="bold"))
        watch = Stopwatch()
        done = run_sync(
            [*_AS_ONE_STREAM, *command], env=self._environment(), expected=range(256)
        )
        said = done.out.decode(errors="replace").rstrip()
        for line in said.splitlines():
            self.console.print(Text(f"  {line}", style="green"), soft_wrap=True)
        self.console.print(Text(f"  ({watch})", style="dim"))
        if done.status != 0:
            raise CommandFailed(shlex.join(shown), done.status)

    def _environment(self) -> dict[str, str]:
        path = search_path(DEFAULT_ENVIRONMENT["PATH"])
        return {**client_environment(self.sandbox.layout), "PATH": path}


def show(demo: Demonstration, *, keep: bool) -> None:
    """Show everything; raises what goes wrong on the way."""
    demo.begin("The cluster: a control service and two nodes", CONTROL)
    demo.tell("Each node has its own network, mounts and processes; TLS is real.")
    demo.flockerctl("list-nodes")
    written = _create_and_fill(demo)
    _move(demo, written)
    _kill(demo)
    _start(demo, written)
    if not keep:
        _destroy(demo)


def _create_and_fill(demo: Demonstration) -> Cargo:
    demo.begin("A dataset on node-1", ONE)
    name = ("--metadata", f"name={DATASET}")
    demo.flockerctl("create", "--node", address(ONE), "--size", SIZE, *name, "--wait")
    demo.begin("Data in it: 100 MiB of random bytes and a SQLite database", ONE)
    watch = Stopwatch()
    written = _cargo(demo, ONE, "write")
    demo.tell(f"Written to {demo.dataset()['path']} on node-1 in {watch}:\n  {written}")
    return written


def _move(demo: Demonstration, written: Cargo) -> None:
    demo.begin("The dataset moves to node-2", TWO)
    demo.flockerctl("move", "--dataset", DATASET, "--to", address(TWO), "--wait")
    _compare(demo, TWO, written)
    mounted = demo.on(ONE, "cat", "/proc/mounts")
    path = demo.dataset()["path"]
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
    said = demo.on(machine, *program, verb, demo.dataset()["path"])
    return Cargo(**json.loads(said))


def _connected(demo: Demonstration, node: MachineName) -> bool:
    seen = nodes_seen(demo.sandbox.layout).get(address(node))
    return seen is not None and seen.connected


def _mounted(demo: Demonstration, node: MachineName) -> bool:
    return _connected(demo, node) and demo.dataset()["phase"] == "mounted"


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
    console.print("\nIt is kept. Go on, as root and with Flocker's commands found:")
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


@click.command()
@click.option(
    "--keep", is_flag=True, help="Leave the cluster up, and say how to go on."
)
@click.option("--name", default="demo", show_default=True, help="The sandbox's name.")
def demonstrate(*, keep: bool, name: str) -> None:
    """Show how a dataset follows its node, on a cluster made for it."""
    require_root()
    require_tools()
    console = Console(highlight=False)
    whole = Stopwatch()
    layout = default_layout(parse_sandbox_name(name))
    watch = Stopwatch()
    console.print(f"Making a cluster in the sandbox {name!r}.")
    now = datetime.fromtimestamp(seconds(), UTC)
    sandbox = cluster.up(layout, NODES, now, lambda text: console.print(f"· {text}"))
    demo = Demonstration(sandbox, console)
    kept = False
    try:
        await_connected(layout, node_names(NODES), _CONNECTED_WITHIN)
        console.print(f"It is up after {watch}.")
        show(demo, keep=keep)
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
