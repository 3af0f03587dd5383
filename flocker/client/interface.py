"""What doors ask of the control service, and how it can fail.

`flocker.client.http` asks over HTTPS. The command line, and whoever else needs a
cluster, is given an `IFlockerClient` and knows nothing of HTTP.
"""

from collections.abc import Awaitable, Mapping

from attrs import frozen
from pyrsistent import PMap, pmap
from zope.interface import Interface

from flocker.model.errors import FlockerError
from flocker.model.ids import DatasetID, NodeID
from flocker.wire.answers import (
    ConfiguredAnswer,
    DatasetAnswer,
    DatasetInFull,
    NodeAnswer,
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
class NewDataset:
    """A dataset to create; `maximum_size` in bytes, None for the server's default.

    The client chooses the id: asking twice cannot make two.
    """

    id: DatasetID
    primary: NodeID
    maximum_size: int | None = None
    metadata: Mapping[str, str] = NO_METADATA


class IFlockerClient(Interface):
    """A cluster, as its users see it.

    Every method raises `Unreachable`, `TLSRefused`, `RequestRefused`, `NotFlocker`;
    those that change something also `AnswerLost`.
    """

    def version() -> Awaitable[str]:
        """Ask which version the control service is."""

    def nodes() -> Awaitable[tuple[NodeAnswer, ...]]:
        """Ask for all nodes that have been seen."""

    def datasets() -> Awaitable[tuple[DatasetAnswer, ...]]:
        """Ask for the status of all datasets, deleted ones too."""

    def dataset(dataset: DatasetID) -> Awaitable[DatasetInFull]:
        """Ask for all that is known of one dataset."""

    def create(new: NewDataset) -> Awaitable[ConfiguredAnswer]:
        """Want a dataset; it is durably wanted, not there yet, when this returns."""

    def move(dataset: DatasetID, to: NodeID) -> Awaitable[ConfiguredAnswer]:
        """Want a dataset on another node."""

    def destroy(dataset: DatasetID) -> Awaitable[ConfiguredAnswer]:
        """Want a dataset and its data destroyed."""
