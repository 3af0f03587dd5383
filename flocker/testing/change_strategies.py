"""Hypothesis strategies for configurations, and for changes that apply to them."""

from typing import Final

from attrs import evolve
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from flocker.model.changes import (
    Change,
    DatasetEdit,
    Edit,
    LeaseEdit,
    OwnershipEdit,
    PoolEdit,
    SnapshotsEdit,
    apply,
)
from flocker.model.configuration import Configuration
from flocker.model.ids import BackendName, VolumeID
from flocker.model.snapshots import Origin
from flocker.testing.builders import dataset_id, node_id
from flocker.testing.strategies import (
    MOST,
    datasets,
    leases,
    ownerships,
    pool_ownerships,
    snapshots,
    user_snapshots,
)

# Few datasets, nodes and volumes, so that edits meet each other.
_some_origins: Final = st.none() | st.builds(
    Origin, st.integers(1, 3).map(dataset_id), snapshots
)
_some_datasets: Final = st.builds(
    evolve,
    datasets,
    origin=_some_origins,
    id=st.integers(1, 3).map(dataset_id),
    primary=st.integers(1, 3).map(node_id),
)
_some_ownerships: Final = st.builds(
    evolve,
    ownerships,
    dataset=st.integers(1, 3).map(dataset_id),
    backend=st.just(BackendName("default")),
    volume=st.integers(1, 3).map(lambda number: VolumeID(f"volume-{number}")),
)
_some_pools: Final = st.builds(
    evolve,
    pool_ownerships,
    dataset=st.integers(1, 3).map(dataset_id),
    origin=_some_origins,
)
_some_snapshots: Final = st.builds(
    evolve, user_snapshots, dataset=st.integers(1, 3).map(dataset_id)
)
_some_leases: Final = st.builds(
    evolve,
    leases,
    dataset=st.integers(1, 3).map(dataset_id),
    node=st.integers(1, 3).map(node_id),
)


@st.composite
def changes_to(draw: DrawFn, configuration: Configuration) -> Change:
    """Draw a change that applies to `configuration`."""
    edits: list[Edit] = []
    for _ in range(draw(st.integers(0, MOST))):
        edit = draw(_edits_of(configuration))
        if edit is None:
            continue
        configuration = apply(Change((edit,)), configuration)
        edits.append(edit)
    return Change(tuple(edits))


@st.composite
def configurations(draw: DrawFn) -> Configuration:
    """Draw what some commits have made."""
    configuration = Configuration()
    for _ in range(draw(st.integers(0, MOST))):
        configuration = apply(draw(changes_to(configuration)), configuration)
    return configuration


KINDS: Final = (DatasetEdit, OwnershipEdit, PoolEdit, SnapshotsEdit, LeaseEdit)


@st.composite
def _edits_of(  # noqa: PLR0911  (a kind of edit after the other)
    draw: DrawFn, configuration: Configuration
) -> Edit | None:
    absent = draw(st.booleans())
    kind = draw(st.sampled_from(KINDS))
    if kind is SnapshotsEdit:
        asked = draw(_some_snapshots)
        wished = configuration.snapshots.get(asked.dataset)
        more = None if absent else asked
        return SnapshotsEdit(wished, more) if wished or more else None
    if kind is LeaseEdit:
        lease = draw(_some_leases)
        held = configuration.leases.get(lease.dataset)
        left = None if absent else lease
        return LeaseEdit(held, left) if held or left else None
    if kind is PoolEdit:
        row = draw(_some_pools)
        owned = configuration.pools.get(row.dataset)
        wanted = None if absent else row
        return PoolEdit(owned, wanted) if owned or wanted else None
    if kind is DatasetEdit:
        dataset = draw(_some_datasets)
        was = configuration.datasets.get(dataset.id)
        if absent and was is None:
            return None
        return DatasetEdit(was, None if absent else dataset)
    record = draw(_some_ownerships)
    had = configuration.ownership.get(record.dataset)
    taken = configuration.volumes.get((record.backend, record.volume))
    if absent:
        return None if had is None else OwnershipEdit(had, None)
    return OwnershipEdit(had, record) if taken in {None, record.dataset} else None
