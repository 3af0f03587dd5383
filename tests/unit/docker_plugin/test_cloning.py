"""Tests of volumes that are made from others, against the real REST API."""

from collections.abc import Iterator

import pytest
from twisted.internet.defer import CancelledError
from twisted.internet.task import LoopingCall

from flocker.client.interface import NewDataset, RequestRefused
from flocker.client.snapshot_waiting import SnapshotLate
from flocker.docker_plugin.options import PROFILE, BadOption
from flocker.docker_plugin.origins import MadeOtherwise, NoSuchOrigin
from flocker.docker_plugin.plugin import CREATE_WITHIN
from flocker.model.cluster import Cause
from flocker.model.datasets import Dataset
from flocker.model.ids import DatasetID, NodeID
from flocker.model.sizes import GIBIBYTE
from flocker.testing.fakes.memory_pool_nodes import MemoryPoolNodes
from tests.unit.docker_plugin.conftest import NODE, OTHER, Rig


def name_of(number: int) -> NodeID:
    """Name the nodes as the rig does."""
    return {1: NODE, 2: OTHER}[number]


@pytest.fixture
def pools(rig: Rig) -> Iterator[MemoryPoolNodes]:
    """Both nodes have pools; the volume letters is on the other one."""
    nodes = MemoryPoolNodes(rig.control.operations, rig.control.clock, name_of)
    nodes.connect(1, 2)
    acting = LoopingCall(nodes.settle)
    acting.clock = rig.control.clock
    acting.start(0.5)
    made = DatasetID(next(rig.new_ids))
    metadata = {"name": "letters", PROFILE: "gold"}
    new = NewDataset(made, OTHER, 2 * GIBIBYTE, metadata)
    rig.control.run(rig.control.client().create(new))
    rig.passes(5.0)
    assert nodes.serves(2, made)
    yield nodes
    acting.stop()


def create(rig: Rig, name: str, **options: str) -> None:
    """Create a volume."""
    given = {key.rstrip("_"): value for key, value in options.items()}
    rig.call("create", Name=name, Opts=given)


def datasets(rig: Rig, name: str) -> list[Dataset]:
    """The datasets that are a volume."""
    found = rig.control.operations.configuration.datasets.values()
    return [each for each in found if each.name == name and not each.deleted]


def take(rig: Rig, name: str) -> None:
    """Take a snapshot of letters."""
    (source,) = datasets(rig, "letters")
    rig.control.run(rig.control.client().take_snapshot(source.id, name))
    rig.passes(5.0)


def snapshots(rig: Rig) -> list[str]:
    """The snapshots of letters that are not deleted."""
    found = rig.control.run(rig.control.client().snapshots(None))
    return [each.name for each in found if not each.deleted]


def test_from_a_snapshot(rig: Rig, pools: MemoryPoolNodes) -> None:
    """A volume begins as a snapshot of another: beside it, and as large as it is."""
    take(rig, "monday")
    create(rig, "copy", from_="letters@monday")
    (made,), (source,) = datasets(rig, "copy"), datasets(rig, "letters")
    row = rig.control.operations.configuration.pools[made.id]
    wanted = rig.control.operations.configuration.snapshots[source.id].named("monday")
    assert wanted is not None
    assert wanted.taken is not None
    assert row.origin is not None
    assert row.origin.dataset == source.id
    assert row.origin.snapshot == wanted.taken.identity
    assert (made.primary, made.maximum_size) == (OTHER, 2 * GIBIBYTE)
    assert (made.mount.value, made.metadata[PROFILE]) == ("on-use", "gold")
    assert snapshots(rig) == ["monday"]


def test_from_now(rig: Rig, pools: MemoryPoolNodes) -> None:
    """Without a snapshot one is taken, which ``inspect`` names."""
    create(rig, "copy", from_="letters", size="3G")
    (made,) = datasets(rig, "copy")
    assert made.maximum_size == 3 * GIBIBYTE
    (taken,) = snapshots(rig)
    assert taken == f"docker-copy-{made.id.hex[:8]}"
    told = rig.call("get", Name="copy")["Volume"]["Status"]
    assert told["made from"] == f"letters@{taken}"


def test_again(rig: Rig, pools: MemoryPoolNodes) -> None:
    """The same Create again changes nothing, also when its source is gone."""
    create(rig, "copy", from_="letters")
    before = datasets(rig, "copy"), snapshots(rig)
    create(rig, "copy", from_="letters")
    create(rig, "copy")
    assert (datasets(rig, "copy"), snapshots(rig)) == before
    rig.passes(5.0)
    (source,) = datasets(rig, "letters")
    rig.control.run(rig.control.client().destroy(source.id))
    create(rig, "copy", from_="letters")
    assert datasets(rig, "copy") == before[0]


