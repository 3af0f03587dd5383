"""Payloads are cut into boxes and put together again; every format is read for ever."""

from pathlib import Path
from uuid import UUID

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from pyrsistent import pmap

from flocker.model.cluster import (
    AgentIdentity,
    Assignment,
    BackendReport,
    Cause,
    Condition,
    Peer,
    Phase,
    Want,
)
from flocker.model.datasets import DEFAULT_BACKEND, FilesystemKind, Mounting
from flocker.model.ids import (
    BackendName,
    Epoch,
    InstanceID,
    MoveNumber,
    RollbackNumber,
    SnapshotID,
    UserSnapshotID,
)
from flocker.model.pools import (
    Copying,
    Move,
    Owned,
    PoolFact,
    PoolOwnership,
    Prune,
    Record,
    Released,
    Rollback,
    Stage,
)
from flocker.model.snapshots import (
    FoundSnapshot,
    Origin,
    Taken,
    UserSnapshot,
    UserSnapshots,
    VolumeSnapshots,
)
from flocker.testing.builders import (
    a_dataset,
    a_fact,
    a_lease,
    a_life,
    an_assignment,
    an_identity,
    dataset_id,
    node_id,
)
from flocker.wire.json_codec import decode, encode_briefly
from flocker.wire.protocol import (
    LARGEST_PAYLOAD,
    PART_SIZE,
    PROTOCOL,
    AgedFact,
    Assembler,
    OutOfOrder,
    Report,
    Slice,
    split,
)

EVERY = Path(__file__).parents[2] / "golden" / "agent-protocol"
GOLDEN = EVERY / str(PROTOCOL)

RELEASED_1 = {
    "identity.json": an_identity(),
    "slice.json": Slice(
        full=True,
        changed=(
            an_assignment(1, on=1, held_by=(node_id(2), node_id(3))),
            Assignment(
                id=dataset_id(2),
                dataset=evolve(
                    a_dataset(2, deleted=True, maximum_size=2**30),
                    metadata=pmap({"name": "é"}),
                ),
            ),
            Assignment(
                id=dataset_id(5),
                dataset=evolve(
                    a_dataset(5),
                    mount=Mounting.ON_USE,
                    filesystem=FilesystemKind.XFS,
                ),
                lease=a_lease(5, on=2, expires=2000.5, docker=None),
            ),
            Assignment(id=dataset_id(4), dataset=None),
        ),
        gone=(dataset_id(3),),
    ),
    "report.json": Report(
        full=False,
        changed=(
            AgedFact(a_fact(1), 1.5),
            AgedFact(
                a_fact(
                    2,
                    Condition.ATTACHED,
                    Want.AWAY,
                    doing=Phase.DETACHING,
                    cause=Cause("busy", "é is busy", "stop it", permanent=True),
                ),
                0.0,
            ),
        ),
        gone=(dataset_id(3),),
    ),
}

RELEASED_2 = {
    **RELEASED_1,
    "slice.json": evolve(
        RELEASED_1["slice.json"],
        changed=(
            *RELEASED_1["slice.json"].changed,
            evolve(an_assignment(6), dead=(InstanceID("i-2"),)),
        ),
    ),
    "stand-down.json": Slice(full=True, stand_down=True),
    "report.json": evolve(
        RELEASED_1["report.json"],
        changed=(
            *RELEASED_1["report.json"].changed,
            AgedFact(evolve(a_fact(6, Condition.ON_DEAD_NODE), off=True), 2.0),
        ),
    ),
}

RELEASED_3 = {
    **RELEASED_2,
    "slice.json": evolve(
        RELEASED_2["slice.json"],
        changed=(
            *RELEASED_2["slice.json"].changed,
            Assignment(dataset_id(7), evolve(a_dataset(7), life=a_life())),
        ),
    ),
    "report.json": evolve(
        RELEASED_2["report.json"],
        changed=(
            *RELEASED_2["report.json"].changed,
            AgedFact(evolve(a_fact(7, Condition.UNREGISTERED), life=a_life()), 0.5),
            AgedFact(a_fact(8, Condition.FOUND), 0.0),
            AgedFact(a_fact(9, Condition.UNCLAIMED), 0.0),
        ),
    ),
}

