"""Leases: promises that a dataset stays where it is while somebody uses it there."""

from attrs import frozen

from flocker.model.datasets import Dataset, Mounting
from flocker.model.ids import DatasetID, Era, NodeID

USER = "user"
"""The holder of a lease that was asked for without naming one, as before 2.0."""


@frozen
class Holder:
    """Somebody who uses a dataset on a node.

    `expires` is on control's clock (seconds since the epoch), None for never. One with
    an `era` uses it in that life of the node, and in no later one.
    """

    name: str
    expires: float | None = None
    era: Era | None = None


@frozen
class Lease:
    """Dataset `dataset` stays on `node` while one of the holders, by name, uses it."""

    dataset: DatasetID
    node: NodeID
    holders: tuple[Holder, ...]

    @property
    def expires(self) -> float | None:
        """When the last holder's time is over; None if one stays for ever."""
        times = [holder.expires for holder in self.holders]
        known = [time for time in times if time is not None]
        return max(known) if len(known) == len(times) and known else None

    @property
    def next_expiry(self) -> float | None:
        """When the first holder's time is over; None if all stay for ever."""
        return min(
            (h.expires for h in self.holders if h.expires is not None), default=None
        )


def wanted_on(dataset: Dataset, lease: Lease | None) -> NodeID | None:
    """Give the node that is to have the dataset mounted, or to destroy it.

    A dataset that is mounted on use is wanted where it is leased, and nowhere else.
    """
    if dataset.mount is Mounting.ON_USE and not dataset.deleted:
        return None if lease is None else lease.node
    return dataset.primary
