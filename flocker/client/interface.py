"""What doors ask of the control service, and how it can fail.

`flocker.client.http` asks over HTTPS. The command line, and whoever else needs a
cluster, is given an `IFlockerClient` and knows nothing of HTTP.
"""

from collections.abc import Awaitable, Mapping
from datetime import datetime
from typing import Any

from attrs import frozen
from pyrsistent import PMap, pmap
from zope.interface import Interface

from flocker.model.errors import FlockerError
from flocker.model.ids import BackendName, DatasetID, Era, NodeID
from flocker.wire.answers import (
    ConfiguredAnswer,
    DatasetAnswer,
    DatasetInFull,
    LeaseAnswer,
    NodeAnswer,
    PlanAnswer,
    RollbackAnswer,
    SnapshotAnswer,
    VolumesAnswer,
)

NO_METADATA: PMap[str, str] = pmap()


@frozen
class Unreachable(FlockerError):
    """No control service answered; nothing was changed.

    `tried` has, for each address, why.
    """

    tried: tuple[tuple[str, str], ...]

    def words(self) -> str:
        """Name every address and its cause."""
        causes = "; ".join(f"{where}: {why}" for where, why in self.tried)
        return f"the control service cannot be reached: {causes}"


@frozen
class TLSRefused(FlockerError):
    """One side of the connection did not accept the other's certificate."""

    where: str
    why: str

    def words(self) -> str:
        """Name the address and what was wrong with which certificate."""
        return f"no trusted connection to {self.where}: {self.why}"


@frozen
class AnswerLost(FlockerError):
    """A change was asked for and no answer came: it may have been made, or not."""

    where: str
    why: str

    def words(self) -> str:
        """Name the address, the cause, and what is not known."""
        return (
            f"{self.where} has not answered ({self.why}), "
            "so the change may have been made or not"
        )


@frozen
class RequestRefused(FlockerError):
    """The control service answered, and said no.

    `errors` has more of it, `incident` finds it in the server's log; both may be empty.
    """

    status: int
    description: str
    errors: tuple[str, ...] = ()
    incident: str | None = None

    def words(self) -> str:
        """Repeat what the server said."""
        more = f" ({'; '.join(self.errors)})" if self.errors else ""
        found = f" [incident {self.incident}]" if self.incident else ""
        return (
            f"the control service refused ({self.status}): "
            f"{self.description}{more}{found}"
        )


@frozen
class NotFlocker(FlockerError):
    """Whoever answered does not speak Flocker's language, or not this version's."""

    where: str
    why: str

    def words(self) -> str:
        """Name the address and what was wrong with the answer."""
        return f"{self.where} gave an answer that is not Flocker's: {self.why}"


@frozen
class Source:
    """A snapshot of a dataset, by its name."""

    dataset: DatasetID
    snapshot: str


@frozen
class NewDataset:
    """A dataset to create; `maximum_size` in bytes, None for the server's default.

    The client chooses the id: asking twice cannot make two. `mount` is ``always`` or
    ``on-use``, `filesystem` is ``ext4`` or ``xfs``; None leaves it to the server. With
    a `source` it begins as that snapshot.
    """

    id: DatasetID
    primary: NodeID
    maximum_size: int | None = None
    metadata: Mapping[str, str] = NO_METADATA
    backend: BackendName | None = None
    mount: str | None = None
    filesystem: str | None = None
    source: Source | None = None


@frozen
class Configured:
    """All datasets that are wanted, deleted ones too, under one configuration tag."""

    tag: str
    datasets: tuple[ConfiguredAnswer, ...]


@frozen
class Wishes:
    """What is to be changed of a dataset; None is no wish. Size in bytes."""

    maximum_size: int | None = None
    metadata: Mapping[str, str] | None = None


@frozen
class MoveTerms:
    """How a dataset of a pool is to be moved; those of volumes have no terms.

    With `force` it is taken from who leases it; with `max_downtime` (seconds) it stays
    rather than be served by nobody for longer.
    """

    force: bool = False
    max_downtime: float | None = None


ANY_TERMS = MoveTerms()


@frozen
class NewLease:
    """A lease to acquire, for `seconds` from now, None for ever.

    `holder` is who uses the dataset; None for the server's ``user``. With an `era` its
    part ends when the node boots again.
    """

    dataset: DatasetID
    node: NodeID
    holder: str | None = None
    seconds: float | None = None
    era: Era | None = None


@frozen
class Adoption:
    """A volume that no dataset is, and what the dataset is to be.

    One that is not `empty` is never formatted.
    """

    dataset: DatasetID
    volume: str
    primary: NodeID
    backend: BackendName | None = None
    metadata: Mapping[str, str] = NO_METADATA
    empty: bool = False


@frozen
class Greeting:
    """Who answered: the address, Flocker's version there, and its clock."""

    where: str
    version: str
    time: datetime | None


@frozen
class Event:
    """One thing that happened, or ``reset``: events before it may have been missed.

    `id` is where to go on after it; `value` is what the REST API says of this `kind`.
    """

    id: str
    kind: str
    value: Any


RESET = "reset"
"""The kind of the event that says that others may have been missed."""


class IEventStream(Interface):
    """Events of one connection, in order, for one reader."""

    def next() -> Awaitable[Event]:
        """Wait for the next event.

        Raises `Unreachable` when the connection has ended, `NotFlocker`.
        """

    def close() -> None:
        """End it; nothing more may be asked of it."""


