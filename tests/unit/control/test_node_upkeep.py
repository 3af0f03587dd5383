"""What the registry learns by itself: who came, who is off, who has let go."""

from uuid import UUID

import pytest
from attrs import evolve
from pyrsistent import pmap

from flocker.control.node_upkeep import RECENT
from flocker.control.observations import Observations
from flocker.control.upkeep import Times, upkeep
from flocker.model.changes import DatasetEdit, LeaseEdit, NodeEdit
from flocker.model.cluster import Condition, Want
from flocker.model.ids import Era, InstanceID
from flocker.model.nodes import DeadMark, Evidence
from flocker.testing.builders import (
    a_configuration,
    a_dataset,
    a_fact,
    a_lease,
    a_mark,
    a_node,
    an_identity,
    an_ownership,
    dataset_id,
    node_id,
)

JOINED = 500.0
NOW = 2000.0
TIMES = Times(now=NOW, started=1000.0)
NEXT_ERA = Era(UUID(int=7))


def knowing(*known, datasets=(), ownership=(), leases=()):
    """A configuration with these nodes."""
    configuration = a_configuration(datasets, ownership, leases)
    return evolve(configuration, nodes=pmap({each.id: each for each in known}))


def seen(*there: int, silent: tuple[int, ...] = ()) -> Observations:
    """Some nodes that are connected, and some that were."""
    observations = Observations()
    for node in (*there, *silent):
        observations.connected(an_identity(node), JOINED)
    for node in silent:
        observations.disconnected(node_id(node), JOINED)
    return observations


def learnt(configuration, observations, *nodes: int):
    """What upkeep makes of nodes that came or went, and of dataset 1."""
    ids = [node_id(node) for node in nodes]
    return list(upkeep(configuration, observations, [dataset_id(1)], TIMES, ids).edits)


def test_first_hello():
    """A node is in the registry from its first connection on."""
    assert learnt(knowing(), seen(1), 1) == [
        NodeEdit(None, evolve(a_node(1), first_seen=JOINED))
    ]


def test_nothing_new():
    """A node that is as it was, and was written down just now, costs no commit."""
    assert learnt(knowing(a_node(1)), seen(1), 1) == []


def test_last_seen():
    """When a node was last seen is written once that is a minute old."""
    before = a_node(1, last_seen=JOINED - RECENT)
    assert learnt(knowing(before), seen(1), 1) == [NodeEdit(before, a_node(1))]


def test_users_words_stay():
    """Labels and the cordon outlive a reboot; host and era are the new ones."""
    before = evolve(
        a_node(1),
        host="before",
        era=NEXT_ERA,
        labels=pmap({"rack": "a"}),
        cordoned=True,
    )
    [edit] = learnt(knowing(before), seen(1), 1)
    assert edit.after == evolve(a_node(1), labels=pmap({"rack": "a"}), cordoned=True)


def test_new_life():
    """A node that comes in a new era is a member at once."""
    before = evolve(a_node(1, dead=evolve(a_mark(1), era=NEXT_ERA)), era=NEXT_ERA)
    assert learnt(knowing(before), seen(1), 1) == [NodeEdit(before, a_node(1))]


def test_same_life_stays_marked():
    """A node that comes back in the marked era stays marked."""
    assert learnt(knowing(a_node(1, dead=a_mark(1))), seen(1), 1) == []


def test_stood_down():
    """Once it has let go of everything, the mark goes."""
    before = a_node(1, dead=a_mark(1))
    observations = seen(1)
    observations.stood_down(node_id(1))
    assert learnt(knowing(before), observations, 1) == [NodeEdit(before, a_node(1))]


def off(observations: Observations, since: float, **fields) -> Observations:
    """Node 2 says since when the backend has node 1's machine for off."""
    fact = evolve(
        a_fact(1, Condition.ON_DEAD_NODE),
        **{"instance": InstanceID("i-1"), "off": True, **fields},
    )
    observations.edit(node_id(2), [(fact, NOW - since)], [], NOW)
    return observations


def test_backend_says_off():
    """The backend's word marks a silent node dead, and says whose word it was."""
    before = a_node(1)
    observations = off(seen(2, silent=(1,)), JOINED + 1)
    mark = DeadMark(
        before.era,
        Evidence.BACKEND,
        f"node {node_id(2)}",
        "backend default says that i-1 does not run",
        NOW,
    )
    found = learnt(knowing(before, a_node(2)), observations)
    assert found == [NodeEdit(before, evolve(before, dead=mark))]


@pytest.mark.parametrize(
    "observations",
    [
        off(seen(1, 2), JOINED + 1),
        off(seen(2, silent=(1,)), JOINED),
        off(seen(2, silent=(1,)), JOINED + 1, off=False),
        off(seen(2, silent=(1,)), JOINED + 1, instance=InstanceID("i-3")),
        seen(2, silent=(1,)),
    ],
    ids=["connected", "before it came", "not the backend's word", "another", "silence"],
)
def test_no_evidence(observations):
    """Silence is no evidence, nor is what was said before the node last came."""
    assert learnt(knowing(a_node(1), a_node(2)), observations) == []


def test_leases_of_the_dead_end():
    """A dead node leases nothing; what a living one leases stays."""
    dead, lease = a_node(1, dead=a_mark(1)), a_lease(1, on=1)
    configuration = knowing(dead, a_node(2), leases=[lease])
    assert learnt(configuration, seen(2, silent=(1,))) == [LeaseEdit(lease, None)]
    alive = knowing(a_node(1), a_node(2), leases=[lease])
    assert learnt(alive, seen(2, silent=(1,))) == []


def test_inherited():
    """What a dead node was to destroy, a living one does."""
    dataset = a_dataset(1, on=1, deleted=True)
    configuration = knowing(
        a_node(1, dead=a_mark(1)),
        a_node(2),
        a_node(3),
        datasets=[dataset],
        ownership=[an_ownership(1)],
    )
    expected = [DatasetEdit(dataset, evolve(dataset, primary=node_id(3)))]
    assert learnt(configuration, seen(3, silent=(1, 2))) == expected
    assert learnt(configuration, seen(silent=(1, 2, 3))) == []


def test_not_inherited():
    """What is not deleted stays where it is wanted: nobody asked for a move."""
    configuration = knowing(
        a_node(1, dead=a_mark(1)), a_node(2), datasets=[a_dataset(1, on=1)]
    )
    assert learnt(configuration, seen(2, silent=(1,))) == []


def test_destroyed_by_the_heir():
    """The heir's word that the volume is gone counts."""
    dataset = a_dataset(1, on=2, deleted=True)
    observations = seen(2, silent=(1,))
    gone = a_fact(1, Condition.DESTROYED, Want.DELETED)
    observations.edit(node_id(2), [(gone, 0.0)], [], NOW)
    configuration = knowing(
        a_node(1, dead=a_mark(1)),
        a_node(2),
        datasets=[dataset],
        ownership=[an_ownership(1)],
    )
    [edit] = learnt(configuration, observations)
    assert isinstance(edit, DatasetEdit)
    assert edit.after.destroyed
