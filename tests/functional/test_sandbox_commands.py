"""The command `flocker-sandbox` on a sandbox whose machines run nothing: needs root."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from flocker.sandbox import cluster
from flocker.sandbox.cluster import Sandbox
from flocker.sandbox.layout import default_layout, programs
from flocker.sandbox.machines import demand
from flocker.sandbox.names import SandboxName, node_name

ONE = node_name(1)
COMMAND = str(programs() / "flocker-sandbox")

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="makes namespaces: root")

AS_NOBODY = """
import os, sys
from flocker.sandbox.main import main
os.seteuid(65534)
sys.argv = ["flocker-sandbox", "up"]
main()
"""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A sandbox of two nodes; a test that kills one starts it again."""
    name = SandboxName(f"test-{uuid4().hex[:8]}")
    wanted = Sandbox(default_layout(name), 2)
    yield cluster.up(wanted, datetime.now(UTC), lambda _: None, lambda *_: ())
    cluster.down(name)


def run(sandbox: Sandbox, *arguments: str, cwd: str = "/") -> tuple[int, str, str]:
    """Run flocker-sandbox: its status and what it says."""
    command = [COMMAND, "--name", sandbox.layout.name, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)
    return done.returncode, done.stdout, done.stderr


def test_exec_passes_status_and_output(sandbox: Sandbox) -> None:
    """`exec` ends as its command does."""
    command = ("exec", "node-1", "--", "sh", "-c", "hostname; echo bad >&2; exit 7")
    assert run(sandbox, *command) == (7, "node-1\n", "bad\n")


def test_exec_keeps_the_directory(sandbox: Sandbox) -> None:
    """`exec` works in the user's directory, as far as the machine has it."""
    assert run(sandbox, "exec", "node-1", "pwd", cwd="/usr")[1] == "/usr\n"


def test_exec_prepares_flockerctl(sandbox: Sandbox) -> None:
    """Clients that are run by `exec` find the control service."""
    script = 'echo "$FLOCKER_CONTROL_SERVICE $FLOCKER_USER"; command -v flockerctl'
    found = run(sandbox, "exec", "control", "--", "sh", "-c", script)[1]
    assert found.splitlines() == ["10.77.0.1 user", str(programs() / "flockerctl")]


def test_unknown_machine(sandbox: Sandbox) -> None:
    """A machine that is not there is named, with those that are."""
    assert run(sandbox, "kill", "node-9") == (
        1,
        "",
        "ERROR: there is no 'node-9' here, only control, node-1, node-2\n",
    )


def test_control_has_no_cable(sandbox: Sandbox) -> None:
    """Control cannot be cut off from the switch: it is there."""
    status, _, error = run(sandbox, "partition", "control")
    assert (status, error.splitlines()[0]) == (
        1,
        "ERROR: control is at the switch itself; cut a node's cable",
    )


def states(sandbox: Sandbox) -> dict[str, tuple[bool, bool]]:
    """Of each machine whether it runs and whether it is cut off, from `status`."""
    listed = json.loads(run(sandbox, "status", "--output", "json")[1])
    return {one["machine"]: (one["running"], one["cut"]) for one in listed}


def test_breaking_and_mending(sandbox: Sandbox) -> None:
    """`status` shows what `kill`, `start`, `partition` and `heal` did."""
    fine, off, cut = (True, False), (False, False), (True, True)
    seen = [states(sandbox)]
    for command in ("kill", "start", "partition", "heal"):
        assert run(sandbox, command, "node-1")[0] == 0
        seen.append(states(sandbox))
    assert [one["node-1"] for one in seen] == [fine, off, fine, cut, fine]
    assert {(one["control"], one["node-2"]) for one in seen} == {(fine, fine)}


def test_env_reaches_inside(sandbox: Sandbox) -> None:
    """With the settings of `env` a user's shell works in the sandbox's network."""
    name = sandbox.layout.name
    script = (
        f'eval "$({COMMAND} --name {name} env)"; in_sandbox ip -br addr show bridge'
    )
    done = subprocess.run(
        ["sh", "-ec", script], capture_output=True, text=True, check=True
    )
    assert "10.77.0.1/24" in done.stdout


def test_needs_root() -> None:
    """Without root it says in one line for what root is needed, and for what not."""
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("ERROR: datasets of backend loopback are on mounts")
    assert done.stderr.endswith("or --backend directory, which needs no root\n")


def test_refuses_to_work_inside(sandbox: Sandbox) -> None:
    """In a machine it touches nothing: what it knows of processes is wrong there."""
    before = demand(sandbox.layout, ONE)
    status, _, error = run(sandbox, "exec", "node-1", "--", COMMAND, "down")
    assert (status, "outside" in error) == (1, True)
    assert demand(sandbox.layout, ONE) == before


def test_logs_say_whose(sandbox: Sandbox) -> None:
    """Each line of `logs` begins with its machine and its file."""
    log = Path(sandbox.layout.logs(ONE)) / "agent.log"
    log.write_text("a line\n")
    lines = run(sandbox, "logs", "node-1")[1].splitlines()
    assert "node-1 agent: a line" in lines
    assert {line.split(" ", 1)[0] for line in lines} == {"node-1"}
