"""Sandboxes come, go, and leave nothing, however they end: needs root.

Their machines run nothing; what the daemons do in them, tests/acceptance asks.
"""

import os
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from subprocess import Popen, TimeoutExpired
from uuid import uuid4

import pytest

from flocker.model.errors import FlockerError
from flocker.runtime.process import run_sync
from flocker.sandbox import cluster, network
from flocker.sandbox.blueprint import Program
from flocker.sandbox.cluster import AlreadyUp, DirectoryInUse, NotUp, Sandbox
from flocker.sandbox.layout import MOUNT_ROOT, Layout, default_layout
from flocker.sandbox.loops import bound_below
from flocker.sandbox.machines import demand, entering, running
from flocker.sandbox.names import CONTROL, MachineName, SandboxName, node_name
from flocker.sandbox.places import DATAS, STATES
from flocker.sandbox.processes import everyone, namespace, send
from flocker.sandbox.records import Stage, read_sandbox
from flocker.sandbox.removing import MountedBelow, sweep
from flocker.sandbox.waiting import until
from tests.functional.sandbox_traces import await_swept, left_of

ONE = node_name(1)
NOW = datetime.now(UTC)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="makes namespaces: root")

MAKE = """
import sys
from datetime import UTC, datetime
from flocker.sandbox import cluster
from flocker.sandbox.cluster import Sandbox
from flocker.sandbox.layout import default_layout
print("begun", flush=True)
made = Sandbox(default_layout(sys.argv[1]), 2)
cluster.up(made, datetime.now(UTC), print, lambda *_: ())
"""


def nothing(_layout: Layout, _machine: MachineName) -> tuple[Program, ...]:
    """What each machine runs."""
    return ()


def silent(_text: str) -> None:
    """Tell nobody."""


def make(name: SandboxName, directory: Path | None = None) -> Sandbox:
    """Make a sandbox of one node."""
    return cluster.up(Sandbox(default_layout(name, directory), 1), NOW, silent, nothing)


@pytest.fixture
def name() -> Iterator[SandboxName]:
    """A name for a sandbox; nothing of it is left after the test."""
    name = SandboxName(f"test-{uuid4().hex[:8]}")
    yield name
    cluster.down(name)


@pytest.fixture
def other() -> Iterator[SandboxName]:
    """A name for a second sandbox."""
    name = SandboxName(f"test-{uuid4().hex[:8]}")
    yield name
    cluster.down(name)


def in_namespaces(kind: str, inodes: set[int | None]) -> list[int]:
    """The processes in any of these namespaces."""
    return [pid for pid in everyone() if namespace(pid, kind) in inodes]


@pytest.mark.parametrize("backend", ["volumes", "volumes-of-another-backend"])
def test_down_leaves_nothing(name: SandboxName, backend: str) -> None:
    """After `down` its directories, mounts, namespaces and loop devices are gone."""
    before = (MOUNT_ROOT.exists(), run_sync(["ip", "netns", "list"]).out)
    made = make(name)
    inits = [demand(made.layout, machine).init.pid for machine in made.machines]
    spaces = {kind: {namespace(p, kind) for p in inits} for kind in ("net", "mnt")}
    attached = made.layout.data / backend / "c" / "attached" / ONE
    attached.mkdir(parents=True)
    run_sync(["truncate", "--size=16M", str(attached / "v")])
    script = f"mkfs.ext4 -q {attached}/v; mkdir /flocker/v; mount {attached}/v $_"
    run_sync(
        [*entering(made.layout, ONE), "sh", "-c", script.replace("$_", "/flocker/v")]
    )
    other = run_sync(["losetup", "--find", "--show", str(attached / "v")])
    assert other.out.startswith(b"/dev/loop")  # one that no mount holds
    assert bound_below(made.layout.data) != []
    assert left_of(name) != []
    assert cluster.down(name)
    assert left_of(name) == []
    assert {kind: in_namespaces(kind, spaces[kind]) for kind in spaces} == {
        "net": [],
        "mnt": [],
    }
    if not STATES.exists():  # no other sandbox is up beside this test
        after = (MOUNT_ROOT.exists(), run_sync(["ip", "netns", "list"]).out)
        assert after == before


def test_down_of_nothing(name: SandboxName) -> None:
    """There is nothing to take down twice."""
    make(name)
    assert [cluster.down(name), cluster.down(name)] == [True, False]
    with pytest.raises(NotUp):
        cluster.open_sandbox(name)


def test_up_twice(name: SandboxName) -> None:
    """A sandbox that is up is not made again, and stays as it is."""
    made = make(name)
    before = demand(made.layout, ONE)
    with pytest.raises(AlreadyUp):
        make(name)
    assert demand(made.layout, ONE) == before


def test_two_sandboxes(name: SandboxName, other: SandboxName) -> None:
    """Two sandboxes do not touch each other, though their addresses are the same."""
    made, second = make(name), make(other)
    before = demand(made.layout, ONE)
    assert cluster.down(other)
    assert (demand(made.layout, ONE), left_of(other)) == (before, [])
    assert running(second.layout, ONE) is None


def test_two_at_once(name: SandboxName) -> None:
    """Of two `up` of one name at once one makes the sandbox, the other is refused."""
    makers = [Popen([sys.executable, "-c", MAKE, name], stderr=-1) for _ in range(2)]
    errors = [maker.communicate(timeout=60)[1].decode() for maker in makers]
    assert sorted(maker.returncode for maker in makers) == [0, 1]
    assert any("AlreadyUp" in error for error in errors)
    assert cluster.open_sandbox(name).machines == (CONTROL, ONE, node_name(2))


