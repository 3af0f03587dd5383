"""What users may say of nodes."""

from uuid import UUID

import pytest
from attrs import evolve
from pyrsistent import pmap

from flocker.control import datasets, leases, nodes
from flocker.control.admission import NodeLacksBackend, NodeRefuses
from flocker.model.changes import Change, OwnershipEdit, apply
from flocker.model.ids import BackendName, Era, NodeID
from flocker.model.leases import Holder
from flocker.model.nodes import Evidence
from flocker.testing.builders import (
    a_configuration,
    a_dataset,
    a_lease,
    a_mark,
    a_node,
    a_sight,
    an_ownership,
    dataset_id,
    node_id,
)

MARK = (Evidence.OPERATOR, "alice", "the machine is off")


def knowing(*known, datasets=(), leases=()):
    """A configuration with these nodes."""
    configuration = a_configuration(datasets, leases=leases)
    return evolve(configuration, nodes=pmap({each.id: each for each in known}))


def silent(node: NodeID):
    """Nobody is connected."""
    return a_sight(1, connected=False)


def there(node: NodeID):
    """It is connected."""
    return a_sight(1)


def test_labelled():
    """Labels are set and dropped one by one; the others stay."""
    node = evolve(a_node(1), labels=pmap({"rack": "a", "disk": "fast"}))
    wanted = {"rack": None, "zone": "b"}
    after = apply(nodes.tell(knowing(node), node.id, wanted), knowing(node))
    assert after.nodes[node.id].labels == {"disk": "fast", "zone": "b"}
    assert after.datasets_revision == 0


@pytest.mark.parametrize("cordoned", [True, False])
def test_cordoned(cordoned):
    """A node is cordoned, or not any more; again changes nothing."""
    before = knowing(evolve(a_node(1), cordoned=not cordoned))
    after = apply(nodes.tell(before, node_id(1), {}, cordoned=cordoned), before)
    assert after.nodes[node_id(1)].cordoned is cordoned
    assert not nodes.tell(after, node_id(1), {}, cordoned=cordoned)


def test_marked_dead():
    """The life that a silent node was in is marked, with the evidence."""
    before = knowing(a_node(1))
    change = nodes.declare_dead(before, silent, node_id(1), MARK, 600.0)
    assert apply(change, before).nodes[node_id(1)] == a_node(1, dead=a_mark(1))


def test_connected_is_not_dead():
    """A node that is connected is not marked, whoever says so."""
    with pytest.raises(nodes.NodeAlive):
        nodes.declare_dead(knowing(a_node(1)), there, node_id(1), MARK, 600.0)


def test_first_evidence_stays():
    """Who marks a dead node again changes nothing."""
    before = knowing(a_node(1, dead=a_mark(1)))
    assert not nodes.declare_dead(before, silent, node_id(1), MARK, 700.0)


def test_alive():
    """The mark is taken off."""
    before = knowing(a_node(1, dead=a_mark(1)))
    after = apply(nodes.declare_alive(before, nothing_taken, node_id(1)), before)
    assert after.nodes[node_id(1)] == a_node(1)


def nothing_taken(node):
    """Others have nothing of what the node had."""
    return ()


def test_alive_after_all_was_taken():
    """A node from which something was taken must stand down; the mark stays."""
    before = knowing(a_node(1, dead=a_mark(1)))
    with pytest.raises(nodes.NodeBereft) as caught:
        nodes.declare_alive(before, lambda node: (dataset_id(3),), node_id(1))
    assert str(dataset_id(3)) in str(caught.value)
    assert "when it is back" in str(caught.value)


def test_alive_anyway():
    """Of a node that is not marked nothing is asked, whoever has what it had."""
    before = knowing(a_node(1))
    taken = (dataset_id(3),)
    assert not nodes.declare_alive(before, lambda node: taken, node_id(1))


