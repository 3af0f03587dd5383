"""What each golden file of the agents' protocol holds."""

from uuid import UUID

from attrs import evolve
from pyrsistent import pmap

from flocker.model.cluster import (
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
from flocker.wire.protocol import AgedFact, Report, Slice

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
