"""The names of copies that were set aside, the same on every pool; pure."""

from collections.abc import Collection
from uuid import UUID

from attrs import frozen

from flocker.model.ids import DatasetID, NodeID, NotAnIdentifier, parse_uuid


@frozen
class AsideName:
    """What the name of a copy set aside says."""

    dataset: DatasetID
    node: NodeID
    epoch: int
    again: int = 1
    """Which one of the same dataset, node and epoch."""

    @property
    def text(self) -> str:
        """Write it."""
        again = f".{self.again}" if self.again > 1 else ""
        return f"{self.dataset}.{self.node}.{self.epoch}{again}"


def parse_aside(text: str) -> AsideName | None:
    """Read the name of a copy set aside; None if it is none."""
    parts = text.split(".")
    if len(parts) not in {3, 4} or not all(part.isdecimal() for part in parts[2:]):
        return None
    dataset, node = _uuid(parts[0]), _uuid(parts[1])
    if dataset is None or node is None:
        return None
    numbers = [int(part) for part in parts[2:]]
    return AsideName(DatasetID(dataset), NodeID(node), *numbers)


def new_aside(
    dataset: DatasetID, node: NodeID, epoch: int, taken: Collection[str]
) -> AsideName:
    """Give a name that is not taken."""
    again = 1
    while (name := AsideName(dataset, node, epoch, again)).text in taken:
        again += 1
    return name


def _uuid(text: str) -> UUID | None:
    try:
        return parse_uuid(text)
    except NotAnIdentifier:
        return None
