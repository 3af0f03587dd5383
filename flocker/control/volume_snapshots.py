"""Snapshots of volumes: where there are any, what they have become, who needs them.

Pure. What has a volume attached speaks for it: who lost it cannot take a snapshot any
more, as the backend takes none of what is attached elsewhere. Those of pools are in
`pool_snapshots`; docs/decisions/0197-snapshots-of-volumes.rst says why.
"""

from collections.abc import Collection, Mapping

from attrs import evolve, frozen

from flocker.model.changes import Change, Edit, SnapshotsEdit
from flocker.model.cluster import Observed
from flocker.model.configuration import Configuration
from flocker.model.datasets import Dataset
from flocker.model.errors import FlockerError
from flocker.model.ids import BackendName, DatasetID, NodeID, SnapshotID
from flocker.model.leases import wanted_on
from flocker.model.ownership import Ownership
from flocker.model.snapshots import Taken, UserSnapshot, VolumeSnapshots

Facts = Mapping[NodeID, Observed]


@frozen
class NoSnapshotsThere(FlockerError):
    """A node takes no snapshots of the volumes of a backend, as far as it has said."""

    dataset: DatasetID
    backend: BackendName
    node: NodeID
    host: str | None
    driver: str | None

    def words(self) -> str:
        """Name the dataset, the backend and the node."""
        if self.host is None or self.driver is None:
            return (
                f"dataset {self.dataset} has no snapshots: node {self.node} has not"
                f" said yet that it takes any of volumes of backend {self.backend}"
            )
        return (
            f"dataset {self.dataset} has no snapshots: node {self.node} ({self.host})"
            f" has not said that it takes any of volumes of backend {self.backend},"
            f" which is {self.driver}: it takes none as it is set up there, or did not"
            " answer in time and is asked again; the log of the node's agent says which"
        )


@frozen
class SourceNeeded(FlockerError):
    """A dataset, or a snapshot of it, cannot go: clones are made of it, or share it."""

    dataset: DatasetID
    clones: tuple[DatasetID, ...]

    def words(self) -> str:
        """Name the dataset and the clones."""
        names = ", ".join(map(str, self.clones))
        return (
            f"that of dataset {self.dataset} is what its clones are made of, so these"
            f" are to be destroyed first: {names}"
        )


def backend_of(configuration: Configuration, dataset: Dataset) -> BackendName:
    """Give where the volume of a dataset is, or is to be."""
    owned = configuration.ownership.get(dataset.id)
    return dataset.backend if owned is None else owned.backend


def check_can_keep(
    configuration: Configuration, dataset: Dataset, on: NodeID | None = None
) -> None:
    """Raises `NoSnapshotsThere` unless the node of a volume takes snapshots of it.

    That is `on`, or the one where it is wanted.
    """
    lease = configuration.leases.get(dataset.id)
    node = on or wanted_on(dataset, lease) or dataset.primary
    backend = backend_of(configuration, dataset)
    known = configuration.nodes.get(node)
    report = None if known is None else known.backend(backend)
    if report is None or not report.snapshots:
        host = None if known is None or report is None else known.host
        driver = None if report is None else report.driver
        raise NoSnapshotsThere(dataset.id, backend, node, host, driver)


def tend(
    configuration: Configuration,
    dataset: Dataset,
    facts: Facts,
    held_by: Collection[NodeID],
) -> Edit | None:
    """Give what follows from what is said of a volume's snapshots.

    `held_by` are the connected nodes that have it, or may act on it.
    """
    before = configuration.snapshots.get(dataset.id)
    if before is None:
        return None
    owned = configuration.ownership.get(dataset.id)
    said = {} if owned is None else speakers(owned, facts)
    wanted = tuple(
        _taken(each, said)
        for each in before.wanted
        if not _is_gone(each, owned, said, held_by)
    )
    if wanted == before.wanted:
        return None
    after = evolve(before, wanted=wanted, revision=before.revision + 1)
    return SnapshotsEdit(before, after)


def speakers(owned: Ownership, facts: Facts) -> Mapping[NodeID, Observed]:
    """Give what is said by those who say that they have the volume attached."""
    return {
        node: observed
        for node, observed in facts.items()
        if observed.fact.holds
        and observed.fact.kept is not None
        and observed.fact.backend == owned.backend
        and observed.fact.volume == owned.volume
    }


def drop(configuration: Configuration, dataset: DatasetID) -> Change:
    """Forget what was wanted of a dataset: its snapshots went before its volume."""
    before = configuration.snapshots.get(dataset)
    return Change() if before is None else Change((SnapshotsEdit(before, None),))


def _taken(snapshot: UserSnapshot, said: Mapping[NodeID, Observed]) -> UserSnapshot:
    """Put on record what the backend has."""
    if snapshot.taken is not None:
        return snapshot
    for observed in said.values():
        identity = found_in(observed.fact.kept, snapshot)
        if identity is not None:
            return evolve(snapshot, taken=Taken(identity, observed.since))
    return snapshot


def found_in(kept: VolumeSnapshots | None, snapshot: UserSnapshot) -> SnapshotID | None:
    """Give what a snapshot is, where a node says that there is one."""
    found = () if kept is None else kept.found
    return next((each.identity for each in found if each.id == snapshot.id), None)


def _is_gone(
    snapshot: UserSnapshot,
    owned: Ownership | None,
    said: Mapping[NodeID, Observed],
    held_by: Collection[NodeID],
) -> bool:
    """Whether a deleted one is not there, and nobody may be about to take it.

    Of a volume that was never made there is none.
    """
    if snapshot.deleted is None:
        return False
    if owned is None:
        return snapshot.taken is None and not held_by
    sure = {
        node
        for node, observed in said.items()
        if observed.fact.kept is not None
        and observed.fact.kept.heard >= snapshot.deleted
        and found_in(observed.fact.kept, snapshot) is None
    }
    return bool(held_by) and sure.issuperset(held_by)


def check_no_volume_awaits(
    configuration: Configuration,
    dataset: DatasetID,
    snapshot: SnapshotID | None = None,
) -> None:
    """Raises `SourceNeeded` while a clone of a volume is to be made of what may not go.

    Once it is made it shares nothing that a deletion takes. Costs O(what was made of
    it), deleted or not.
    """
    if dataset not in configuration.snapshots:
        return
    clones = tuple(
        each.id
        for clone in configuration.clones.get(dataset, ())
        if (each := configuration.datasets.get(clone))
        and each.origin
        and each.origin.is_of(dataset, snapshot)
        and not each.deleted
        and each.id not in configuration.ownership
    )
    if clones:
        raise SourceNeeded(dataset, tuple(sorted(clones, key=str)))
