"""flockerctl's commands about snapshots, with two nodes that have pools."""

import json

from twisted.internet.defer import Deferred

from flocker.model.cluster import Cause
from flocker.testing.fakes.memory_pool_nodes import MemoryPoolNodes
from tests.unit.cli.conftest import DATASET, NODE, OTHER, Run
from tests.unit.cli.test_moving_commands import HERE, THERE, name, pools

__all__ = ["name", "pools"]


def create(run: Run, *more: str):
    """Take a snapshot called monday."""
    return run("snapshot", "create", str(DATASET), "monday", *more)


def delete(run: Run, *more: str):
    """Delete it."""
    return run("snapshot", "delete", str(DATASET), "monday", *more)


def listed(run: Run) -> list[tuple[str, str]]:
    """Names and phases of all snapshots."""
    found = json.loads(run("snapshot", "list", "-o", "json").stdout)
    return [(each["name"], each["phase"]) for each in found]


def test_create(run: Run, pools: MemoryPoolNodes) -> None:
    """It says what it has asked for; with --wait also where it was taken."""
    result = create(run, "--wait")
    assert result.exit_code == 0, result.output
    first, last = result.stdout.splitlines()
    assert first == f"Taking snapshot monday of dataset {DATASET}."
    assert last.startswith(f"Taken on node {HERE} after ")
    assert listed(run) == [("monday", "taken")]


def test_create_json(run: Run, pools: MemoryPoolNodes) -> None:
    """For programs it is one object, of what was asked or of what was waited for."""
    assert json.loads(create(run, "-o", "json").stdout)["taken"] is None
    again = run("snapshot", "create", "11", "tuesday", "--wait", "-o", "json")
    assert json.loads(again.stdout)["phase"] == "taken"


def test_list(run: Run, pools: MemoryPoolNodes) -> None:
    """A snapshot is a row, with what it waits for."""
    create(run, "--wait")
    pools.causes[NODE] = Cause("pool-full", "no room is left", "make room")
    pools.away.add(NODE)
    run("snapshot", "create", "11", "tuesday")
    table = run("snapshot", "list", "1111").stdout.splitlines()
    assert table[0].split() == ["DATASET", "SNAPSHOT", "TAKEN", "STATUS", "WHY"]
    assert table[1].split()[:2] == ["11111111", "monday"]
    assert "taken" in table[1]
    assert table[2].split()[:4] == ["11111111", "tuesday", "-", "waiting"]
    assert "has not taken it yet" in " ".join(table[2:])


def test_delete(run: Run, pools: MemoryPoolNodes) -> None:
    """With --wait it says when no node has it any more."""
    create(run, "--wait")
    result = delete(run, "--wait")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        f"Deleting snapshot monday of dataset {DATASET}.",
        "No node has it any more.",
    ]
    assert listed(run) == []
    assert delete(run).exit_code == 5


def test_too_late(run: Run, pools: MemoryPoolNodes) -> None:
    """What is not taken in time is said with its cause; it goes on by itself."""
    pools.disconnect(1)
    result = create(run, "--wait", "3")
    assert result.exit_code == 6
    assert "snapshot monday is not taken after 3 s" in result.stderr
    assert "is not connected" in result.stderr
    assert listed(run) == [("monday", "waiting")]


def test_deleted_meanwhile(run: Run, pools: MemoryPoolNodes, control) -> None:
    """Who waits for what somebody else deletes is told."""
    pools.disconnect(1)

    def gone() -> None:
        deleting = control.client().delete_snapshot(DATASET, "monday")
        _ = Deferred.fromCoroutine(deleting)

    control.clock.callLater(2.0, gone)
    result = create(run, "--wait")
    assert result.exit_code == 1
    assert "it was deleted meanwhile" in result.stderr


def test_holder_away(run: Run, pools: MemoryPoolNodes) -> None:
    """A node that is away and may have it keeps a deletion waiting, and is named."""
    create(run, "--wait")
    pools.write(1, DATASET, 0)
    assert run("move", "-d", "1111", "-t", "b", "--wait").exit_code == 0
    pools.disconnect(1)
    result = delete(run, "--wait", "3")
    assert result.exit_code == 6
    assert str(NODE) in result.stderr
    assert str(OTHER) not in result.stderr


def test_events(run: Run, pools: MemoryPoolNodes) -> None:
    """Events tell of snapshots in words."""
    create(run, "--wait")
    delete(run, "--wait")
    told = run("events", "-n", "100").stdout
    assert "snapshot       snapshot monday of 11111111 is wanted" in told
    assert "snapshot monday of 11111111 is taken" in told
    assert "snapshot monday of 11111111 is to be deleted" in told
    assert "snapshot monday of 11111111 is gone" in told


def test_clone(run: Run, pools: MemoryPoolNodes) -> None:
    """A clone is made beside its source, under an id of its own."""
    create(run, "--wait")
    result = run("clone", "1111", "monday", "-m", "name=copy", "--wait")
    assert result.exit_code == 0, result.output
    first, last = result.stdout.splitlines()
    assert first.startswith(f"Cloned snapshot monday of dataset {DATASET} as ")
    assert first.endswith(f" for node {HERE}.")
    assert last.startswith(f"Mounted on node {HERE} at /flocker/")
    listed = json.loads(run("list", "-o", "json").stdout)
    assert {each["name"] for each in listed} == {None, "copy"}


def test_clone_elsewhere(run: Run, pools: MemoryPoolNodes) -> None:
    """For another node it is made, then moved; it is waited for until it is there."""
    create(run, "--wait")
    result = run("clone", "1111", "monday", "-n", "b", "--wait")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[1].startswith(f"Mounted on node {THERE} at ")


def test_clone_refused(run: Run, pools: MemoryPoolNodes) -> None:
    """What is not there is not cloned."""
    result = run("clone", "1111", "monday")
    assert result.exit_code == 5
    assert "there is no such snapshot" in result.stderr
