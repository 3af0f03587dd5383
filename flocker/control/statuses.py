"""The status of a dataset as control knows it: of a volume, or of a copy in a pool.

Asked by the event stream and the REST API; the rules are `flocker.model.status` and
`flocker.model.pool_status`. Of snapshots they are `flocker.model.snapshot_status`.
"""

from attrs import evolve

from flocker.control.observations import Observations
from flocker.control.pool_rows import belongs_in_pool, row_of
from flocker.model.configuration import Configuration
from flocker.model.datasets import Dataset
from flocker.model.pool_known import Known
from flocker.model.pool_status import pool_status
from flocker.model.pools import PoolOwnership
from flocker.model.snapshot_status import SnapshotStatus, snapshot_status
from flocker.model.snapshots import UserSnapshot, UserSnapshots
from flocker.model.status import Status, status
from flocker.model.volume_snapshot_status import volume_snapshot_status


def status_of(
    configuration: Configuration, observations: Observations, dataset: Dataset
) -> Status:
    """Say what is happening to a dataset."""
    facts = observations.facts(dataset.id)
    lease = configuration.leases.get(dataset.id)
    if not dataset.destroyed:
        row = row_of(configuration, dataset)
        if row is not None or belongs_in_pool(configuration, dataset):
            known = Known(facts, observations.nodes, configuration.nodes, lease)
            found = pool_status(dataset, row, known)
            return evolve(found, filesystem=_kind(configuration, dataset, row))
    return status(
        dataset,
        facts,
        observations.nodes,
        lease,
        configuration.nodes,
        observations.letting_go(dataset.id),
    )


def _kind(
    configuration: Configuration, dataset: Dataset, row: PoolOwnership | None
) -> str | None:
    """Name what keeps a dataset in a pool, if its node was ever seen."""
    owner = dataset.primary if row is None else row.owner
    node = configuration.nodes.get(owner)
    found = None if node is None else node.backend(dataset.backend)
    return None if found is None else found.driver


def snapshot_status_of(
    configuration: Configuration,
    observations: Observations,
    row: UserSnapshots,
    snapshot: UserSnapshot,
) -> SnapshotStatus:
    """Say what is happening to a snapshot that a user wants, or wanted."""
    facts = observations.facts(row.dataset)
    known = Known(facts, observations.nodes, configuration.nodes)
    dataset = configuration.datasets.get(row.dataset)
    owned = None if dataset is None else row_of(configuration, dataset)
    in_pool = dataset is not None and belongs_in_pool(configuration, dataset)
    if owned is None and not in_pool:
        volume = configuration.ownership.get(row.dataset)
        return volume_snapshot_status(snapshot, row, volume, known)
    return snapshot_status(snapshot, row, owned, known)
