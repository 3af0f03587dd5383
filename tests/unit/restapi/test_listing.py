"""Lists kept as bytes."""

import json
from uuid import UUID

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from pyrsistent import pmap

from flocker.control.observations import Observations
from flocker.model.changes import Change, DatasetEdit, OwnershipEdit, apply
from flocker.model.cluster import (
    AgentIdentity,
    Condition,
    Fact,
    NodeSight,
    Observed,
    Role,
    Want,
)
from flocker.model.configuration import Configuration
from flocker.model.datasets import Dataset
from flocker.model.ids import BackendName, DatasetID, Era, NodeID, ProcessID, VolumeID
from flocker.model.ownership import Ownership
from flocker.restapi.listing import (
    EncodedDatasets,
    EncodedFacts,
    is_silent,
    join,
    listed,
)
from flocker.wire.public import configured_dataset

A, B = (NodeID(UUID(int=n)) for n in (1, 2))
DATASET = DatasetID(UUID(int=9))


def a_dataset(number: int, size: int) -> Dataset:
    return Dataset(DatasetID(UUID(int=number)), A, maximum_size=size)


def ids_and_sizes(encoded: bytes) -> dict[str, int]:
    return {plain["dataset_id"]: plain["maximum_size"] for plain in json.loads(encoded)}


def expected(configuration: Configuration) -> dict[str, int]:
    plain = map(configured_dataset, configuration.datasets.values())
    return {one["dataset_id"]: one["maximum_size"] for one in plain}


@given(
    steps=st.lists(
        st.tuples(
            st.dictionaries(st.integers(1, 4), st.none() | st.integers(1, 9)),
            st.booleans(),
            st.booleans(),
        )
    )
)
def test_list_is_what_is_configured(steps) -> None:
    """Whatever changed, whether told or not, asked between or not, all is listed."""
    encoded = EncodedDatasets()
    configuration = Configuration()
    for wanted, told, asked in steps:
        edits = []
        for number, size in wanted.items():
            before = configuration.datasets.get(DatasetID(UUID(int=number)))
            after = None if size is None else a_dataset(number, size)
            if before != after:
                edits.append(DatasetEdit(before, after))
        change = Change(tuple(edits))
        configuration = apply(change, configuration)
        if told:
            encoded.changed(change, configuration)
        if asked:
            found = ids_and_sizes(encoded.list(configuration))
            assert found == expected(configuration)
    assert ids_and_sizes(encoded.list(configuration)) == expected(configuration)


def test_list_is_kept() -> None:
    """As long as no dataset changes the list is the same bytes, not only equal ones."""
    dataset = a_dataset(1, 1)
    configuration = Configuration(datasets=pmap({dataset.id: dataset}))
    encoded = EncodedDatasets()
    before = encoded.list(configuration)
    ownership = Ownership(dataset.id, BackendName("default"), VolumeID("v"))
    change = Change((OwnershipEdit(None, ownership),))
    after = apply(change, configuration)
    encoded.changed(change, after)
    assert encoded.list(after) is before


def test_facts_are_kept() -> None:
    """The list of facts is the same bytes until a fact or a silence comes."""
    observations = Observations()
    observations.connected(a_sight(A, 0.0).identity, 0.0)
    fact = Fact(DATASET, Want.MOUNTED, Condition.MOUNTED, path="/x")
    encoded = EncodedFacts()
    configuration = Configuration()

    def listing(now: float) -> bytes:
        return encoded.list(configuration, observations, now)

    assert listing(0.0) == b"[]"
    observations.edit(A, [(fact, 0.0)], [], 1.0)
    before = listing(1.0)
    assert [plain["path"] for plain in json.loads(before)] == ["/x"]
    observations.edit(A, [(fact, 0.0)], [], 2.0)
    assert listing(2.0) is before
    assert listing(121.0) == b"[]"
    observations.heard(A, 121.0)
    assert listing(121.0) == before
    observations.edit(A, [(evolve(fact, path="/y"), 0.0)], [], 3.0)
    assert [plain["path"] for plain in json.loads(listing(121.0))] == ["/y"]
    observations.edit(A, [], [DATASET], 4.0)
    assert listing(121.0) == b"[]"


