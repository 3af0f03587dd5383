"""What the agents have said: by dataset and node, each with its time."""

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from flocker.control.observations import Observations
from flocker.model.cluster import Condition, NodeSight, Observed, Phase, Want
from flocker.model.ids import MoveNumber
from flocker.model.pools import Copying, PoolFact, Record
from flocker.model.snapshots import VolumeSnapshots
from flocker.testing.builders import a_fact, an_identity, dataset_id, node_id

NOW = 1000.0
LATER = 1010.0


def connected(*nodes: int) -> Observations:
    """Observations of some connected nodes."""
    observations = Observations()
    for node in nodes:
        observations.connected(an_identity(node), NOW)
    return observations


def test_connected():
    """A node is seen from its connection on."""
    assert connected(1).nodes == {
        node_id(1): NodeSight(
            an_identity(1), connected=True, last_seen=NOW, since=NOW, joined=NOW
        )
    }


def test_heard():
    """A sign of life moves when it was seen, not since when it is connected."""
    observations = connected(1)
    observations.heard(node_id(1), LATER)
    sight = observations.nodes[node_id(1)]
    assert (sight.since, sight.last_seen) == (NOW, LATER)


def test_disconnected():
    """A node that is gone was last seen before."""
    observations = connected(1)
    observations.disconnected(node_id(1), LATER)
    sight = observations.nodes[node_id(1)]
    assert (sight.connected, sight.since, sight.last_seen) == (False, LATER, NOW)


def test_what_lasts_when_a_connection_is_over():
    """What a node has is so still; what it knew of rows, or sent, nobody knows now."""
    copying = Copying(MoveNumber(1))
    said = PoolFact(Record(dataset_id(1)), exists=True, asides=("a",))
    here = evolve(said, copying=copying, heard=3, under=4)
    kept = VolumeSnapshots((), heard=3)
    observations = connected(1)
    before = [
        evolve(a_fact(1), pool=here),
        evolve(a_fact(2), kept=kept),
        a_fact(3),
    ]
    observations.replace(node_id(1), [(fact, 5.0) for fact in before], NOW)
    observations.disconnected(node_id(1), LATER)
    for connected_again in (False, True):
        if connected_again:
            observations.connected(an_identity(1), LATER)
        left = [observations.facts(dataset_id(n))[node_id(1)] for n in (1, 2, 3)]
        assert left == [
            Observed(evolve(a_fact(1), pool=said), NOW - 5.0),
            Observed(evolve(a_fact(2), kept=VolumeSnapshots()), NOW - 5.0),
            Observed(a_fact(3), NOW - 5.0),
        ]
    said_anew = [(fact, 15.0) for fact in before]
    touched = observations.replace(node_id(1), said_anew, LATER)
    assert touched == {dataset_id(1), dataset_id(2)}


def test_refused():
    """A second agent that was turned away is remembered until the node is back."""
    observations = connected(1)
    observations.refused(node_id(1), "a and b")
    assert observations.nodes[node_id(1)].refused == "a and b"
    observations.connected(an_identity(1), LATER)
    assert observations.nodes[node_id(1)].refused is None


def test_full_report():
    """A full report is all that the node says; what it does not name is gone."""
    observations = connected(1)
    one, two, three = (a_fact(number) for number in (1, 2, 3))
    observations.replace(node_id(1), [(one, 0.0), (two, 0.0)], NOW)
    touched = observations.replace(node_id(1), [(two, 0.0), (three, 0.0)], LATER)
    assert touched == {dataset_id(1), dataset_id(3)}
    assert set(observations.reported_by(node_id(1))) == {dataset_id(2), dataset_id(3)}
    assert observations.facts(dataset_id(1)) == {}
    assert observations.facts(dataset_id(2)) == {node_id(1): Observed(two, NOW)}


def test_edits():
    """An edit touches what it names."""
    observations = connected(1)
    observations.replace(node_id(1), [(a_fact(1), 0.0), (a_fact(2), 0.0)], NOW)
    new = a_fact(2, Condition.ATTACHED)
    gone = [dataset_id(1), dataset_id(9)]
    assert observations.edit(node_id(1), [(new, 3.0)], gone, LATER) == {
        dataset_id(1),
        dataset_id(2),
    }
    assert observations.facts(dataset_id(2)) == {node_id(1): Observed(new, 1007.0)}
    assert list(observations.datasets()) == [dataset_id(2)]


def test_said_again():
    """What is said again is as old as it was, and nothing has changed."""
    observations = connected(1)
    observations.replace(node_id(1), [(a_fact(), 5.0)], NOW)
    assert observations.edit(node_id(1), [(a_fact(), 0.0)], [], LATER) == set()
    assert observations.facts(dataset_id())[node_id(1)].since == NOW - 5.0


@pytest.mark.parametrize(("age", "since"), [(-5.0, NOW), (1e300, 0.0)])
def test_ages_that_cannot_be(age, since):
    """No fact is of tomorrow, or older than time."""
    observations = connected(1)
    observations.edit(node_id(1), [(a_fact(), age)], [], NOW)
    assert observations.facts(dataset_id())[node_id(1)].since == since


def test_several_nodes():
    """Each node's word stands beside the others'."""
    observations = connected(1, 2)
    here, there = a_fact(), a_fact(1, Condition.ELSEWHERE)
    observations.edit(node_id(1), [(here, 0.0)], [], NOW)
    observations.edit(node_id(2), [(there, 0.0)], [], NOW)
    assert observations.facts(dataset_id()) == {
        node_id(1): Observed(here, NOW),
        node_id(2): Observed(there, NOW),
    }
    observations.edit(node_id(1), [], [dataset_id()], NOW)
    assert observations.facts(dataset_id()) == {node_id(2): Observed(there, NOW)}


