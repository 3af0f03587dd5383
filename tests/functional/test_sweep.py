"""What killed runs of tests left goes before the next; what lives stays."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from uuid import uuid4

import pytest

from flocker.backends.devices import device_size
from flocker.backends.loopback.loop_devices import LoopDevices
from flocker.sandbox import cluster
from flocker.sandbox.layout import default_layout
from flocker.sandbox.machines import running
from flocker.sandbox.names import SandboxName, node_name
from flocker.sandbox.owners import VARIABLE, this_process
from flocker.sandbox.processes import Process, is_alive, look_up
from flocker.testing import loop_devices
from flocker.testing.loop_devices import bound_file, scratch_directory
from flocker.testing.ordinary_users import OrdinaryUser
from flocker.testing.sweeping import sweep
from tests.functional.sandbox_traces import left_of

SIZE = 2**24
ONE = node_name(1)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="loop devices need root")

BEGIN = """
import os, subprocess, sys, time
from datetime import UTC, datetime
from flocker.dataset_agent.filesystems import Filesystems
from flocker.sandbox import cluster
from flocker.sandbox.blueprint import Program
from flocker.sandbox.cluster import Sandbox
from flocker.sandbox.layout import default_layout
from flocker.testing.loop_devices import bound_file, scratch_directory
from flocker.testing.ordinary_users import ordinary_user
from flocker.testing.orphans import own_what_is_started
from flocker.testing.sweeping import sweep

def ready(*words):
    print(*words, flush=True)
    sys.stdin.readline()

own_what_is_started()
"""
"""How a run of tests begins."""


@contextmanager
def run_of(script: str, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """A run of tests that does this, and is killed at the latest at the end."""
    with subprocess.Popen(
        [sys.executable, "-c", BEGIN + script, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def said(run: "subprocess.Popen[str]") -> list[str]:
    """The words of a run when it is ready."""
    assert run.stdout is not None
    return run.stdout.readline().split()


def killed(script: str, *arguments: str) -> list[str]:
    """The words of a run that was killed when it was ready."""
    with run_of(script, *arguments) as run:
        return said(run)


def bound_below(place: Path) -> list[str]:
    """The files below a directory to which loop devices are bound."""
    names = [LoopDevices().backing_name(device) for device, _ in LoopDevices().bound()]
    return [name for name in names if name.startswith(f"{place}/")]


SCRATCH = """
with scratch_directory() as path:
    device = bound_file(path, 2**24)
    Filesystems().make(device)
    Filesystems().mount(device, path / "mounts" / "a")
    ready(path)
"""


def test_scratch_directory() -> None:
    """The sweep unmounts, unbinds and removes what a killed run left, and no more."""
    (left,) = map(Path, killed(SCRATCH))
    assert left.is_dir()
    with scratch_directory() as scratch:
        mine = bound_file(scratch, SIZE)
        _ = sweep()
        assert not left.exists()
        assert not bound_below(left)
        assert device_size(mine) == SIZE


GOING = """
with scratch_directory() as path:
    bound_file(path, 2**24)
    ready(path)
    remove = os.rmdir
    def slowly(which, **how):
        if str(which) == str(path):
            ready("going")
        remove(which, **how)
    os.rmdir = slowly
"""


def test_beside_another_run() -> None:
    """What a process has that runs is its own, also while it is just removing it."""
    with run_of(GOING) as other:
        (place,) = map(Path, said(other))
        _ = loop_devices.sweep()
        assert bound_below(place)
        assert other.stdin is not None
        other.stdin.write("go\n")
        other.stdin.flush()
        assert said(other) == ["going"]
        sweeping = Thread(target=loop_devices.sweep)
        sweeping.start()
        sweeping.join(0.5)
        _ = other.communicate("go\n")
        sweeping.join()
    assert other.returncode == 0
    assert not place.exists()


SANDBOX = """
sleeping = Program("sleeping", ("sleep", "1000"))
made = Sandbox(default_layout(sys.argv[1]), 1, backend="btrfs")
cluster.up(made, datetime.now(UTC), lambda _: None, lambda *_: (sleeping,))
ready("up")
"""


@pytest.fixture
def names() -> Iterator[list[SandboxName]]:
    """Two names for sandboxes; nothing of them is left after the test."""
    names = [SandboxName(f"test-{uuid4().hex[:8]}") for _ in range(2)]
    yield names
    for name in names:
        _ = cluster.down(name)


def test_sandbox(names: list[SandboxName]) -> None:
    """A sandbox goes when its owner was killed, though it runs, and no other."""
    dead, living = names
    with run_of(SANDBOX, living) as owner:
        assert said(owner) == ["up"]
        assert killed(SANDBOX, dead) == ["up"]
        before = running(default_layout(living), ONE)
        assert before is not None
        _ = sweep()
        assert left_of(dead) == []
        assert running(default_layout(living), ONE) == before


@pytest.mark.parametrize("delay", [0.05, 0.3, 1.0])
def test_two_sweeps_at_once(names: list[SandboxName], delay: float) -> None:
    """When a sweep ends nothing is left, also if another was killed at it."""
    for name in names:
        assert killed(SANDBOX, name) == ["up"]
    with run_of("print(1, flush=True); sweep()") as other:
        assert said(other) == ["1"]
        ending = Thread(target=killed_after, args=(other, delay))
        ending.start()
        _ = sweep()
        assert [left_of(name) for name in names] == [[], []]
        ending.join()


def killed_after(run: "subprocess.Popen[str]", seconds: float) -> None:
    """Kill a run, if it has not ended by then."""
    try:
        _ = run.wait(seconds)
    except subprocess.TimeoutExpired:
        run.kill()


CHILD = """
process = subprocess.Popen(["setsid", "sleep", "1000"])
print(process.pid, flush=True)
time.sleep(1000)
"""
PARENT = """
argv = [sys.executable, "-c", sys.argv[1]]
child = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
ready(child.pid, child.stdout.readline())
"""


def found(run: "subprocess.Popen[str]") -> list[Process]:
    """The processes that a run names."""
    processes = [look_up(int(pid)) for pid in said(run)]
    return [process for process in processes if process is not None]


def test_whatever_runs() -> None:
    """Programs end whose owner was killed, and those of whom they own; no others."""
    with run_of(PARENT, BEGIN + CHILD) as run, run_of(PARENT, BEGIN + CHILD) as living:
        both, others = found(run), found(living)
        run.kill()
        _ = run.wait()
        assert list(map(is_alive, both)) == [True, True]
        _ = sweep()
        assert list(map(is_alive, both)) == [False, False]
        assert list(map(is_alive, others)) == [True, True]


def test_number_that_is_used_again() -> None:
    """A process is not taken for the owner that had its number before."""
    own = this_process()
    older = f"{own.process.pid}:{own.process.started - 1}:{own.kernel}"
    with subprocess.Popen(["/bin/sleep", "1000"], env={VARIABLE: older}) as orphan:
        _ = sweep()
        assert orphan.wait() == -signal.SIGKILL


USER = """
with ordinary_user(os.getpid()) as user:
    user.run("mkdir", "-p", "kept/here")
    user.start("sleep", "1000")
    ready(user.home, user.number)
"""


def test_ordinary_user() -> None:
    """A user of a killed run has no home any more, and nothing that runs."""
    home, number = killed(USER)
    user = OrdinaryUser(int(number), Path(home), 0)
    _ = sweep()
    assert not user.home.parent.exists()
    assert user.processes() == []