def test_destroyed_is_not_listed() -> None:
    """What a node last knew of a volume that is gone is no state."""
    observations = Observations()
    observations.connected(a_sight(A, 0.0).identity, 0.0)
    fact = Fact(DATASET, Want.DELETED, Condition.DETACHED)
    observations.edit(A, [(fact, 0.0)], [], 1.0)
    encoded = EncodedFacts()
    dataset = Dataset(DATASET, A, deleted=True)
    found = []
    for destroyed in (False, True):
        change = Change((DatasetEdit(None, evolve(dataset, destroyed=destroyed)),))
        configuration = evolve(
            apply(change, Configuration()), datasets_revision=int(destroyed)
        )
        found.append(len(json.loads(encoded.list(configuration, observations, 1.0))))
    assert found == [1, 0]


def test_join() -> None:
    """No element, one, and two make lists."""
    assert [join([]), join([b"1"]), join([b"1", b"{}"])] == [b"[]", b"[1]", b"[1,{}]"]


def a_sight(node: NodeID, last_seen: float) -> NodeSight:
    identity = AgentIdentity(
        node, Role.DATASET, Era(UUID(int=1)), ProcessID(UUID(int=1)), "10.0.0.1", "2"
    )
    return NodeSight(identity, connected=True, last_seen=last_seen, since=last_seen)


def observed(condition: Condition, size: int | None = None) -> Observed:
    return Observed(Fact(DATASET, Want.MOUNTED, condition, size=size), 0.0)


def test_silence() -> None:
    """A node is silent 120 seconds after it was last heard, or if it never was."""
    assert not is_silent(a_sight(A, 10.0), 129.999)
    assert is_silent(a_sight(A, 10.0), 130.0)
    assert is_silent(None, 0.0)


NODES = {A: a_sight(A, 0.0), B: a_sight(B, 0.0)}
LATER = {A: a_sight(A, 0.0), B: a_sight(B, 200.0)}


def nodes_listed(facts, nodes=NODES, now=0.0) -> list[NodeID]:
    return [node for node, _ in listed(facts, nodes, now)]


def test_every_mount_is_listed() -> None:
    """During a hand-over two nodes may have it mounted, and both are listed."""
    mounted = observed(Condition.MOUNTED)
    assert nodes_listed({A: mounted, B: mounted}) == [A, B]


def test_unmounted_is_listed_once() -> None:
    """What two nodes know and none has mounted is one entry, of who knows its size."""
    facts = {A: observed(Condition.DETACHED), B: observed(Condition.DETACHED, 5)}
    assert nodes_listed(facts) == [B]
    assert nodes_listed({**facts, B: observed(Condition.DETACHED)}) == [A]


def test_mounted_is_not_listed_as_unmounted_too() -> None:
    """One node's mount makes another's knowledge of the volume superfluous."""
    facts = {A: observed(Condition.DETACHED, 5), B: observed(Condition.MOUNTED)}
    assert nodes_listed(facts) == [B]


def test_mounts_of_silent_nodes_are_not_believed() -> None:
    """After 120 seconds a mount is not listed; what others know then is."""
    mounted, detached = observed(Condition.MOUNTED), observed(Condition.DETACHED)
    assert nodes_listed({A: mounted}, LATER, 200.0) == []
    assert nodes_listed({A: mounted, B: detached}, LATER, 200.0) == [B]


def test_knowledge_of_unmounted_does_not_expire() -> None:
    """A dataset that is on no node stays listed when the node that knew it is gone."""
    assert nodes_listed({A: observed(Condition.ATTACHED)}, LATER, 200.0) == [A]


def test_missing_is_not_listed() -> None:
    """A node that knows that there is no volume makes no entry."""
    assert nodes_listed({A: observed(Condition.MISSING)}) == []


def test_dataset_edits_are_compared() -> None:
    """A dataset that is gone is gone from the list."""
    dataset = a_dataset(1, 1)
    configuration = Configuration(datasets=pmap({dataset.id: dataset}))
    encoded = EncodedDatasets()
    assert ids_and_sizes(encoded.list(configuration)) == {str(dataset.id): 1}
    change = Change((DatasetEdit(dataset, None),))
    after = apply(change, configuration)
    encoded.changed(change, after)
    assert encoded.list(after) == b"[]"
    assert encoded.list(evolve(after, revision=9)) == b"[]"