MOVING = PoolOwnership(
    dataset_id(10),
    DEFAULT_BACKEND,
    node_id(1),
    epoch=Epoch(3),
    top=Epoch(4),
    base=SnapshotID("8107439012345678901"),
    create=False,
    acquired=True,
    move=Move(MoveNumber(2), node_id(2), Stage.FREEZING, max_downtime=2.5),
    moves=MoveNumber(2),
    prunes=(Prune(node_id(3), SnapshotID("8107439012345678900")),),
    holders=(node_id(1), node_id(2), node_id(3)),
    revision=9,
    given_up="é took too long",
)
RECORD = Record(
    dataset_id(10),
    Released(Epoch(3), SnapshotID("8107439012345678902"), node_id(2)),
    floor=Epoch(4),
    refused=MoveNumber(1),
    revision=8,
)

RELEASED_5 = {
    **RELEASED_3,
    "identity.json": evolve(
        an_identity(),
        backends=(BackendReport(DEFAULT_BACKEND, "btrfs", "pool", port=4525),),
    ),
    "slice.json": evolve(
        RELEASED_3["slice.json"],
        changed=(
            *RELEASED_3["slice.json"].changed,
            Assignment(
                dataset_id(10),
                a_dataset(10),
                pool=MOVING,
                peers=(Peer(node_id(2), "10.0.0.2", 4525),),
            ),
        ),
    ),
    "report.json": evolve(
        RELEASED_3["report.json"],
        changed=(
            *RELEASED_3["report.json"].changed,
            AgedFact(
                evolve(
                    a_fact(10, Condition.DETACHED),
                    pool=PoolFact(
                        RECORD,
                        exists=True,
                        head=SnapshotID("8107439012345678902"),
                        copying=Copying(
                            MoveNumber(2),
                            round=3,
                            done=512,
                            total=1024,
                            rate=2.5,
                            ready=True,
                            downtime=0.25,
                        ),
                        asides=("a-3",),
                    ),
                ),
                1.0,
            ),
            AgedFact(
                evolve(
                    a_fact(11, Condition.MISSING),
                    pool=PoolFact(Record(dataset_id(11)), exists=False),
                ),
                0.0,
            ),
        ),
    ),
}

WITH_SNAPSHOTS = PoolFact(
    RECORD,
    exists=True,
    head=SnapshotID("8107439012345678902"),
    snapshots=(SnapshotID("8107439012345678901"), SnapshotID("8107439012345678902")),
)

RELEASED_6 = {
    **RELEASED_5,
    "report.json": evolve(
        RELEASED_5["report.json"],
        changed=(
            *RELEASED_5["report.json"].changed,
            AgedFact(evolve(a_fact(12, Condition.DETACHED), pool=WITH_SNAPSHOTS), 3.0),
        ),
    ),
}

FROZEN = evolve(MOVING, dataset=dataset_id(13), move=evolve(MOVING.move, frozen_at=7.5))

RELEASED_7 = {
    **RELEASED_6,
    "slice.json": evolve(
        RELEASED_6["slice.json"],
        changed=(
            *RELEASED_6["slice.json"].changed,
            Assignment(dataset_id(13), a_dataset(13), pool=FROZEN),
        ),
    ),
}

WISHES = UserSnapshots(
    dataset_id(14),
    (
        UserSnapshot(
            UserSnapshotID(UUID("5a9e0000-0000-4000-8000-000000000001")),
            "nightly",
            1700000003.5,
            Taken(SnapshotID("8107439012345678902"), 1700000004.25),
            deleted=3,
        ),
        UserSnapshot(
            UserSnapshotID(UUID("5a9e0000-0000-4000-8000-000000000002")),
            "nightly",
            1700000005.5,
        ),
    ),
    revision=4,
)
CLONE = PoolOwnership(
    dataset_id(14),
    DEFAULT_BACKEND,
    node_id(1),
    origin=Origin(dataset_id(12), SnapshotID("8107439012345678901")),
)
FOUND = PoolFact(
    Record(dataset_id(14)),
    exists=True,
    users=(FoundSnapshot(WISHES.wanted[0].id, SnapshotID("8107439012345678902")),),
    heard=4,
)

