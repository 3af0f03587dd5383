"""`flockerctl rollback`, with two nodes that have pools."""

import json

import pytest
from attrs import evolve
from twisted.internet.defer import Deferred

from flocker.model.cluster import Cause
from flocker.model.ids import RollbackNumber
from flocker.model.snapshots import Kept
from flocker.testing.fakes.memory_control import MemoryControl
from flocker.testing.fakes.memory_pool_nodes import MemoryPoolNodes
from tests.unit.cli.conftest import DATASET, NODE, Run
from tests.unit.cli.test_moving_commands import HERE, name, pools

__all__ = ["name", "pools"]


@pytest.fixture
def served(run: Run, pools: MemoryPoolNodes) -> MemoryPoolNodes:
    """The dataset has a snapshot called monday."""
    run("snapshot", "create", str(DATASET), "monday", "--wait")
    return pools


def back(run: Run, *more: str):
    """Roll it back."""
    return run("rollback", str(DATASET), *more)


def test_rolled_back(run: Run, served: MemoryPoolNodes) -> None:
    """It says what it keeps; with --wait also when it is there again."""
    result = back(run, "monday", "--wait")
    assert result.exit_code == 0, result.output
    first, last = result.stdout.splitlines()
    words = f"Rolling dataset {DATASET} back to its snapshot monday; what it is now is"
    assert first.startswith(f"{words} kept as its snapshot before-monday-")
    assert last.startswith(f"Mounted on node {HERE} at /flocker/")


def test_json(run: Run, served: MemoryPoolNodes) -> None:
    """For programs it is the dataset's status."""
    shown = json.loads(back(run, "monday", "-o", "json").stdout)
    assert shown["pool"]["rollback"]["snapshot"] == "monday"
    assert shown["phase"] == "rolling-back"


def test_why(run: Run, served: MemoryPoolNodes) -> None:
    """Until it is done the list, and why, say what is happening."""
    served.away.add(NODE)
    back(run, "monday")
    assert "rolling-back" in run("list").stdout
    assert "is rolled back to its snapshot monday" in run("why", str(DATASET)).stdout


def test_refused(run: Run, served: MemoryPoolNodes) -> None:
    """What cannot be is said, and nothing is done."""
    assert back(run, "tuesday").exit_code == 5
    assert back(run).exit_code == 2
    assert back(run, "monday", "--cancel").exit_code == 2
    assert "is not being rolled back" in back(run, "--cancel").stderr


def test_given_up(run: Run, served: MemoryPoolNodes) -> None:
    """What cannot be done fails, with the reason, once the dataset is there again."""
    served.stuck[NODE] = Cause("pool-full", "no room is left", "make room")
    result = back(run, "monday", "--wait")
    assert result.exit_code == 1
    assert "cannot be rolled back: its rollback to its snapshot monday" in result.stderr
    assert "no room is left" in result.stderr
    assert served.serves(1, DATASET)
    assert "rollback-given-up" in run("why", str(DATASET), "-o", "json").stdout
    resized = run("resize", str(DATASET), "1G", "--wait")
    assert resized.exit_code == 0, resized.output
    read = back(run, "--cancel", "--wait")
    assert read.stdout.splitlines()[-1] == "It was not rolled back."
    assert "given up" not in run("why", str(DATASET)).stdout


def test_interrupted(run: Run, served: MemoryPoolNodes, control: MemoryControl) -> None:
    """What was kept besides is said as well: nobody has asked for it."""
    machine = served.machines[NODE, DATASET]
    assert machine.disk is not None
    unsaved = Kept(RollbackNumber(1), 1).in_pool(DATASET)
    kept = evolve(machine, disk=machine.disk.marked(unsaved))
    served.machines[NODE, DATASET] = kept
    result = back(run, "monday", "--wait")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-1] == (
        "Snapshot unsaved-1-1 was kept as well: what was written while its rollback 1"
        " was interrupted."
    )


def test_listed(run: Run, served: MemoryPoolNodes) -> None:
    """The list of snapshots says what a rollback has kept."""
    back(run, "monday", "--wait")
    table = " ".join(run("snapshot", "list", str(DATASET)).stdout.split())
    assert "before its rollback 1" in table


def test_cancelled(run: Run, served: MemoryPoolNodes, control: MemoryControl) -> None:
    """A cancel waits for the node's word, and says that nothing was done."""
    served.away.add(NODE)
    back(run, "monday")
    control.clock.callLater(2.0, lambda: served.away.discard(NODE))
    result = back(run, "--cancel", "--wait")
    assert result.exit_code == 0, result.output
    first, _, last = result.stdout.splitlines()
    words = f"Cancelling the rollback of dataset {DATASET} to its snapshot monday."
    assert (first, last) == (words, "It was not rolled back.")


def test_cancelled_meanwhile(
    run: Run, served: MemoryPoolNodes, control: MemoryControl
) -> None:
    """Who waits for what somebody else cancels is told."""

    def gone() -> None:
        _ = Deferred.fromCoroutine(control.client().cancel_rollback(DATASET))

    served.away.add(NODE)
    control.clock.callLater(2.0, gone)
    result = back(run, "monday", "--wait")
    assert result.exit_code == 1
    assert "will not be rolled back: that was cancelled meanwhile" in result.stderr


def test_cancelled_too_late(
    run: Run, served: MemoryPoolNodes, control: MemoryControl
) -> None:
    """What was done before the node heard of the cancel is done, and it says so."""
    served.away.add(NODE)
    back(run, "monday")
    _ = run("rollback", str(DATASET), "--cancel")
    machine = served.machines[NODE, DATASET]
    assert machine.disk is not None
    done = machine.disk.marked("flocker-back-1")
    served.machines[NODE, DATASET] = evolve(machine, disk=done)
    control.clock.callLater(2.0, lambda: served.away.discard(NODE))
    result = back(run, "--cancel", "--wait")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-1].startswith(
        "It was rolled back already: snapshot before-monday-"
    )