@pytest.mark.parametrize("delay", [0.02, 0.06, 0.12, 0.2, 0.35, 0.6])
def test_killed_up_is_swept(
    name: SandboxName, other: SandboxName, delay: float
) -> None:
    """What a killed `up` left, at whatever moment, the next of another name removes."""
    kill_while_making(name, delay)
    make(other)
    living = cluster.open_sandbox(other)
    record = read_sandbox(default_layout(name).record)
    if record is not None and record.stage is Stage.UP:  # faster than the kill
        assert cluster.down(name)
    await_swept(name)
    assert demand(living.layout, ONE)


def test_wire_that_was_never_laid(name: SandboxName, other: SandboxName) -> None:
    """A node that was killed between its namespace and its cable stands in no way."""
    kill_while_making(name, 0.0)
    layout = default_layout(name)
    layout.state.mkdir(parents=True, exist_ok=True)
    network.add_switch(layout)
    bare = layout.network(ONE)
    bare.touch()
    run_sync(["unshare", f"--net={bare}", "--", "true"])
    make(other)
    await_swept(name)


def test_killed_up_can_be_repeated(name: SandboxName) -> None:
    """After a killed `up` another of the same name works."""
    kill_while_making(name, 0.1)
    made = make(name)
    assert [demand(made.layout, machine).kernel for machine in made.machines]


def kill_while_making(name: SandboxName, delay: float) -> None:
    """Begin to make a sandbox and kill -9 that after `delay` seconds."""
    command = [sys.executable, "-c", MAKE, name]
    with Popen(command, stdout=-1, start_new_session=True) as maker:
        assert maker.stdout is not None
        maker.stdout.readline()
        try:
            maker.wait(delay)
        except TimeoutExpired:
            os.killpg(maker.pid, signal.SIGKILL)


def test_living_sandbox_is_not_swept(name: SandboxName, other: SandboxName) -> None:
    """The sweep leaves what runs, and what was switched off by command."""
    made, off = make(name), make(other)
    for machine in off.machines:
        cluster.kill(off, machine)
    before = demand(made.layout, ONE)
    sweep(silent)
    assert demand(made.layout, ONE) == before
    cluster.start(off, ONE, nothing)
    assert demand(off.layout, ONE)


def test_dead_sandbox_is_swept(name: SandboxName) -> None:
    """A sandbox whose machines all died without a command is removed."""
    made = make(name)
    for machine in made.machines:
        send(demand(made.layout, machine).init, signal.SIGKILL)
    until(lambda: not any(running(made.layout, m) for m in made.machines), "it", 60)
    sweep(silent)
    await_swept(name)


def test_reboot_is_no_obstacle(name: SandboxName, other: SandboxName) -> None:
    """Data whose records went with /run is removed by the next `up` of any name."""
    for lost in (name, other):
        (DATAS / lost / "node-1").mkdir(parents=True)
    made = make(name)
    assert demand(made.layout, ONE)
    await_swept(other)


def test_foreign_mount_is_not_emptied(name: SandboxName, tmp_path: Path) -> None:
    """What somebody mounted in a sandbox's directory is named, and not removed."""
    made = make(name)
    (tmp_path / "precious").touch()
    place = made.layout.data / "place"
    place.mkdir()
    run_sync(["mount", "--bind", str(tmp_path), str(place)])
    try:
        with pytest.raises(MountedBelow):
            cluster.down(name)
    finally:
        run_sync(["umount", str(place)])
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]
    assert cluster.down(name)


def test_failure_takes_down(name: SandboxName) -> None:
    """What fails on the way up leaves nothing, and its error is the one raised."""

    def failing(_layout: Layout, machine: MachineName) -> tuple[Program, ...]:
        if machine == ONE:
            raise BrokenPipeError
        return ()

    with pytest.raises(BrokenPipeError):
        cluster.up(Sandbox(default_layout(name), 1), NOW, silent, failing)
    assert left_of(name) == []


def test_directory_of_its_own(name: SandboxName, tmp_path: Path) -> None:
    """The data is kept where the user says, and goes from there."""
    made = make(name, tmp_path / "data")
    assert cluster.open_sandbox(name) == made
    assert (tmp_path / "data" / ONE / "agent.yml").exists()
    cluster.down(name)
    assert list(tmp_path.iterdir()) == []


def test_directory_in_use(name: SandboxName, tmp_path: Path) -> None:
    """A directory with anything in it is not taken, and stays as it is."""
    (tmp_path / "precious").touch()
    with pytest.raises(DirectoryInUse):
        make(name, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]
    assert left_of(name) == []


def test_mount_that_stays_is_named(name: SandboxName) -> None:
    """If somebody outside holds a filesystem, `kill` says who, and can be repeated."""
    made = make(name)
    attached = made.layout.volumes / "c" / "attached" / ONE
    attached.mkdir(parents=True)
    run_sync(["truncate", "--size=16M", str(attached / "v")])
    device = run_sync(["losetup", "-f", "--show", str(attached / "v")])
    path = device.out.decode().strip()
    run_sync(["mkfs.ext4", "-q", path])
    place = made.layout.data / "outside"
    place.mkdir()
    run_sync(["mount", path, str(place)])
    try:
        with pytest.raises(FlockerError) as caught:
            cluster.kill(made, ONE)
    finally:
        run_sync(["umount", str(place)])
    assert f"process {os.getpid()} " in str(caught.value)
    cluster.start(made, ONE, nothing)
    assert bound_below(attached) == []
