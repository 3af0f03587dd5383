"""Hypothesis strategies for the values that are stored, sent and decided about."""

from typing import Final, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from pyrsistent import pmap

from flocker.model.cluster import (
    AgentIdentity,
    Assignment,
    BackendReport,
    Cause,
    Condition,
    Fact,
    NodeSight,
    Observed,
    Phase,
    Role,
    Want,
)
from flocker.model.datasets import Dataset, FilesystemKind, Mounting
from flocker.model.ids import (
    BackendName,
    DatasetID,
    Epoch,
    Era,
    InstanceID,
    Life,
    MoveNumber,
    NodeID,
    ProcessID,
    RollbackNumber,
    SnapshotID,
    UserSnapshotID,
    VolumeID,
)
from flocker.model.leases import Holder, Lease
from flocker.model.nodes import DeadMark, Evidence, Node
from flocker.model.ownership import Ownership
from flocker.model.pools import (
    Buried,
    Copying,
    Move,
    NoCopy,
    Owned,
    PoolFact,
    PoolOwnership,
    Promised,
    Prune,
    Record,
    Released,
    Replica,
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
from flocker.wire.protocol import AgedFact, Report, Slice

T = TypeVar("T")

MOST: Final = 4
"""Elements of a collection, at most: faults show in few."""

texts: Final = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
"""Any text that UTF-8 can hold."""

sizes: Final = st.integers(min_value=0, max_value=2**63 - 1)
"""Bytes of a volume."""

times: Final = st.floats(min_value=0, max_value=2**33)
"""Seconds since the epoch."""

nodes: Final[SearchStrategy[NodeID]] = st.builds(NodeID, st.uuids())
dataset_ids: Final[SearchStrategy[DatasetID]] = st.builds(DatasetID, st.uuids())
volumes: Final[SearchStrategy[VolumeID]] = st.builds(VolumeID, texts)
instances: Final[SearchStrategy[InstanceID]] = st.builds(InstanceID, texts)
lives: Final[SearchStrategy[Life]] = st.builds(Life, st.uuids())
backend_names: Final[SearchStrategy[BackendName]] = st.builds(BackendName, texts)


def _maybe(strategy: SearchStrategy[T]) -> SearchStrategy[T | None]:
    return st.none() | strategy


def _tuples(strategy: SearchStrategy[T]) -> SearchStrategy[tuple[T, ...]]:
    return st.lists(strategy, max_size=MOST).map(tuple)


snapshots: Final[SearchStrategy[SnapshotID]] = st.builds(SnapshotID, texts)
origins: Final[SearchStrategy[Origin]] = st.builds(
    Origin, dataset=dataset_ids, snapshot=snapshots
)
found_snapshots: Final[SearchStrategy[FoundSnapshot]] = st.builds(
    FoundSnapshot, id=st.builds(UserSnapshotID, st.uuids()), identity=snapshots
)

datasets: Final[SearchStrategy[Dataset]] = st.builds(
    Dataset,
    id=dataset_ids,
    primary=nodes,
    maximum_size=_maybe(sizes),
    metadata=st.dictionaries(texts, texts, max_size=MOST).map(pmap),
    backend=backend_names,
    deleted=st.booleans(),
    destroyed=st.booleans(),
    destroyed_at=_maybe(times),
    asked=times,
    mount=st.sampled_from(Mounting),
    filesystem=st.sampled_from(FilesystemKind),
    life=_maybe(lives),
    origin=_maybe(origins),
)

ownerships: Final[SearchStrategy[Ownership]] = st.builds(
    Ownership,
    dataset=dataset_ids,
    backend=backend_names,
    volume=volumes,
    acquired=st.booleans(),
    epoch=sizes,
    top=sizes,
    base=_maybe(texts),
    candidate=_maybe(nodes),
    pinned=st.booleans(),
)

epochs: Final[SearchStrategy[Epoch]] = st.builds(Epoch, st.integers(1, 2**31))
move_numbers: Final[SearchStrategy[MoveNumber]] = st.builds(
    MoveNumber, st.integers(0, 2**31)
)
rollback_numbers: Final = st.builds(RollbackNumber, st.integers(0, 2**31))

pool_ownerships: Final[SearchStrategy[PoolOwnership]] = st.builds(
    PoolOwnership,
    dataset=dataset_ids,
    backend=backend_names,
    owner=nodes,
    epoch=epochs,
    top=epochs,
    base=_maybe(snapshots),
    create=st.booleans(),
    acquired=st.booleans(),
    move=_maybe(
        st.builds(
            Move,
            number=move_numbers,
            target=nodes,
            stage=st.sampled_from(Stage),
            force=st.booleans(),
            max_downtime=_maybe(times),
            frozen_at=_maybe(times),
        )
    ),
    moves=move_numbers,
    prunes=_tuples(st.builds(Prune, node=nodes, snapshot=snapshots)),
    holders=_tuples(nodes),
    deleted=st.booleans(),
    revision=sizes,
    candidate=_maybe(nodes),
    pinned=st.booleans(),
    given_up=_maybe(texts),
    origin=_maybe(origins),
    rollback=_maybe(
        st.builds(Rollback, rollback_numbers, texts, snapshots, texts, st.booleans())
    ),
    rollbacks=rollback_numbers,
    rolled_back=rollback_numbers,
)

_replicas: Final = st.builds(Replica, epoch=epochs)
_released: Final = st.builds(Released, epoch=epochs, snapshot=snapshots, target=nodes)

records: Final[SearchStrategy[Record]] = st.builds(
    Record,
    dataset=dataset_ids,
    standing=st.one_of(
        st.just(NoCopy()),
        st.just(Buried()),
        _replicas,
        _released,
        st.builds(Owned, epoch=epochs, base=_maybe(snapshots)),
        st.builds(Promised, epoch=epochs, was=_replicas | _released),
    ),
    floor=epochs,
    refused=move_numbers,
    revision=sizes,
    pinned=st.booleans(),
    settled=rollback_numbers,
    rolled_back=rollback_numbers,
)

user_snapshots: Final[SearchStrategy[UserSnapshots]] = st.builds(
    UserSnapshots,
    dataset=dataset_ids,
    wanted=_tuples(
        st.builds(
            UserSnapshot,
            id=st.builds(UserSnapshotID, st.uuids()),
            name=texts,
            asked=times,
            taken=_maybe(st.builds(Taken, identity=snapshots, at=times)),
            deleted=_maybe(sizes),
        )
    ),
    revision=sizes,
)

pool_facts: Final[SearchStrategy[PoolFact]] = st.builds(
    PoolFact,
    record=records,
    exists=st.booleans(),
    head=_maybe(snapshots),
    copying=_maybe(
        st.builds(
            Copying,
            move=move_numbers,
            round=sizes,
            done=sizes,
            total=_maybe(sizes),
            rate=_maybe(times),
            ready=st.booleans(),
            downtime=_maybe(times),
        )
    ),
    asides=_tuples(texts),
    snapshots=_tuples(snapshots),
    users=_tuples(found_snapshots),
    heard=sizes,
)

leases: Final[SearchStrategy[Lease]] = st.builds(
    Lease,
    dataset=dataset_ids,
    node=nodes,
    holders=st.lists(
        st.builds(Holder, name=texts, expires=_maybe(times), era=_maybe(st.uuids())),
        min_size=1,
        max_size=MOST,
    ).map(tuple),
)

causes: Final[SearchStrategy[Cause]] = st.builds(
    Cause, code=texts, words=texts, release=_maybe(texts), permanent=st.booleans()
)

facts: Final[SearchStrategy[Fact]] = st.builds(
    Fact,
    dataset=dataset_ids,
    want=st.sampled_from(Want),
    condition=st.sampled_from(Condition),
    backend=_maybe(backend_names),
    volume=_maybe(volumes),
    size=_maybe(sizes),
    path=_maybe(texts),
    device=_maybe(texts),
    instance=_maybe(instances),
    doing=_maybe(st.sampled_from(Phase)),
    cause=_maybe(causes),
    life=_maybe(lives),
    kept=_maybe(
        st.builds(VolumeSnapshots, found=_tuples(found_snapshots), heard=sizes)
    ),
)

observations: Final[SearchStrategy[Observed]] = st.builds(
    Observed, fact=facts, since=times
)

assignments: Final[SearchStrategy[Assignment]] = st.builds(
    Assignment,
    id=dataset_ids,
    dataset=_maybe(datasets),
    ownership=_maybe(ownerships),
    held_by=_tuples(nodes),
    lease=_maybe(leases),
    snapshots=_maybe(user_snapshots),
)

identities: Final[SearchStrategy[AgentIdentity]] = st.builds(
    AgentIdentity,
    node=nodes,
    role=st.sampled_from(Role),
    era=st.builds(Era, st.uuids()),
    process=st.builds(ProcessID, st.uuids()),
    host=texts,
    version=texts,
    backends=_tuples(
        st.builds(
            BackendReport,
            name=backend_names,
            driver=texts,
            kind=st.sampled_from(["block", "pool"]),
            instance=_maybe(instances),
        )
    ),
)

sights: Final[SearchStrategy[NodeSight]] = st.builds(
    NodeSight,
    identity=identities,
    connected=st.booleans(),
    last_seen=times,
    since=times,
    refused=_maybe(texts),
)

marks: Final[SearchStrategy[DeadMark]] = st.builds(
    DeadMark,
    era=identities.map(lambda each: each.era),
    evidence=st.sampled_from(Evidence),
    by=texts,
    words=texts,
    at=times,
)

registered: Final[SearchStrategy[Node]] = st.builds(
    Node,
    id=nodes,
    host=texts,
    era=identities.map(lambda each: each.era),
    version=texts,
    backends=identities.map(lambda each: each.backends),
    first_seen=times,
    last_seen=times,
    labels=st.dictionaries(texts, texts, max_size=2).map(pmap),
    cordoned=st.booleans(),
    dead=_maybe(marks),
)

slices: Final[SearchStrategy[Slice]] = st.builds(
    Slice,
    full=st.booleans(),
    changed=_tuples(assignments),
    gone=_tuples(dataset_ids),
)

reports: Final[SearchStrategy[Report]] = st.builds(
    Report,
    full=st.booleans(),
    changed=_tuples(st.builds(AgedFact, fact=facts, age=times)),
    gone=_tuples(dataset_ids),
)
