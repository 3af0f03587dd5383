"""A sandbox of a user who is not root: all of it through the command, as that user."""

import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from flocker.sandbox.enclosing import RECORD
from flocker.sandbox.processes import is_alive, send
from flocker.sandbox.records import read_enclosure, read_machine
from flocker.sandbox.waiting import until
from flocker.testing import ordinary_users
from flocker.testing.ordinary_users import OrdinaryUser, ordinary_user

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user: root")

PATIENCE = 30.0
"""Seconds, on a machine that is busy with other tests."""

QUIETLY = """
import sys
from datetime import UTC, datetime
from flocker.sandbox import cluster
from flocker.sandbox.cluster import Sandbox
from flocker.sandbox.layout import default_layout
print("begun", flush=True)
made = Sandbox(default_layout(sys.argv[1]), 1, backend="directory")
cluster.up(made, datetime.now(UTC), print, lambda *_: ())
"""
"""Makes a sandbox whose machines run nothing."""

FORBIDDEN = """
import ctypes, os, sys
from pathlib import Path
inner, outer = os.pipe(), os.pipe()
child = os.fork()
if child:
    os.read(inner[0], 1)
    for kind in ("gid", "uid"):
        Path(f"/proc/{child}/{kind}_map").write_text("0 0 4294967295")
    os.write(outer[1], b".")
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
assert ctypes.CDLL(None).unshare(0x10000000) == 0
os.write(inner[1], b".")
os.read(outer[0], 1)
Path("/proc/sys/user/max_user_namespaces").write_text("0")
os.execvp(sys.argv[1], sys.argv[1:])
"""
"""Runs a command where nobody may make user namespaces."""


@pytest.fixture(scope="module")
def world() -> Iterator[int]:
    """Where users are."""
    with ordinary_users.world() as found:
        yield found


@pytest.fixture(scope="module")
def user(world: int) -> Iterator[OrdinaryUser]:
    """A user who has nothing yet."""
    with ordinary_user(world) as found:
        yield found


@pytest.fixture
def other(world: int) -> Iterator[OrdinaryUser]:
    """Another one, for one test, who has nothing left after it."""
    with ordinary_user(world) as found:
        yield found
        until(lambda: is_empty(found), f"{found.processes()} to go", PATIENCE)