class IFlockerClient(Interface):
    """A cluster, as its users see it.

    Every method raises `Unreachable`, `TLSRefused`, `RequestRefused`, `NotFlocker`;
    those that change something also `AnswerLost`.
    """

    def version() -> Awaitable[str]:
        """Ask which version the control service is."""

    def greet() -> Awaitable[Greeting]:
        """Ask who answers, and what time it is there."""

    def health() -> Awaitable[Mapping[str, str]]:
        """Ask how the service's parts are: ``ok``, or what is wrong."""

    def nodes() -> Awaitable[tuple[NodeAnswer, ...]]:
        """Ask for all nodes that have been seen."""

    def datasets() -> Awaitable[tuple[DatasetAnswer, ...]]:
        """Ask for the status of all datasets, deleted ones too."""

    def dataset(dataset: DatasetID) -> Awaitable[DatasetInFull]:
        """Ask for all that is known of one dataset."""

    def configured(known: Configured | None = None) -> Awaitable[Configured]:
        """Ask what is wanted; where that is still `known`, the answer is that."""

    def create(new: NewDataset, tag: str | None = None) -> Awaitable[ConfiguredAnswer]:
        """Want a dataset; it is durably wanted, not there yet, when this returns.

        With a `tag` only while that is the configuration's: 412 otherwise.
        """

    def move(
        dataset: DatasetID, to: NodeID, terms: MoveTerms = ANY_TERMS
    ) -> Awaitable[ConfiguredAnswer]:
        """Want a dataset on another node."""

    def cancel_move(dataset: DatasetID) -> Awaitable[ConfiguredAnswer]:
        """Want a dataset of a pool where it is."""

    def plan(dataset: DatasetID, to: NodeID) -> Awaitable[PlanAnswer]:
        """Ask what moving a dataset of a pool would take."""

    def drop_copy(dataset: DatasetID, node: NodeID) -> Awaitable[ConfiguredAnswer]:
        """Want a copy destroyed that a node has kept of a dataset of a pool."""

    def tag() -> Awaitable[str]:
        """Ask for the configuration's tag: it changes with every dataset's change."""

    def update(
        dataset: DatasetID, wishes: Wishes, tag: str | None = None
    ) -> Awaitable[ConfiguredAnswer]:
        """Want a dataset of another size, or give it other metadata, all of it.

        With a `tag` only while that is the configuration's: 412 otherwise.
        """

    def destroy(
        dataset: DatasetID, *, if_unleased: bool = False
    ) -> Awaitable[ConfiguredAnswer]:
        """Want a dataset and its data destroyed.

        With `if_unleased` only while nobody leases it: 409 otherwise.
        """

    def purge(dataset: DatasetID) -> Awaitable[ConfiguredAnswer]:
        """Forget a destroyed dataset; its id and name are free again."""

    def snapshots(dataset: DatasetID | None) -> Awaitable[tuple[SnapshotAnswer, ...]]:
        """Ask for the status of the snapshots of a dataset, or of all (None)."""

    def take_snapshot(dataset: DatasetID, name: str) -> Awaitable[SnapshotAnswer]:
        """Want a snapshot of a dataset, as it is when it is taken."""

    def delete_snapshot(dataset: DatasetID, name: str) -> Awaitable[SnapshotAnswer]:
        """Want a snapshot destroyed; its name is free when this returns."""

    def roll_back(dataset: DatasetID, name: str) -> Awaitable[RollbackAnswer]:
        """Want a dataset to become again what its snapshot was, once nobody uses it."""

    def cancel_rollback(dataset: DatasetID) -> Awaitable[RollbackAnswer]:
        """Want a dataset to stay what it is, unless it was rolled back already."""

    def leases() -> Awaitable[tuple[LeaseAnswer, ...]]:
        """Ask for all leases."""

    def acquire(new: NewLease) -> Awaitable[LeaseAnswer]:
        """Keep a dataset on a node; again, with the same holder, renews it."""

    def release(dataset: DatasetID, holder: str | None) -> Awaitable[LeaseAnswer]:
        """End one holder's part in a lease, or all of it (None)."""

    def node_of_era(era: Era) -> Awaitable[NodeID]:
        """Ask which node is in its life `era`, its kernel's boot id."""

    def tell_node(
        node: NodeID,
        labels: Mapping[str, str | None],
        *,
        cordoned: bool | None = None,
    ) -> Awaitable[NodeAnswer]:
        """Set labels of a node (None drops one), cordon it or not any more."""

    def declare_dead(node: NodeID, by: str, why: str | None) -> Awaitable[NodeAnswer]:
        """Say that a node is dead, having checked it: others take what it had."""

    def declare_alive(node: NodeID) -> Awaitable[NodeAnswer]:
        """Take that back."""

    def forget_node(node: NodeID) -> Awaitable[NodeAnswer]:
        """Forget a node of which nothing is wanted."""

    def volumes() -> Awaitable[VolumesAnswer]:
        """Ask backends for their volumes that no dataset is."""

    def adopt(adoption: Adoption) -> Awaitable[ConfiguredAnswer]:
        """Make such a volume a dataset."""

    def events(after: str | None) -> Awaitable[IEventStream]:
        """Begin to read events: those that follow on the id `after`, or from now on.

        The first is ``reset`` where `after` is None or not known any more. An older
        server refuses with 404.
        """
