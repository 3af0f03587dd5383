"""Nodes with a real systemd as process 1, for tests of Flocker's units.

No Docker and no virtual machine: a node is namespaces, an overlay over the image of
`systemd_image`, and a branch of the cgroup tree. All that a node has in memory goes
with its first process; what is on its disk is there when it boots again.
"""

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from attrs import define, field, frozen

from flocker.backends.loopback.loop_devices import (
    FileIdentity,
    LoopDeviceBusy,
    LoopDevices,
)
from flocker.runtime.process import Completed, ProcessFailed, run_sync
from flocker.sandbox.processes import look_up
from flocker.sandbox.removing import Swept
from flocker.sandbox.waiting import until
from flocker.testing.claims import claimed, empty, sweep_claims
from flocker.testing.orphans import DIES_WITH_US
from flocker.testing.systemd_image import HOME, Image, image, install_flocker

BOOTED_WITHIN: Final = 60.0
DOWN_WITHIN: Final = 120.0
"""Seconds, on a machine that is busy with other tests."""
_BOOT: Final = Path(__file__).parent / "boot_systemd.sh"
_PREFIX: Final = "flocker-units-"
_MEMORY: Final = "memory"
_IN_CGROUP: Final = 'echo $$ >"$1/cgroup.procs"; shift; exec "$@"'
_NAMESPACES: Final = ("--mount", "--pid", "--uts", "--ipc", "--cgroup")
_ADDRESSES: Final = "10.78.0"
_UP: Final = ("running", "degraded")


@frozen
class Machines:
    """What the nodes of a test share: a directory in memory, the image, volumes."""

    place: Path
    image: Image

    @property
    def volumes(self) -> Path:
        """Give the directory of the loopback backend, the cloud of these nodes."""
        return _volumes(self.place)

    @property
    def cgroups(self) -> Path:
        """Give the nodes' part of the cgroup tree."""
        return _cgroups(self.place)