RELEASED_8 = {
    **RELEASED_7,
    "slice.json": evolve(
        RELEASED_7["slice.json"],
        changed=(
            *RELEASED_7["slice.json"].changed,
            Assignment(dataset_id(14), a_dataset(14), pool=CLONE, snapshots=WISHES),
        ),
    ),
    "report.json": evolve(
        RELEASED_7["report.json"],
        changed=(
            *RELEASED_7["report.json"].changed,
            AgedFact(evolve(a_fact(14, Condition.DETACHED), pool=FOUND), 4.0),
        ),
    ),
}

CLONE_OF_A_VOLUME = evolve(
    a_dataset(15),
    origin=Origin(dataset_id(14), SnapshotID("snapshot-1_block-1")),
)
OF_A_VOLUME = evolve(WISHES, dataset=dataset_id(15))
KEPT = VolumeSnapshots(
    (FoundSnapshot(WISHES.wanted[0].id, SnapshotID("snapshot-1_block-1")),), heard=4
)

RELEASED_9 = {
    **RELEASED_8,
    "identity.json": evolve(
        RELEASED_8["identity.json"],
        backends=(
            *RELEASED_8["identity.json"].backends,
            BackendReport(
                BackendName("volumes"),
                "loopback",
                "block",
                InstanceID("node-1"),
                snapshots=True,
            ),
        ),
    ),
    "slice.json": evolve(
        RELEASED_8["slice.json"],
        changed=(
            *RELEASED_8["slice.json"].changed,
            Assignment(dataset_id(15), CLONE_OF_A_VOLUME, snapshots=OF_A_VOLUME),
        ),
    ),
    "report.json": evolve(
        RELEASED_8["report.json"],
        changed=(
            *RELEASED_8["report.json"].changed,
            AgedFact(evolve(a_fact(15, Condition.MOUNTED), kept=KEPT), 5.0),
        ),
    ),
}

GOING_BACK = PoolOwnership(
    dataset_id(16),
    DEFAULT_BACKEND,
    node_id(1),
    create=False,
    acquired=True,
    rollback=Rollback(
        RollbackNumber(2),
        "nightly",
        SnapshotID("8107439012345678902"),
        "before-nightly.5a9e00000000",
        cancelled=True,
    ),
    rollbacks=RollbackNumber(2),
    rolled_back=RollbackNumber(1),
)
SETTLED = Record(
    dataset_id(16), settled=RollbackNumber(2), rolled_back=RollbackNumber(1)
)

RELEASED_10 = {
    **RELEASED_9,
    "slice.json": evolve(
        RELEASED_9["slice.json"],
        changed=(
            *RELEASED_9["slice.json"].changed,
            Assignment(dataset_id(16), a_dataset(16), pool=GOING_BACK),
        ),
    ),
    "report.json": evolve(
        RELEASED_9["report.json"],
        changed=(
            *RELEASED_9["report.json"].changed,
            AgedFact(
                evolve(
                    a_fact(16, Condition.DETACHED, doing=Phase.ROLLING_BACK),
                    pool=PoolFact(SETTLED, exists=True),
                ),
                5.0,
            ),
        ),
    ),
}
HEEDING = PoolFact(
    Record(
        dataset_id(17),
        Owned(Epoch(3), SnapshotID("8107439012345678901"), heeded=6),
        floor=Epoch(3),
    ),
    exists=True,
    heard=7,
    under=9,
)

RELEASED = {
    **RELEASED_10,
    "report.json": evolve(
        RELEASED_10["report.json"],
        changed=(
            *RELEASED_10["report.json"].changed,
            AgedFact(evolve(a_fact(17, Condition.MOUNTED), pool=HEEDING), 6.0),
        ),
    ),
}
"""What each golden file of the present number holds; those of others have less."""

BY_NUMBER = {
    "1": RELEASED_1,
    "2": RELEASED_2,
    "3": RELEASED_3,
    "4": RELEASED_3,
    "5": RELEASED_5,
    "6": RELEASED_6,
    "7": RELEASED_7,
    "8": RELEASED_8,
    "9": RELEASED_9,
    "10": RELEASED_10,
    "11": RELEASED,
}
"""Number 4 holds what 3 does, without the fields that have their defaults."""

