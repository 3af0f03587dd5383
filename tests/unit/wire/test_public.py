"""The JSON of the REST API: written as described, and read back by a client."""

import json

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from pyrsistent import pmap

from flocker.model.cluster import Cause, Condition, Phase
from flocker.model.datasets import DEFAULT_BACKEND
from flocker.model.ids import Epoch, MoveNumber, SnapshotID
from flocker.model.leases import Holder, Lease
from flocker.model.pools import (
    Copying,
    Move,
    PoolFact,
    PoolOwnership,
    Prune,
    Record,
    Replica,
)
from flocker.model.status import Moving, Status, status
from flocker.testing import strategies
from flocker.testing.builders import (
    a_dataset,
    a_fact,
    a_sight,
    an_ownership,
    dataset_id,
    node_id,
    observed,
)
from flocker.wire.answers import DatasetAnswer, DatasetInFull, NodeAnswer, read
from flocker.wire.public import (
    cause,
    configured_dataset,
    dataset_status,
    dataset_status_in_full,
    lease,
    node_status,
    state_dataset,
    state_node,
    timestamp,
)

NOW = 10_000.0
HERE = node_id()
LISTED_WITHOUT_PATH = frozenset(
    {
        Condition.ATTACHED,
        Condition.BLANK,
        Condition.EMPTIED,
        Condition.FOREIGN,
        Condition.DETACHED,
        Condition.APPEARING,
        Condition.ON_DEAD_NODE,
    }
)


def sent(plain: object) -> bytes:
    """JSON as it goes over the network."""
    return json.dumps(plain, allow_nan=False).encode()


def test_timestamp():
    """Times are ISO 8601 in UTC, to the millisecond."""
    assert timestamp(1_700_000_000.1234) == "2023-11-14T22:13:20.123+00:00"


def test_configured_dataset():
    """A dataset as it is wanted; its size only when somebody gave one."""
    plain = {
        "dataset_id": str(dataset_id()),
        "primary": str(HERE),
        "deleted": False,
        "metadata": {"name": "mongo"},
    }
    dataset = evolve(a_dataset(), metadata=pmap({"name": "mongo"}))
    assert configured_dataset(dataset) == plain
    sized = evolve(dataset, maximum_size=2**30)
    assert configured_dataset(sized) == {**plain, "maximum_size": 2**30}


def test_mounted_dataset():
    """A mounted dataset is listed with its node and path."""
    assert state_dataset(HERE, a_fact()) == {
        "dataset_id": str(dataset_id()),
        "maximum_size": 2**30,
        "primary": str(HERE),
        "path": f"/flocker/{dataset_id()}",
    }


@pytest.mark.parametrize(
    "condition", sorted(set(Condition) - {Condition.MOUNTED}, key=str)
)
def test_other_datasets(condition):
    """Others are listed without place, and only where 1.15 listed them."""
    plain = {"dataset_id": str(dataset_id()), "maximum_size": 2**30}
    listed = condition in LISTED_WITHOUT_PATH
    assert state_dataset(HERE, a_fact(1, condition)) == (plain if listed else None)


def test_unknown_size():
    """A size that nobody knows is left out."""
    found = state_dataset(HERE, evolve(a_fact(1, Condition.ATTACHED), size=None))
    assert found == {"dataset_id": str(dataset_id())}


def test_state_node():
    """A node is its id and address."""
    assert state_node(a_sight()) == {"uuid": str(HERE), "host": "10.0.0.1"}


def test_cause():
    """A cause has code, words and what would end it."""
    assert cause(None) is None
    assert cause(Cause("busy", "it is used", permanent=True)) == {
        "code": "busy",
        "words": "it is used",
        "release": None,
    }


def test_dataset_status():
    """What happens to a dataset, and for how long."""
    found = Status(Phase.WAITING, 9_990.0, HERE, Cause("a", "b", "c"), size=7)
    assert dataset_status(a_dataset(), found, NOW) == {
        "dataset_id": str(dataset_id()),
        "name": None,
        "metadata": {},
        "primary": str(HERE),
        "backend": "default",
        "mount": "always",
        "filesystem": "ext4",
        "maximum_size": None,
        "deleted": False,
        "phase": "waiting",
        "since": "1970-01-01T02:46:30.000+00:00",
        "seconds": 10.0,
        "node": str(HERE),
        "cause": {"code": "a", "words": "b", "release": "c"},
        "path": None,
        "size": 7,
        "move": None,
    }


def test_in_full():
    """The same with the record and each node's words."""
    facts = {HERE: observed(a_fact(), 9_999.0)}
    found = status(a_dataset(), facts, {HERE: a_sight()})
    record = an_ownership(acquired=True)
    brief = dataset_status(a_dataset(), found, NOW)
    leased = Lease(dataset_id(), HERE, (Holder("user"),))
    full = dataset_status_in_full(a_dataset(), found, record, facts, leased, NOW)
    assert full == {
        **brief,
        "volume": "volume-1",
        "acquired": True,
        "pool": None,
        "lease": lease(leased, NOW),
        "nodes": {
            str(HERE): {
                "wants": "mounted",
                "condition": "mounted",
                "volume": "volume-1",
                "device": None,
                "path": f"/flocker/{dataset_id()}",
                "doing": None,
                "cause": None,
                "copy": None,
                "since": "1970-01-01T02:46:39.000+00:00",
                "seconds": 1.0,
            }
        },
    }


