"""Tests of what `flockerctl why` says."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from attrs import evolve

from flocker.cli.explaining import (
    CONDITIONS,
    WANTS,
    Nodes,
    duration,
    moment,
    name_node,
    why,
)
from flocker.model.cluster import Condition, Want
from flocker.model.ids import BackendName, DatasetID, NodeID
from flocker.wire.answers import (
    CauseAnswer,
    DatasetInFull,
    FactAnswer,
    HolderAnswer,
    LeaseAnswer,
    NodeAnswer,
)

HERE = NodeID(UUID("aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"))
THERE = NodeID(UUID("bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"))
SINCE = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).isoformat(timespec="milliseconds")


def a_node(node: NodeID, host: str, *, connected: bool = True) -> NodeAnswer:
    """A node, heard half a minute ago if it is not connected."""
    seconds = 0.5 if connected else 30.0
    return NodeAnswer(node, host, connected, SINCE, SINCE, seconds, "", "")


def a_fact(wants: Want, condition: Condition) -> FactAnswer:
    """What a node has said for 12 seconds."""
    return FactAnswer(
        wants.value, condition.value, None, None, None, None, None, SINCE, 12.0
    )


NODES = {HERE: a_node(HERE, "10.0.0.1"), THERE: a_node(THERE, "10.0.0.2")}
MOUNTED = DatasetInFull(
    dataset_id=DatasetID(UUID("11111111-1111-4111-8111-111111111111")),
    name="pg",
    metadata={"name": "pg"},
    primary=HERE,
    backend=BackendName("default"),
    mount="always",
    filesystem="ext4",
    maximum_size=None,
    deleted=False,
    phase="mounted",
    since=SINCE,
    seconds=12.0,
    node=HERE,
    cause=None,
    path="/flocker/x",
    size=1024**3,
    volume="vol-1",
    acquired=True,
    nodes={
        HERE: evolve(
            a_fact(Want.MOUNTED, Condition.MOUNTED),
            path="/flocker/x",
            device="/dev/sdb",
        )
    },
)
BLOCKED = evolve(
    MOUNTED,
    primary=THERE,
    phase="waiting",
    path=None,
    cause=CauseAnswer("holder-silent", "its holder is silent", "bring it back"),
    nodes={
        HERE: a_fact(Want.AWAY, Condition.MOUNTED),
        THERE: evolve(
            a_fact(Want.MOUNTED, Condition.ELSEWHERE),
            doing="attaching",
            cause=CauseAnswer("busy", "it is attached to i-1"),
        ),
    },
)


def flowing(text: str) -> str:
    """A text whose line breaks are those of this file only."""
    return " ".join(text.split())


def said(dataset: DatasetInFull, nodes: Nodes = NODES) -> str:
    """All sentences as one text."""
    return " ".join(why(dataset, nodes))


def test_mounted() -> None:
    """A dataset that is where it should be is said to be there, and how long."""
    assert said(MOUNTED) == flowing(
        """
        Dataset 11111111-1111-4111-8111-111111111111 (pg) is wanted mounted on node
        aaaaaaaa (10.0.0.1).
        It is mounted on node aaaaaaaa (10.0.0.1) at /flocker/x for 12 s, since
        2026-01-02 03:04:05 UTC.
        Its volume is vol-1 of backend 'default', 1G; it counts as holding data.
        Node aaaaaaaa (10.0.0.1) says for 12 s that it is mounted at /flocker/x from
        /dev/sdb; it is told to mount it.
        """
    )


def test_blocked() -> None:
    """One that waits has its cause, its release, and the word of every node."""
    nodes = {**NODES, HERE: a_node(HERE, "10.0.0.1", connected=False)}
    assert said(BLOCKED, nodes) == flowing(
        """
        Dataset 11111111-1111-4111-8111-111111111111 (pg) is wanted mounted on node
        bbbbbbbb (10.0.0.2).
        It is waiting on node aaaaaaaa (10.0.0.1) for 12 s, since
        2026-01-02 03:04:05 UTC.
        Cause: its holder is silent [holder-silent].
        What would release it: bring it back.
        Its volume is vol-1 of backend 'default', 1G; it counts as holding data.
        Node bbbbbbbb (10.0.0.2) says for 12 s that its volume is attached to another
        machine; it is told to mount it. It is attaching.
        It adds: it is attached to i-1.
        Node aaaaaaaa (10.0.0.1), not heard for 30 s, says for 12 s that it is
        mounted; it is told to let it go.
        """
    )


def test_destroyed() -> None:
    """A destroyed dataset is said to have been wanted so."""
    gone = evolve(
        MOUNTED, deleted=True, phase="destroyed", nodes={}, path=None, size=None
    )
    assert said(gone) == flowing(
        """
        Dataset 11111111-1111-4111-8111-111111111111 (pg) is wanted destroyed; it was
        on node aaaaaaaa (10.0.0.1).
        It is destroyed for 12 s, since 2026-01-02 03:04:05 UTC.
        Its volume is vol-1 of backend 'default'; it counts as holding data.
        No node has said anything of it.
        """
    )


def test_on_use() -> None:
    """A dataset that is mounted on use is wanted where it is leased."""
    dataset = evolve(MOUNTED, mount="on-use")
    assert why(dataset, NODES)[0] == (
        f"Dataset {MOUNTED.dataset_id} (pg) is wanted mounted where it is leased, and "
        "nowhere else."
    )


def test_unknown() -> None:
    """Of a dataset on a silent node it is said that nobody knows."""
    assert why(evolve(MOUNTED, phase="unknown"), NODES)[1] == (
        "What becomes of it on node aaaaaaaa (10.0.0.1) at /flocker/x is unknown for "
        "12 s, since 2026-01-02 03:04:05 UTC."
    )


def test_without_volume() -> None:
    """A dataset that has no volume yet is said to have none."""
    new = evolve(MOUNTED, volume=None, nodes={})
    assert "No volume of backend 'default' is recorded as its own." in why(new, NODES)


def test_words_of_a_newer_server() -> None:
    """Conditions that we do not know are repeated as they are."""
    strange = evolve(MOUNTED, nodes={HERE: evolve(BLOCKED.nodes[HERE], condition="?!")})
    assert why(strange, NODES)[-1].startswith(
        "Node aaaaaaaa (10.0.0.1) says for 12 s '?!'"
    )


def test_tables_are_total() -> None:
    """Every condition and every wish has words."""
    assert set(CONDITIONS) == {condition.value for condition in Condition}
    assert set(WANTS) == {want.value for want in Want}


def test_unknown_node() -> None:
    """A node that has not been seen is named by its id alone."""
    assert name_node(HERE, {}) == "aaaaaaaa (not seen yet)"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (35.2, "35 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7200, "2 h"),
        (200000, "2 d"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    """A time has the unit that fits."""
    assert duration(seconds) == text


def test_moment_that_is_none() -> None:
    """A time that cannot be read is repeated as it is."""
    assert moment("soon") == "soon"


def test_leased() -> None:
    """Who uses it is said, as people call them; a server before 2.0 names nobody."""
    holders = (HolderAnswer("docker:9194 db", None), HolderAnswer("backup", None))
    lease = LeaseAnswer(MOUNTED.dataset_id, HERE, None, holders)
    assert (
        "It is leased to node aaaaaaaa (10.0.0.1) by container db (docker), backup."
    ) in why(evolve(MOUNTED, lease=lease), NODES)
    nameless = evolve(lease, holders=())
    assert "(10.0.0.1) by somebody." in " ".join(
        why(evolve(MOUNTED, lease=nameless), NODES)
    )