def test_made_otherwise(rig: Rig, pools: MemoryPoolNodes) -> None:
    """What exists and was made from something else is not given for it."""
    take(rig, "monday")
    create(rig, "copy", from_="letters@monday")
    for other in ("letters", "letters@tuesday", "copy"):
        with pytest.raises(MadeOtherwise, match="was made from letters@monday"):
            create(rig, "copy", from_=other)
    with pytest.raises(MadeOtherwise, match="was not made from another"):
        create(rig, "letters", from_="copy")
    assert snapshots(rig) == ["monday"]


def test_another_was_quicker(rig: Rig, pools: MemoryPoolNodes) -> None:
    """Where a volume of the name is made meanwhile, nothing is left of ours."""
    twin = NewDataset(DatasetID(next(rig.new_ids)), OTHER, metadata={"name": "copy"})

    def meanwhile() -> None:
        rig.control.acts.clear()
        _ = rig.begin_work(rig.control.client().create(twin))

    rig.control.before("POST", meanwhile)
    with pytest.raises(MadeOtherwise):
        create(rig, "copy", from_="letters")
    assert [each.id for each in datasets(rig, "copy")] == [twin.id]
    assert snapshots(rig) == []


def test_no_such_source(rig: Rig, pools: MemoryPoolNodes) -> None:
    """A volume or a snapshot that is not there is named."""
    with pytest.raises(NoSuchOrigin, match="no dataset of the name 'nosuch'"):
        create(rig, "copy", from_="nosuch")
    take(rig, "monday")
    with pytest.raises(NoSuchOrigin, match=r"no snapshot sunday; .*: monday$"):
        create(rig, "copy", from_="letters@sunday")
    assert datasets(rig, "copy") == []


def test_conflicting_options(rig: Rig, pools: MemoryPoolNodes) -> None:
    """What the source is not, a volume made from it cannot be; nothing is taken."""
    for wrong in ({"size": "1G"}, {"profile": "silver"}, {"filesystem": "xfs"}):
        with pytest.raises(BadOption):
            create(rig, "copy", from_="letters", **wrong)
    assert (datasets(rig, "copy"), snapshots(rig)) == ([], [])


def test_refused(rig: Rig, pools: MemoryPoolNodes) -> None:
    """What control refuses is said, and the snapshot that was taken goes."""
    with pytest.raises(RequestRefused, match="it is in backend default, and fast was"):
        create(rig, "copy", from_="letters", backend="fast")
    assert (datasets(rig, "copy"), snapshots(rig)) == ([], [])


def test_not_taken_in_time(rig: Rig, pools: MemoryPoolNodes) -> None:
    """What is not taken in time is not wanted any more; the cause is said."""
    pools.causes[OTHER] = Cause("pool-full", "no room is left", "make room")
    pools.away.add(OTHER)
    began = rig.control.clock.seconds()
    with pytest.raises(SnapshotLate):
        create(rig, "copy", from_="letters")
    assert rig.control.clock.seconds() - began < CREATE_WITHIN
    assert (datasets(rig, "copy"), snapshots(rig)) == ([], [])


def test_docker_hangs_up(rig: Rig, pools: MemoryPoolNodes) -> None:
    """When Docker waits no more, what was begun is undone."""
    pools.away.add(OTHER)
    creating = rig.begin("create", Name="copy", Opts={"from": "letters"})
    rig.passes(3.0)
    assert len(snapshots(rig)) == 1
    creating.cancel()
    rig.passes(3.0)
    with pytest.raises(CancelledError):
        rig.wait(creating)
    assert snapshots(rig) == []


def test_removed(rig: Rig, pools: MemoryPoolNodes) -> None:
    """With the data of a volume goes the snapshot that was taken for it."""
    take(rig, "monday")
    create(rig, "copy", from_="letters", on_remove="delete")
    create(rig, "other", from_="letters@monday", on_remove="delete")
    create(rig, "kept", from_="letters")
    rig.passes(5.0)
    for name in ("copy", "other", "kept"):
        rig.call("remove", Name=name)
    assert [datasets(rig, name) for name in ("copy", "other")] == [[], []]
    (kept,) = datasets(rig, "kept")
    assert snapshots(rig) == ["monday", f"docker-kept-{kept.id.hex[:8]}"]


def test_no_snapshots(rig: Rig) -> None:
    """A volume of a backend without snapshots is the source of none."""
    create(rig, "letters")
    with pytest.raises(RequestRefused, match=r"10\.0\.0\.1\) has not said that"):
        create(rig, "copy", from_="letters")