def test_node_status():
    """What control knows of a node."""
    assert node_status(a_sight(since=9_999.5), None, NOW) == {
        "uuid": str(HERE),
        "host": "10.0.0.1",
        "connected": True,
        "since": "1970-01-01T02:46:39.500+00:00",
        "last_seen": "1970-01-01T02:46:39.500+00:00",
        "seconds": 0.5,
        "era": "0e7a0000-0000-0000-0000-000000000001",
        "version": "2.0",
        "backends": [
            {
                "name": "default",
                "driver": "loopback",
                "kind": "block",
                "instance": "i-1",
            }
        ],
        "refused": None,
        "first_seen": "1970-01-01T02:46:39.500+00:00",
        "labels": {},
        "cordoned": False,
        "dead": None,
    }


def test_nothing_is_of_tomorrow():
    """What seems to have begun later than now has begun now."""
    found = Status(Phase.MOUNTED, NOW + 5, HERE)
    assert dataset_status(a_dataset(), found, NOW)["seconds"] == 0.0


@given(
    strategies.datasets,
    st.none() | strategies.ownerships,
    st.dictionaries(strategies.nodes, strategies.observations, max_size=3),
    st.dictionaries(strategies.nodes, strategies.sights, max_size=3),
    strategies.times,
)
def test_clients_understand(dataset, ownership, facts, nodes, now):
    """Whatever is known of a dataset, a client reads what was written."""
    found = status(dataset, facts, nodes)
    body = sent(dataset_status_in_full(dataset, found, ownership, facts, None, now))
    full = read(DatasetInFull, body)
    assert (full.dataset_id, full.primary, full.phase, full.path) == (
        dataset.id,
        dataset.primary,
        found.phase.value,
        found.path,
    )
    assert set(full.nodes) == set(facts)
    brief = read(DatasetAnswer, sent(dataset_status(dataset, found, now)))
    assert (brief.name, brief.metadata) == (dataset.name, dict(dataset.metadata))


@given(strategies.sights, st.none() | strategies.registered, strategies.times)
def test_clients_understand_nodes(sight, known, now):
    """Whatever is known of a node, a client reads what was written."""
    answer = read(NodeAnswer, sent(node_status(sight, known, now)))
    assert answer.cordoned == (known is not None and known.cordoned)
    assert (answer.dead is None) == (known is None or known.dead is None)
    assert (answer.uuid, answer.connected, answer.refused) == (
        sight.identity.node,
        sight.connected,
        sight.refused,
    )
    assert len(answer.backends) == len(sight.identity.backends)


def test_move():
    """How far a dataset is on its way; what is not known is null."""
    asked = Move(MoveNumber(3), node_id(2), force=True, max_downtime=2.5)
    far = Copying(MoveNumber(3), 2, 256, 1024, 64.0, ready=True, downtime=0.5)
    found = Status(Phase.COPYING, 0.0, HERE, move=Moving(HERE, asked, far))
    known = dataset_status(a_dataset(), found, NOW)["move"]
    assert known == {
        "source": str(HERE),
        "target": str(node_id(2)),
        "stage": "copying",
        "force": True,
        "max_downtime": 2.5,
        "round": 2,
        "done": 256,
        "total": 1024,
        "rate": 64.0,
        "remaining": 12.0,
        "ready": True,
        "downtime": 0.5,
    }
    begins = evolve(found, move=Moving(HERE, Move(MoveNumber(3), node_id(2))))
    nothing = dict.fromkeys(
        ["max_downtime", "round", "done", "total", "rate", "remaining", "downtime"]
    )
    assert dataset_status(a_dataset(), begins, NOW)["move"] == {
        **known,
        **nothing,
        "force": False,
        "ready": False,
    }


def test_in_a_pool():
    """Who owns a dataset of a pool, and what each node has of it."""
    row = PoolOwnership(
        dataset_id(),
        DEFAULT_BACKEND,
        HERE,
        Epoch(3),
        acquired=True,
        prunes=(Prune(node_id(2), SnapshotID("s")),),
        given_up="é",
    )
    record = Record(dataset_id(), Replica(Epoch(2)))
    copy = PoolFact(record, exists=True, head=SnapshotID("s"), asides=("old",))
    bare = evolve(copy, record=Record(dataset_id()), exists=False, head=None, asides=())
    facts = {
        HERE: observed(evolve(a_fact(), pool=copy)),
        node_id(2): observed(evolve(a_fact(), pool=bare)),
    }
    found = Status(Phase.MOUNTED, 0.0, HERE)
    full = dataset_status_in_full(a_dataset(), found, row, facts, None, NOW)
    assert (full["volume"], full["acquired"]) == (None, True)
    assert full["pool"] == {
        "owner": str(HERE),
        "epoch": 3,
        "given_up": "é",
        "dropping": [str(node_id(2))],
        "rollback": None,
        "rolled_back": 0,
        "not_rolled_back": None,
    }
    copies = [each["copy"] for each in full["nodes"].values()]
    assert copies == [
        {
            "standing": "replica",
            "epoch": 2,
            "exists": True,
            "snapshot": "s",
            "asides": ["old"],
        },
        {
            "standing": "nocopy",
            "epoch": None,
            "exists": False,
            "snapshot": None,
            "asides": [],
        },
    ]
