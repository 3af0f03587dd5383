"""What stands in the columns of flockerctl's tables; pure.

The words of the columns are those of the first Flocker's tools.
"""

from collections.abc import Iterable, Sequence

from attrs import frozen
from rich.text import Text

from flocker.cli.arguments import write_metadata
from flocker.cli.choosing import SHORT
from flocker.cli.explaining import QUIET_AFTER, Nodes, duration
from flocker.cli.output import Column, phase_text, printable
from flocker.model.ids import NodeID
from flocker.model.sizes import GIBIBYTE, humanize
from flocker.wire.answers import DatasetAnswer, NodeAnswer

DATASET_COLUMNS = (
    Column("DATASET"),
    Column("SIZE", right=True),
    Column("METADATA", folds=True),
    Column("STATUS"),
    Column("SERVER"),
)
_NODE_COLUMNS = (Column("SERVER"), Column("ADDRESS"), Column("STATUS"))
_MORE_NODE_COLUMNS = (Column("VERSION"), Column("BACKENDS"), Column("ERA"))

_NO_SIZE = "-"


@frozen
class Look:
    """How rows are to be written, and the nodes they name."""

    nodes: Nodes
    long: bool = False
    human: bool = False


def node_columns(*, long: bool) -> Sequence[Column]:
    """Give the columns of the list of nodes."""
    return _NODE_COLUMNS + _MORE_NODE_COLUMNS if long else _NODE_COLUMNS


def node_row(node: NodeAnswer, *, long: bool) -> list[str | Text]:
    """Write a node."""
    row: list[str | Text] = [_id(node.uuid, long=long), node.host, _contact(node)]
    if long:
        backends = (f"{backend.name}:{backend.driver}" for backend in node.backends)
        row += [node.version, ",".join(backends), node.era]
    return row


def dataset_row(dataset: DatasetAnswer, look: Look) -> list[str | Text]:
    """Write a dataset: the server is the one where it is wanted."""
    return [
        _id(dataset.dataset_id, long=look.long),
        _size(dataset.size or dataset.maximum_size, human=look.human),
        write_metadata(dataset.metadata),
        phase_text(dataset.phase),
        _server(dataset.primary, look),
    ]


def refusals(nodes: Iterable[NodeAnswer]) -> list[str]:
    """Say which nodes a second machine has claimed to be."""
    return [
        printable(f"Node {node.uuid} ({node.host}): {node.refused}")
        for node in nodes
        if node.refused is not None
    ]


def _id(identifier: object, *, long: bool) -> str:
    text = str(identifier)
    return text if long else text[:SHORT]


def _contact(node: NodeAnswer) -> Text:
    if not node.connected:
        return Text(f"silent for {duration(node.seconds)}", style="red")
    if node.seconds >= QUIET_AFTER:
        return Text(f"quiet for {duration(node.seconds)}", style="yellow")
    return Text("connected", style="green")


def _size(size: int | None, *, human: bool) -> str:
    if size is None:
        return _NO_SIZE
    return humanize(size) if human else f"{size / GIBIBYTE:.2f}G"


def _server(node: NodeID, look: Look) -> str:
    found = look.nodes.get(node)
    short = _id(node, long=look.long)
    return short if found is None else f"{short} ({found.host})"