def sandbox(user: OrdinaryUser, *arguments: str) -> str:
    """Run flocker-sandbox, which must do what it should; what it said."""
    done = user.run("flocker-sandbox", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def complaint(user: OrdinaryUser, *arguments: str) -> str:
    """Run flocker-sandbox, which must refuse, in one line."""
    done = user.run("flocker-sandbox", *arguments)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    return done.stderr.removeprefix("ERROR: ").strip()


@pytest.fixture(scope="module")
def default(user: OrdinaryUser) -> Iterator[OrdinaryUser]:
    """A user whose sandbox with two nodes is up."""
    sandbox(user, "up", "--nodes", "2", "--backend", "directory")
    yield user
    sandbox(user, "down")


def top(user: OrdinaryUser) -> Path:
    """Give the directory in which all of a user's sandboxes are."""
    return user.home / ".local/share/flocker-sandbox"


def is_empty(user: OrdinaryUser) -> bool:
    """Whether a user runs nothing and has nothing but empty directories."""
    places = [user.home / ".local", user.home / ".local/share"]
    return user.processes() == [] and [*user.home.rglob("*")] in ([], places)


def test_is_root_inside(default: OrdinaryUser) -> None:
    """A machine is one of its own; its user is root in it, and outside just himself."""
    script = "id -u; hostname; id -u >/tmp/$0; cat /proc/sys/kernel/random/boot_id"
    name = f"made-by-{default.number}"
    said = sandbox(default, "exec", "node-1", "--", "sh", "-c", script, name)
    made = Path(tempfile.gettempdir()) / name
    owner = made.stat().st_uid
    made.unlink()
    own = read_machine(top(default) / "run/default/node-1.json")
    assert own is not None
    assert said.split() == ["0", "node-1", str(own.era)]
    assert owner == default.number


def test_keys_are_private(default: OrdinaryUser) -> None:
    """Keys are only for their user, and so is the directory they are in."""
    keys = [*top(default).rglob("*.key")]
    assert len(keys) >= 5
    assert {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o600}
    assert stat.S_IMODE(top(default).stat().st_mode) == 0o700
    assert default.files() == [default.home / ".local"]


def states(user: OrdinaryUser) -> dict[str, str]:
    """Give each machine's state, from `status`."""
    listed = json.loads(sandbox(user, "status", "--output", "json"))
    return {
        one["machine"]: "off"
        if not one["running"]
        else "cut off"
        if one["cut"]
        else "on"
        for one in listed
    }


def test_breaking_and_mending(default: OrdinaryUser) -> None:
    """A machine loses power and its network, and has both again."""
    seen = []
    for broken, mended in (("kill", "start"), ("partition", "heal")):
        sandbox(default, broken, "node-2")
        seen.append(states(default)["node-2"])
        sandbox(default, mended, "node-2")
    seen.append(states(default)["node-2"])
    assert seen == ["off", "cut off", "on"]


def test_moves(default: OrdinaryUser) -> None:
    """With the settings of `env` a dataset is made and moved, with what is in it."""
    script = """
        eval "$(flocker-sandbox env)"; here=$(pwd)
        flockerctl create --node 10.77.0.11 --size 1G --metadata name=a --wait >&2
        flocker-sandbox exec node-1 -- sh -c 'cd /flocker/*; echo kept >file' >&2
        flockerctl move --dataset a --to 10.77.0.12 --wait >&2
        flocker-sandbox exec node-2 -- sh -c 'cat /flocker/*/file'
        in_sandbox pwd | grep -Fx "$here"
    """
    done = default.run("sh", "-ec", script)
    assert (done.returncode, done.stdout) == (0, f"kept\n{default.home}\n"), done.stderr


def test_other_backends(user: OrdinaryUser) -> None:
    """What needs root says so, and what does not."""
    said = complaint(user, "--name", "other", "up", "--backend", "btrfs")
    assert said.endswith("use sudo, or --backend directory, which needs no root")
    assert not (top(user) / "run/other").exists()


def test_where_user_namespaces_are_forbidden(user: OrdinaryUser) -> None:
    """Where the kernel keeps them for root, it says so and what to do."""
    command = ("flocker-sandbox", "--name", "other", "up", "--backend", "directory")
    done = subprocess.run(
        user.command(*command, by=(sys.executable, "-c", FORBIDDEN)),
        capture_output=True,
        text=True,
        env=user.environment(),
        check=False,
    )
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert done.stderr.endswith("(user.max_user_namespaces is 0): use sudo\n")
    assert not (top(user) / "run/other").exists()


def quietly(user: OrdinaryUser, name: str) -> str:
    """Make a sandbox whose machines run nothing; what was said meanwhile."""
    done = user.run(sys.executable, "-c", QUIETLY, name)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_two_at_once(other: OrdinaryUser) -> None:
    """Several sandboxes of a user do not touch each other; the last leaves nothing."""
    both = [other.start(sys.executable, "-c", QUIETLY, name) for name in ("one", "two")]
    assert [(each.communicate(), each.returncode)[1] for each in both] == [0, 0]
    inside = ("exec", "node-1", "--", "ip", "-br", "addr", "show", "eth0")
    visit = 'eval "$(flocker-sandbox --name one env)"; in_sandbox sh -c "echo in; cat"'
    with other.start("sh", "-c", visit) as visitor:
        assert visitor.stdout is not None
        assert visitor.stdout.readline() == "in\n"
        for name in ("one", "two"):
            assert "10.77.0.11/24" in sandbox(other, "--name", name, *inside)
            sandbox(other, "--name", name, "down")
        assert visitor.wait() != 0
    assert str(other.home) not in Path("/proc/self/mountinfo").read_text()


def test_whatever_keeps_it_together_is_killed(other: OrdinaryUser) -> None:
    """All machines end with it; the command says so, and the next sweeps."""
    quietly(other, "lost")
    state = top(other) / "run/lost"
    record, node = (
        read_enclosure(state / RECORD),
        read_machine(state / "node-1.json"),
    )
    assert record is not None
    assert node is not None
    send(record.init, signal.SIGKILL)
    until(lambda: not is_alive(node.init), "the end of node-1", PATIENCE)
    assert "kept it together is gone" in complaint(other, "--name", "lost", "status")
    said = quietly(other, "next")
    assert "removing what a killed run left of the sandbox 'lost'" in said
    sandbox(other, "--name", "next", "down")


def test_killed_while_it_is_made(other: OrdinaryUser) -> None:
    """What a killed run left half made is no obstacle for the next."""
    run = other.start(sys.executable, "-c", QUIETLY, "half")
    record = top(other) / "run/half" / RECORD
    until(lambda: read_enclosure(record) is not None, "namespaces", PATIENCE)
    for pid in other.processes():
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes()
        if QUIETLY.encode() in arguments:
            os.kill(pid, signal.SIGKILL)
    assert "begun" in run.communicate()[0]
    assert run.returncode != 0
    assert "removing what a killed run left" in quietly(other, "half")
    sandbox(other, "--name", "half", "down")


@pytest.mark.slow
def test_the_demonstration(other: OrdinaryUser) -> None:
    """It moves a dataset under a program that writes, as whoever calls it."""
    program = (sys.executable, "-m", "flocker.sandbox.demo", "--backend", "directory")
    done = other.run(*program)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "records were acknowledged on both nodes, and all are there" in done.stdout