def test_held_by():
    """Nodes hold what they have attached or work on, while they are connected."""
    observations = connected(1, 2, 3, 4)
    said = (
        a_fact(1, Condition.ATTACHED),
        a_fact(1, Condition.MISSING, Want.AWAY, doing=Phase.CREATING),
        a_fact(1, Condition.ELSEWHERE),
        a_fact(1, Condition.MOUNTED),
    )
    for node, fact in enumerate(said, start=1):
        observations.edit(node_id(node), [(fact, 0.0)], [], NOW)
    observations.disconnected(node_id(4), NOW)
    assert observations.held_by(dataset_id()) == (node_id(1), node_id(2))


def test_back_in_the_same_era():
    """What a node said before its connection broke still counts when it is back."""
    observations = connected(1)
    observations.edit(node_id(1), [(a_fact(), 0.0)], [], NOW)
    observations.disconnected(node_id(1), LATER)
    observations.connected(an_identity(1, process=2), LATER)
    assert observations.held_by(dataset_id()) == (node_id(1),)


def test_back_after_a_reboot():
    """What a node said before it was booted anew is void."""
    observations = connected(1)
    observations.edit(node_id(1), [(a_fact(), 0.0)], [], NOW)
    observations.disconnected(node_id(1), LATER)
    assert observations.connected(an_identity(1, era=2), LATER) == {dataset_id()}
    assert observations.facts(dataset_id()) == {}
    assert list(observations.reported_by(node_id(1))) == []


numbers = st.integers(1, 3)
said = st.tuples(numbers, st.sampled_from(Condition))


@given(st.lists(st.tuples(numbers, st.booleans(), st.lists(said), st.lists(numbers))))
def test_indexes_agree(reports):
    """By dataset and by node the same is known, whatever was said in which order."""
    observations = connected(1, 2, 3)
    model: dict = {}
    for node, full, facts, gone in reports:
        changed = [(a_fact(number, condition), 0.0) for number, condition in facts]
        if full:
            observations.replace(node_id(node), changed, NOW)
            model = {key: fact for key, fact in model.items() if key[0] != node}
        else:
            ids = [dataset_id(number) for number in gone]
            observations.edit(node_id(node), changed, ids, NOW)
        model.update({(node, fact.dataset): fact for fact, _ in changed})
        if not full:
            for number in gone:
                model.pop((node, dataset_id(number)), None)
    known = {
        (node, dataset): observations.facts(dataset)[node_id(node)].fact
        for node in (1, 2, 3)
        for dataset in observations.reported_by(node_id(node))
    }
    assert known == model
    assert {dataset for _, dataset in model} == set(observations.datasets())


def test_facts_are_not_shared():
    """Who asked before does not see what came after: readers keep what they read."""
    observations = connected(1)
    observations.edit(node_id(1), [(a_fact(), 0.0)], [], NOW)
    before = observations.facts(dataset_id())
    changed = evolve(a_fact(), size=7)
    observations.edit(node_id(1), [(changed, 0.0)], [], NOW)
    assert before[node_id(1)].fact == a_fact()


class Watching:
    """Notes what it is told."""

    def __init__(self, observations: Observations) -> None:
        self.told: list[object] = []
        observations.watch(self)

    def observed(self, datasets) -> None:
        self.told.append(set(datasets))

    def sighted(self, sight: NodeSight) -> None:
        self.told.append((sight.identity.node, sight.connected, sight.refused))


def test_watched():
    """A watcher hears who comes and goes, and what is known of datasets."""
    observations = Observations()
    watching = Watching(observations)
    observations.connected(an_identity(1), NOW)
    observations.replace(node_id(1), [(a_fact(1), 0.0)], NOW)
    observations.heard(node_id(1), LATER)
    observations.refused(node_id(1), "a and b")
    observations.disconnected(node_id(1), LATER)
    assert watching.told == [
        (node_id(1), True, None),
        {dataset_id(1)},
        (node_id(1), True, "a and b"),
        (node_id(1), False, "a and b"),
    ]


def test_nothing_new_is_not_told():
    """A report of what is known already is no news."""
    observations = connected(1)
    observations.replace(node_id(1), [(a_fact(1), 0.0)], NOW)
    watching = Watching(observations)
    observations.replace(node_id(1), [(a_fact(1), 5.0)], LATER)
    assert watching.told == []


def test_watched_reboot():
    """What a node said before its reboot is told to be void."""
    observations = connected(1)
    observations.replace(node_id(1), [(a_fact(1), 0.0)], NOW)
    watching = Watching(observations)
    observations.connected(an_identity(1, era=2), LATER)
    assert watching.told == [(node_id(1), True, None), {dataset_id(1)}]


def test_taken():
    """Taken is what a node had when it was last heard, and a connected one has now."""
    observations = connected(1, 2, 3)
    had = [(a_fact(number), 0.0) for number in (1, 2, 3)]
    observations.replace(node_id(1), had, NOW)
    observations.disconnected(node_id(1), NOW)
    assert observations.taken_from(node_id(1)) == ()
    observations.replace(node_id(2), [(a_fact(1), 0.0)], NOW)
    observations.replace(node_id(3), [(a_fact(2), 0.0)], NOW)
    observations.edit(node_id(2), [(a_fact(3, Condition.ELSEWHERE), 0.0)], [], NOW)
    observations.disconnected(node_id(3), NOW)
    assert observations.taken_from(node_id(1)) == (dataset_id(1),)