sizes = st.integers(0, 5 * PART_SIZE) | st.integers(-2, 2).map(
    lambda more: 3 * PART_SIZE + more
)


def put_together(parts) -> bytes:
    """What an assembler makes of parts."""
    assembler = Assembler()
    *none, payload = [assembler.add(*part) for part in parts]
    assert none == [None] * len(none)
    assert payload is not None
    return payload


@given(sizes)
def test_split_and_assembled(size):
    """A payload of any size comes out as it went in."""
    payload = bytes(number % 251 for number in range(size))
    assert put_together(split(payload)) == payload


@given(sizes)
def test_parts_fit(size):
    """No part is larger than a box has room for; even nothing is one part."""
    parts = list(split(bytes(size)))
    assert [part for part, _, _ in parts] == list(range(1, len(parts) + 1))
    assert {total for _, total, _ in parts} == {len(parts)}
    assert max(len(data) for _, _, data in parts) <= PART_SIZE


@given(st.data())
def test_disorder_is_refused(data):
    """Parts that come twice, too early or not at all never make a payload."""
    parts = list(split(bytes(data.draw(st.integers(2, 5)) * PART_SIZE)))
    picked = data.draw(st.lists(st.sampled_from(parts), min_size=1, max_size=8))
    assembler, expected = Assembler(), 1
    for part, total, content in picked:
        if part not in {1, expected}:
            with pytest.raises(OutOfOrder):
                assembler.add(part, total, content)
            expected = 1
            continue
        whole = assembler.add(part, total, content)
        assert (whole is not None) == (part == total)
        expected = 1 if part == total else part + 1


@pytest.mark.parametrize(
    ("part", "parts"),
    [(0, 1), (2, 1), (1, 0), (-1, -1), (2, 2), (1, LARGEST_PAYLOAD // PART_SIZE + 1)],
)
def test_impossible_parts(part, parts):
    """Numbers that no sender counts are refused."""
    with pytest.raises(OutOfOrder):
        Assembler().add(part, parts, b"")


def test_number_of_parts_stays():
    """A payload does not grow while it comes."""
    assembler = Assembler()
    assembler.add(1, 2, b"a")
    with pytest.raises(OutOfOrder):
        assembler.add(2, 3, b"b")


def test_larger_than_announced():
    """A part beyond its size is refused, so a payload is never beyond its own."""
    with pytest.raises(OutOfOrder):
        Assembler().add(1, 1, bytes(PART_SIZE + 1))


def test_again_from_the_beginning():
    """After a refusal, and after a payload that was given up, the next one is taken."""
    assembler = Assembler()
    assembler.add(1, 3, b"given up")
    assembler.add(1, 2, b"a")
    with pytest.raises(OutOfOrder):
        assembler.add(1, 0, b"")
    assembler.add(1, 2, b"b")
    assert assembler.add(2, 2, b"c") == b"bc"


def test_disorder_in_words():
    """The refusal names the parts."""
    assert str(OutOfOrder(3, 2, 4)) == "part 3 of 4 came where 2 was due"


def test_released_number():
    """There are golden files of every number that was ever spoken."""
    numbers = {each.name for each in EVERY.iterdir()}
    assert numbers == {str(number) for number in range(1, PROTOCOL + 1)}


@pytest.mark.parametrize(
    ("number", "name"),
    [(number, name) for number in BY_NUMBER for name in BY_NUMBER[number]],
)
def test_released_payloads_are_read(number, name):
    """What a protocol sends was settled with its release, and is still understood."""
    value = BY_NUMBER[number][name]
    assert decode(type(value), (EVERY / number / name).read_bytes()) == value


@pytest.mark.parametrize("name", RELEASED)
def test_released_payloads_are_written(name):
    """What is sent is what the protocol has, byte for byte; else it is the next one."""
    assert encode_briefly(RELEASED[name]) + b"\n" == (GOLDEN / name).read_bytes()


def test_all_of_the_identity():
    """The golden identity leaves no field at its default."""
    identity = decode(AgentIdentity, (GOLDEN / "identity.json").read_bytes())
    assert identity.backends
    assert identity.node == a_dataset().primary
