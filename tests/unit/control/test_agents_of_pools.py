"""What agents of nodes with pools are told: rows, peers, deletions."""

import pytest
from attrs import evolve

from flocker.model.cluster import (
    Assignment,
    BackendReport,
    Condition,
    Fact,
    Want,
)
from flocker.model.datasets import DEFAULT_BACKEND
from flocker.model.ids import Epoch, NodeID
from flocker.model.pools import (
    Buried,
    NoCopy,
    Owned,
    PoolFact,
    Record,
    Replica,
    Standing,
)
from flocker.testing.builders import (
    a_dataset,
    a_fact,
    an_identity,
    dataset_id,
)
from tests.unit.control.agent_lines import (
    HERE,
    THERE,
    Control,
    Line,
)


@pytest.fixture
def control() -> Control:
    """Control without datasets."""
    return Control()


def a_pool_node(control: Control, number: int) -> Line:
    """Let the agent of a node with a pool connect."""
    report = BackendReport(DEFAULT_BACKEND, "btrfs", "pool", port=4520 + number)
    return control.connect(Line(evolve(an_identity(number), backends=(report,))))


def of_copy(standing: Standing, condition: Condition, want: Want) -> Fact:
    """What a node says of its copy."""
    copy = PoolFact(Record(dataset_id(), standing), condition is not Condition.MISSING)
    return evolve(a_fact(1, condition, want), pool=copy)


def told(line: Line) -> Assignment:
    """What an agent knows of the dataset."""
    return line.slice[dataset_id()]


def peers(line: Line) -> list[NodeID]:
    """With whom an agent is to exchange data."""
    return [peer.node for peer in told(line).peers]


def test_pool_rows_are_told(control):
    """Owner and target are told the row at each step, and wait for nobody."""
    here, there = a_pool_node(control, 1), a_pool_node(control, 2)
    control.create(1, on=1)
    row = told(here).pool
    assert row is not None
    assert (row.owner, row.create) == (HERE, True)
    owned = of_copy(Owned(row.epoch, None), Condition.MOUNTED, Want.MOUNTED)
    control.say(here, owned)
    assert told(here).pool == evolve(row, create=False, acquired=True, revision=2)
    assert not there.slice
    sent = len(here.sent)
    control.move(1, to=2)
    assert len(here.sent) == sent + 1  # with dataset and row in one
    for line, other in ((here, THERE), (there, HERE)):
        assert told(line).pool == control.operations.configuration.pools[dataset_id()]
        assert told(line).dataset == a_dataset_on(2)
        assert told(line).held_by == ()
        assert peers(line) == [other]
    assert not control.observations.unconfirmed(HERE)
    sent = len(there.sent)
    control.say(here, of_copy(Owned(row.epoch, None), Condition.DETACHED, Want.AWAY))
    control.say(there, of_copy(Replica(row.epoch), Condition.DETACHED, Want.AWAY))
    assert len(there.sent) == sent  # whoever holds it is nobody's business


def a_dataset_on(number: int):
    """The dataset as it was asked for in these tests."""
    return a_dataset(1, number)


def test_peer_moves_house(control):
    """When a peer is to be reached elsewhere, the other is told at once."""
    here, there = a_pool_node(control, 1), a_pool_node(control, 2)
    control.create(1, on=1)
    owned = of_copy(Owned(told(here).pool.epoch, None), Condition.MOUNTED, Want.MOUNTED)
    control.say(here, owned)
    control.move(1, to=2)
    control.cut(there)
    report = BackendReport(DEFAULT_BACKEND, "btrfs", "pool", port=7)
    moved = evolve(an_identity(2, host="10.9.9.9"), backends=(report,))
    control.connect(Line(moved).knew(there))
    assert [(peer.host, peer.port) for peer in told(here).peers] == [("10.9.9.9", 7)]


def test_late_copy_is_buried(control):
    """A node that says that it has a copy of what is no more is told so."""
    here, there = a_pool_node(control, 1), a_pool_node(control, 2)
    control.create(1, on=1)
    epoch = told(here).pool.epoch
    control.say(here, of_copy(Owned(epoch, None), Condition.MOUNTED, Want.MOUNTED))
    control.move(1, to=2)
    control.delete(1)
    graves = of_copy(NoCopy(), Condition.MISSING, Want.DELETED)
    buried = evolve(graves, pool=evolve(graves.pool, record=BURIED))
    control.say(here, buried)
    assert told(there).pool.deleted
    control.say(there, buried)
    assert control.operations.configuration.datasets[dataset_id()].destroyed
    assert dataset_id() not in there.slice
    control.say(there, of_copy(Replica(epoch), Condition.DETACHED, Want.LEFT_ALONE))
    assert told(there).dataset is None
    assert told(there).pool.deleted
    control.say(there, buried)
    assert dataset_id() not in there.slice
    sent = len(there.sent)
    control.say(there, evolve(buried, size=None))
    assert len(there.sent) == sent


BURIED = Record(dataset_id(), Buried(), floor=Epoch(2))
