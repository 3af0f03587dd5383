"""What users may ask of leases: pure functions from configuration to Change.

A lease does not stop anybody from asking for a move or a deletion; it keeps the node
that has the dataset from giving it up. Neither dataset nor node need exist.
"""

from collections.abc import Iterable

from attrs import evolve, frozen

from flocker.control.admission import admit
from flocker.control.pool_moves import admits_lease
from flocker.model.changes import Change, LeaseEdit
from flocker.model.configuration import Configuration
from flocker.model.errors import FlockerError
from flocker.model.holders import describe_all
from flocker.model.ids import DatasetID, Era, NodeID
from flocker.model.leases import Holder, Lease


@frozen
class LeaseHeld(FlockerError):
    """The dataset is leased to another node."""

    lease: Lease

    def words(self) -> str:
        """Name the dataset, the node and the holders."""
        holders = describe_all(holder.name for holder in self.lease.holders)
        return (
            f"dataset {self.lease.dataset} is leased to node {self.lease.node}"
            f" by {holders}"
        )


@frozen
class LeaseNotFound(FlockerError):
    """There is no such lease, or this holder has no part in it."""

    dataset: DatasetID
    holder: str | None = None

    def words(self) -> str:
        """Name the dataset and the holder."""
        if self.holder is None:
            return f"dataset {self.dataset} is not leased"
        return f"{self.holder[:80]!r} holds no lease of dataset {self.dataset}"


@frozen
class OnItsWay(FlockerError):
    """The dataset cannot be leased to a node from which it is being taken."""

    dataset: DatasetID
    node: NodeID

    def words(self) -> str:
        """Name the dataset and the node."""
        return (
            f"dataset {self.dataset} cannot be leased to node {self.node} while it is"
            " handed from one node to another; ask again when that is over"
        )


@frozen
class GoingBack(FlockerError):
    """The dataset cannot be leased while it is rolled back."""

    dataset: DatasetID
    name: str

    def words(self) -> str:
        """Name the dataset and the snapshot."""
        return (
            f"dataset {self.dataset} cannot be leased while it is rolled back to its"
            f" snapshot {self.name}; ask again when that is over"
        )


def acquire(
    configuration: Configuration, dataset: DatasetID, node: NodeID, holder: Holder
) -> Change:
    """Lease the dataset to the node; a holder's own time is replaced by the new.

    Raises `LeaseHeld`, `OnItsWay`, `GoingBack`, `NodeRefuses`.
    """
    before = configuration.leases.get(dataset)
    if before is not None and before.node != node:
        raise LeaseHeld(before)
    row = configuration.pools.get(dataset)
    if not admits_lease(row, node):
        if row is not None and row.rollback is not None:
            raise GoingBack(dataset, row.rollback.name)
        raise OnItsWay(dataset, node)
    if before is None:
        wanted = configuration.datasets.get(dataset)
        there = wanted is not None and wanted.primary == node
        admit(configuration, node, anew=not there)
    others = () if before is None else _without(before.holders, holder.name)
    holders = tuple(sorted((*others, holder), key=lambda each: each.name))
    after = Lease(dataset, node, holders)
    return Change() if after == before else Change((LeaseEdit(before, after),))


def release(
    configuration: Configuration, dataset: DatasetID, holder: str | None = None
) -> Change:
    """End one holder's part in the lease, or all of it. Raises `LeaseNotFound`."""
    before = configuration.leases.get(dataset)
    if before is None:
        raise LeaseNotFound(dataset)
    if holder is None:
        return Change((LeaseEdit(before, None),))
    left = _without(before.holders, holder)
    if left == before.holders:
        raise LeaseNotFound(dataset, holder)
    return Change((LeaseEdit(before, evolve(before, holders=left) if left else None),))


def require_unleased(configuration: Configuration, dataset: DatasetID) -> None:
    """Raise `LeaseHeld` if anybody leases the dataset."""
    lease = configuration.leases.get(dataset)
    if lease is not None:
        raise LeaseHeld(lease)


def leased_to(configuration: Configuration, node: NodeID) -> Iterable[DatasetID]:
    """Give the datasets that are leased to a node. Costs O(all leases)."""
    return [each.dataset for each in configuration.leases.values() if each.node == node]


def expired(lease: Lease, now: float) -> Lease | None:
    """Give what is left of a lease at `now`; None if nobody holds it any more."""
    left = tuple(
        each for each in lease.holders if each.expires is None or each.expires > now
    )
    if left == lease.holders:
        return lease
    return evolve(lease, holders=left) if left else None


def outlived(lease: Lease, era: Era) -> Lease | None:
    """Give what is left of a lease once its node is in its life `era`."""
    left = tuple(each for each in lease.holders if each.era in (None, era))
    if left == lease.holders:
        return lease
    return evolve(lease, holders=left) if left else None


def _without(holders: tuple[Holder, ...], name: str) -> tuple[Holder, ...]:
    return tuple(holder for holder in holders if holder.name != name)