@define(eq=False)
class Node:
    """A machine that boots systemd; switched off until `boot`."""

    machines: Machines
    name: str
    number: int
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def address(self) -> str:
        """Give its address; the other nodes reach it there."""
        return f"{_ADDRESSES}.{self.number}"

    @property
    def disk(self) -> Path:
        """Give the directory that is its disk."""
        return self.machines.place / self.name

    @property
    def network(self) -> Path:
        """Give the file that holds its network namespace."""
        return self.machines.place / f"{self.name}.net"

    @property
    def console(self) -> Path:
        """Give the file with what it said before systemd had a journal."""
        return self.machines.place / f"{self.name}.console"

    def boot(self) -> None:
        """Switch it on and wait until systemd has started everything."""
        cgroup = self.machines.cgroups / self.name
        cgroup.mkdir(exist_ok=True)
        (self.disk / "pid").unlink(missing_ok=True)
        layers = ":".join(str(layer) for layer in self.machines.image.layers)
        boot = (str(_BOOT), self.name, str(self.disk), layers)
        with self.console.open("ab") as console:
            self._process = self._started(cgroup, boot, console)
        until(self._is_up, f"{self.name} to boot", BOOTED_WITHIN)

    def reboot(self) -> None:
        """Let systemd stop everything and reboot; wait until it is up again."""
        with suppress(ProcessFailed):  # it may be gone before it has answered
            _ = self.run("systemctl", "reboot")
        self._gone()
        self.boot()

    def cut_power(self) -> None:
        """End everything at once; nothing happens if it is off."""
        if self._process is not None and self._process.poll() is None:
            with suppress(FileNotFoundError, ProcessLookupError):
                os.kill(self._init(), signal.SIGKILL)
        self._gone()

    def run(
        self, *command: str, stdin: bytes = b"", timeout: float = 120.0
    ) -> Completed:
        """Run a command in it; raises `ProcessFailed`, `ProcessTimedOut`."""
        init = look_up(self._init())
        assert init is not None, f"{self.name} is off"
        path = f"{HOME}/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        inside = (
            "nsenter",
            f"--target={init.pid}",
            "--all",
            "--",
            "env",
            f"PATH={path}",
        )
        return run_sync([*inside, *command], stdin=stdin, timeout=timeout)

    def out(self, *command: str) -> str:
        """Run a command in it and give its output."""
        return self.run(*command).out.decode()

    def seen(self, path: Path) -> Path:
        """Give where a file of it, absolute there, is for processes outside."""
        return Path(f"/proc/{self._init()}/root") / path.relative_to("/")

    def write(self, path: Path, content: str) -> None:
        """Write a file in it, durably."""
        code = 'cat >"$1" && sync "$1"'
        _ = self.run("sh", "-c", code, "sh", str(path), stdin=content.encode())

    def _started(
        self, cgroup: Path, boot: Sequence[str], console: IO[bytes]
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [
                *(*DIES_WITH_US, "sh", "-c", _IN_CGROUP, "sh"),
                *(str(cgroup), "nsenter", f"--net={self.network}", "--"),
                *("unshare", *_NAMESPACES, "--fork", "--kill-child", "--"),
                *("sh", *boot, str(self.machines.volumes)),
            ],
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
            start_new_session=True,
        )

    def _init(self) -> int:
        return int((self.disk / "pid").read_text())

    def _is_up(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.console.read_text()
        if not (self.disk / "pid").exists():
            return False
        try:
            state = self.out("sh", "-c", "systemctl is-system-running || true")
        except ProcessFailed:
            return False
        return state.strip() in _UP

    def _gone(self) -> None:
        """Wait for its end, and let go of what outlives a dead machine."""
        if self._process is not None:
            _ = self._process.wait(DOWN_WITHIN)
            self._process = None
        _remove_cgroup(self.machines.cgroups / self.name)
        unbind(self.machines.volumes)


@contextmanager
def two_nodes() -> Iterator[tuple[Node, Node]]:
    """Make two nodes, connected and switched on, with Flocker installed in them."""
    with claimed(_PREFIX, _clear) as claim, ExitStack() as after:
        machines = _machines(claim / _MEMORY)
        nodes = Node(machines, "one", 1), Node(machines, "two", 2)
        for node in nodes:
            node.disk.mkdir()
            after.callback(_end, node)
        _connect(*nodes)
        for node in nodes:
            node.boot()
        yield nodes


def unbind(volumes: Path) -> None:
    """Let go of the loop devices of machines that are off, as a power failure does."""
    files = [each for each in volumes.rglob("*") if each.is_file()]
    ours = {FileIdentity.of(file.stat()) for file in files}
    loops = LoopDevices()
    for device, file in loops.bound():
        if file in ours:
            with suppress(LoopDeviceBusy):  # a node that is on uses it
                loops.unbind(device, file)


def sweep() -> Swept:
    """Clear what tests left that were killed; their nodes died too."""
    return sweep_claims(_PREFIX, _clear)


def _machines(place: Path) -> Machines:
    place.mkdir(mode=0o700)
    _ = run_sync(["mount", "-t", "tmpfs", "-o", "mode=700", "flocker", str(place)])
    layer = place / "flocker"
    layer.mkdir()
    machines = Machines(place, install_flocker(image(), layer))
    machines.volumes.mkdir(mode=0o700)
    # Wherever the host has it, and whether it has; there is one tree for all.
    (place / "cgroup").mkdir()
    _ = run_sync(["mount", "-t", "cgroup2", "cgroup2", str(place / "cgroup")])
    machines.cgroups.mkdir()
    return machines


def _volumes(place: Path) -> Path:
    return place / "volumes"


def _cgroups(place: Path) -> Path:
    return place / "cgroup" / place.parent.name


def _connect(one: Node, two: Node) -> None:
    """Lay a cable between two nodes."""
    for node in (one, two):
        node.network.touch()
        _ = run_sync(
            ["unshare", f"--net={node.network}", "ip", "link", "set", "lo", "up"]
        )
    cable = f"eth0 type veth peer name eth0 netns {two.network}"
    _ip(one, f"link add {cable}")
    for node in (one, two):
        _ip(node, f"addr add {node.address}/24 dev eth0")
        _ip(node, "link set eth0 up")


def _ip(node: Node, command: str) -> None:
    _ = run_sync(["nsenter", f"--net={node.network}", "--", "ip", *command.split()])


def _end(node: Node) -> None:
    node.cut_power()
    if node.network.exists():
        _ = run_sync(["umount", str(node.network)], expected=(0, 32))


def _remove_cgroup(cgroup: Path) -> None:
    if not cgroup.exists():
        return
    until(lambda: _emptied(cgroup), f"the end of {cgroup.name}", DOWN_WITHIN)


def _emptied(cgroup: Path) -> bool:
    """Remove the directories of a cgroup, the lowest first; they are not emptied."""
    for folder, _, _ in os.walk(cgroup, topdown=False):
        try:
            Path(folder).rmdir()
        except OSError:
            return False
    return True


def _clear(claim: Path) -> None:
    place = claim / _MEMORY
    _remove_cgroup(_cgroups(place))
    unbind(_volumes(place))
    if place.is_mount():
        _ = run_sync(["umount", "--recursive", "--lazy", str(place)])
    empty(claim)