def test_unknown():
    """Nothing can be said of a node that was never seen."""
    for say in (
        lambda: nodes.tell(knowing(), node_id(1), {}, cordoned=True),
        lambda: nodes.declare_dead(knowing(), silent, node_id(1), MARK, 1.0),
        lambda: nodes.declare_alive(knowing(), nothing_taken, node_id(1)),
        lambda: nodes.forget(knowing(), silent, node_id(1)),
    ):
        with pytest.raises(nodes.NodeUnknown):
            say()


def test_forgotten():
    """A silent node of which nothing is wanted is forgotten."""
    before = knowing(a_node(1), a_node(2))
    after = apply(nodes.forget(before, silent, node_id(1)), before)
    assert after.nodes == {node_id(2): a_node(2)}


@pytest.mark.parametrize(
    ("configured", "leased", "sighted"),
    [
        ((a_dataset(1, on=1),), (), silent),
        ((a_dataset(1, on=1, deleted=True),), (), silent),
        ((), (a_lease(1, on=1),), silent),
        ((), (), there),
    ],
)
def test_in_use(configured, leased, sighted):
    """A node that is connected, or of which something is wanted, is not forgotten."""
    before = knowing(a_node(1), datasets=configured, leases=leased)
    with pytest.raises(nodes.NodeInUse):
        nodes.forget(before, sighted, node_id(1))


@pytest.mark.parametrize(
    ("node", "how"),
    [(a_node(1, cordoned=True), "uncordon"), (a_node(1, dead=a_mark(1)), "alive")],
)
def test_nothing_new(node, how):
    """Nothing new comes to a node that is cordoned or dead; the way out is named."""
    before = knowing(node, datasets=(a_dataset(2, on=2),))
    new = datasets.NewDataset(dataset_id(1), node_id(1))
    wishes = datasets.Wishes(primary=node_id(1))
    for ask in (
        lambda: datasets.create(before, new, 1.0),
        lambda: datasets.change(before, dataset_id(2), wishes, 1.0),
        lambda: leases.acquire(before, dataset_id(2), node_id(1), Holder("docker")),
    ):
        with pytest.raises(NodeRefuses) as caught:
            ask()
        assert f"flockerctl node {how} {node_id(1)}" in str(caught.value)


@pytest.mark.parametrize("owned", [True, False])
def test_no_way_to_a_backend(owned):
    """A dataset does not move to a node that has said that it lacks the backend."""
    fast = BackendName("fast")
    before = knowing(
        a_node(1), datasets=(evolve(a_dataset(2, on=2), backend=fast), a_dataset(3))
    )
    if owned:
        own = OwnershipEdit(None, evolve(an_ownership(2), backend=fast))
        before = apply(Change((own,)), before)
    wishes = datasets.Wishes(primary=node_id(1))
    with pytest.raises(NodeLacksBackend, match="has no backend fast, only default"):
        datasets.change(before, dataset_id(2), wishes, 1.0)
    elsewhere = datasets.Wishes(primary=node_id(9))
    assert datasets.change(before, dataset_id(2), elsewhere, 1.0)


def test_what_is_there_stays():
    """A cordoned node keeps what it has, which may be leased there, and its leases."""
    before = knowing(
        a_node(1, cordoned=True),
        datasets=(a_dataset(1, on=1), a_dataset(2, on=2)),
        leases=(a_lease(2, on=1),),
    )
    wishes = datasets.Wishes(primary=node_id(1), metadata=pmap({"a": "b"}))
    assert datasets.change(before, dataset_id(1), wishes, 1.0)
    assert leases.acquire(before, dataset_id(1), node_id(1), Holder("docker"))
    assert leases.acquire(before, dataset_id(2), node_id(1), Holder("docker"))


def test_new_life_is_welcome():
    """A mark on an earlier life says nothing of this one."""
    node = a_node(1, dead=evolve(a_mark(1), era=Era(UUID(int=7))))
    new = datasets.NewDataset(dataset_id(1), node_id(1))
    assert datasets.create(knowing(node), new, 1.0)
