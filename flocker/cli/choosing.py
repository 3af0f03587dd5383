"""Which node or dataset a user means by the beginning of its id, or by a name; pure."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from attrs import frozen

from flocker.model.errors import FlockerError
from flocker.model.holders import describe
from flocker.wire.answers import (
    DatasetAnswer,
    LeaseAnswer,
    NodeAnswer,
    VolumeAnswer,
)

SHORT = 8
"""Characters of an id in tables, as the first Flocker's tools had."""
_LISTED = 5

T = TypeVar("T")

_SHOWN_BY = {"node": "node list", "lease": "lease list", "volume": "volumes"}


@frozen
class NothingFits(FlockerError):
    """No object has an id that begins like this, nor this name."""

    kind: str
    text: str

    def words(self) -> str:
        """Name what was typed, and which list would help."""
        command = _SHOWN_BY.get(self.kind, "list")
        return (
            f"no {self.kind} fits {self.text!r}; `flockerctl {command}` "
            f"shows what there is"
        )


@frozen
class SeveralFit(FlockerError):
    """What was typed fits several objects."""

    kind: str
    text: str
    candidates: tuple[str, ...]

    def words(self) -> str:
        """Name what was typed and the first of what it fits."""
        listed = ", ".join(self.candidates[:_LISTED])
        more = len(self.candidates) - _LISTED
        rest = f" and {more} more" if more > 0 else ""
        return f"{self.text!r} fits more than one {self.kind}: {listed}{rest}"


def choose_node(text: str, nodes: Iterable[NodeAnswer]) -> NodeAnswer:
    """Find the node whose id begins with `text`, or whose address it is.

    Raises `NothingFits`, `SeveralFit`.
    """
    listed = sorted(nodes, key=lambda node: str(node.uuid))
    fitting = [
        node
        for node in listed
        if _begins(str(node.uuid), text) or (text and node.host == text)
    ]
    names = [f"{node.uuid} ({node.host})" for node in fitting]
    return _the_one("node", text, fitting, names)


def choose_dataset(text: str, datasets: Iterable[DatasetAnswer]) -> DatasetAnswer:
    """Find the dataset whose id begins with `text`, or whose name it is.

    Deleted ones are meant only where no other fits. Raises `NothingFits`, `SeveralFit`.
    """
    listed = sorted(datasets, key=lambda dataset: str(dataset.dataset_id))
    fitting = [
        dataset
        for dataset in listed
        if _begins(str(dataset.dataset_id), text) or (text and dataset.name == text)
    ]
    alive = [dataset for dataset in fitting if not dataset.deleted]
    fitting = alive or fitting
    names = [
        f"{dataset.dataset_id}" + (f" ({dataset.name})" if dataset.name else "")
        for dataset in fitting
    ]
    return _the_one("dataset", text, fitting, names)


def choose_lease(
    text: str, leases: Iterable[LeaseAnswer], datasets: Iterable[DatasetAnswer]
) -> LeaseAnswer:
    """Find the lease of the dataset whose id begins with `text`, or whose name it is.

    A dataset may be leased that does not exist. Raises `NothingFits`, `SeveralFit`.
    """
    named = {each.dataset_id for each in datasets if text and each.name == text}
    fitting = [
        lease
        for lease in sorted(leases, key=lambda lease: str(lease.dataset_id))
        if _begins(str(lease.dataset_id), text) or lease.dataset_id in named
    ]
    return _the_one("lease", text, fitting, [str(each.dataset_id) for each in fitting])


def choose_holder(text: str, lease: LeaseAnswer) -> str:
    """Find the holder that calls itself `text`, or that lists describe so.

    One that there is not is left to the server to refuse. Raises `SeveralFit`.
    """
    names = [each.holder for each in lease.holders]
    fitting = [name for name in names if describe(name) == text]
    if text in names or not fitting:
        return text
    return _the_one("holder", text, fitting, fitting)


def choose_volume(
    text: str,
    volume: str | None,
    backend: str | None,
    volumes: Iterable[VolumeAnswer],
) -> VolumeAnswer:
    """Find the volume of the dataset whose id begins with `text`.

    `volume` and `backend` say which, where there are several. Raises `NothingFits`,
    `SeveralFit`.
    """
    fitting = [
        each
        for each in volumes
        if _begins(str(each.dataset_id), text)
        and volume in {None, each.volume}
        and backend in {None, each.backend}
    ]
    names = [f"{each.volume} of backend {each.backend}" for each in fitting]
    return _the_one("volume", text, fitting, names)


def _begins(identifier: str, text: str) -> bool:
    return bool(text) and identifier.startswith(text.lower())


def _the_one(kind: str, text: str, fitting: Sequence[T], names: Sequence[str]) -> T:
    if not fitting:
        raise NothingFits(kind, text)
    if len(fitting) > 1:
        raise SeveralFit(kind, text, tuple(names))
    return fitting[0]
