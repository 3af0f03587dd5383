"""What stands in the columns of flockerctl's tables; pure.

The words of the columns are those of the first Flocker's tools.
"""

from collections.abc import Iterable, Mapping, Sequence

from attrs import frozen

from flocker.cli.arguments import write_metadata
from flocker.cli.choosing import SHORT
from flocker.cli.explaining import ON_USE, QUIET_AFTER, Nodes, duration
from flocker.cli.output import phase_text
from flocker.cli.terminal import Column, Style, Text, printable, styled
from flocker.model.holders import describe
from flocker.model.ids import NodeID
from flocker.model.sizes import GIBIBYTE, humanize
from flocker.wire.answers import (
    CopyAnswer,
    DatasetAnswer,
    DatasetInFull,
    HolderAnswer,
    LeaseAnswer,
    NodeAnswer,
    UnclaimedCopyAnswer,
    VolumeAnswer,
)

DATASET_COLUMNS = (
    Column("DATASET"),
    Column("SIZE", right=True),
    Column("METADATA", folds=True),
    Column("STATUS"),
    Column("SERVER"),
)
_NODE_COLUMNS = (Column("SERVER"), Column("ADDRESS"), Column("STATUS"))
_MORE_NODE_COLUMNS = (Column("VERSION"), Column("BACKENDS"), Column("ERA"))

LEASE_COLUMNS = (
    Column("DATASET"),
    Column("NAME"),
    Column("NODE"),
    Column("HOLDER", folds=True),
    Column("EXPIRES"),
)
_VOLUME_COLUMNS = (
    Column("DATASET"),
    Column("SIZE", right=True),
    Column("BACKEND"),
    Column("NODE"),
)
_WHY = Column("WHY", folds=True)
COPY_COLUMNS = (
    Column("NODE"),
    Column("COPY"),
    Column("SNAPSHOT"),
    Column("SET ASIDE", folds=True),
)
HEALTH_COLUMNS = (Column("PART"), Column("STATE", folds=True))

OK = "ok"
"""What a part of the control service says of itself when all is well."""

BOOKKEEPING = "flocker:docker:"
"""What the keys of metadata begin with that the Docker plugin keeps for itself."""

NOWHERE = "-"
"""The server of a dataset that is mounted on use, and on no node."""

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
    """Write a dataset: the server is where it is wanted, or on use where it is."""
    server = dataset.node if dataset.mount == ON_USE else dataset.primary
    return [
        _id(dataset.dataset_id, long=look.long),
        _size(dataset.size or dataset.maximum_size, human=look.human),
        write_metadata(_for_people(dataset.metadata, long=look.long)),
        phase_text(dataset.phase),
        NOWHERE if server is None else _server(server, look),
    ]


def lease_rows(
    lease: LeaseAnswer, name: str | None, look: Look
) -> list[list[str | Text]]:
    """Write a lease, a row a holder; a server before 2.0 names none."""
    where = _id(lease.dataset_id, long=look.long), name or ""
    node = _server(lease.node_uuid, look)
    holders = lease.holders or (HolderAnswer("", lease.expires),)
    return [
        [
            *where,
            node,
            each.holder if look.long else describe(each.holder),
            _until(each.expires),
        ]
        for each in holders
    ]


def volume_columns(*, long: bool) -> Sequence[Column]:
    """Give the columns of the list of volumes that no dataset is."""
    more = (Column("VOLUME"),) if long else ()
    return (*_VOLUME_COLUMNS, *more, _WHY)


def volume_row(volume: VolumeAnswer, look: Look) -> list[str | Text]:
    """Write a volume that no dataset is."""
    at = volume.attached_to or _NO_SIZE
    return [
        _id(volume.dataset_id, long=look.long),
        humanize(volume.size),
        volume.backend,
        at if volume.node is None else _server(volume.node, look),
        *((volume.volume,) if look.long else ()),
        volume.cause.words,
    ]


def unclaimed_copy_row(copy: UnclaimedCopyAnswer, look: Look) -> list[str | Text]:
    """Write a copy in a node's pool that no dataset is, among such volumes."""
    return [
        _id(copy.dataset_id, long=look.long),
        _NO_SIZE,
        copy.backend or _NO_SIZE,
        _server(copy.node, look),
        *((copy.path or _NO_SIZE,) if look.long else ()),
        copy.cause.words,
    ]


def copy_rows(dataset: DatasetInFull, look: Look) -> Iterable[Sequence[str | Text]]:
    """Write what each node has of a dataset of a pool."""
    for node, fact in sorted(dataset.nodes.items()):
        if fact.copy is None:
            continue
        yield [
            _server(node, look),
            _copy_of(node, dataset, fact.copy),
            fact.copy.snapshot or _NO_SIZE,
            ", ".join(fact.copy.asides) or _NO_SIZE,
        ]


def _copy_of(node: NodeID, dataset: DatasetInFull, copy: CopyAnswer) -> str:
    if not copy.exists:
        return "none"
    pool = dataset.pool
    if pool is not None and node in pool.dropping:
        return "being destroyed"
    return "the dataset" if pool is not None and pool.owner == node else "replica"


def health_row(part: str, state: str) -> list[str | Text]:
    """Write how a part of the control service is."""
    return [
        part,
        styled(printable(state), Style.GREEN if state == OK else Style.BOLD_RED),
    ]


def refusals(nodes: Iterable[NodeAnswer]) -> list[str]:
    """Say which nodes a second machine has claimed to be."""
    return [
        printable(f"Node {node.uuid} ({node.host}): {node.refused}")
        for node in nodes
        if node.refused is not None
    ]


def _for_people(metadata: Mapping[str, str], *, long: bool) -> Mapping[str, str]:
    """Leave out what only the Docker plugin reads, unless all is asked for."""
    return {
        key: value
        for key, value in metadata.items()
        if long or not key.startswith(BOOKKEEPING)
    }


def _id(identifier: object, *, long: bool) -> str:
    text = str(identifier)
    return text if long else text[:SHORT]


def _contact(node: NodeAnswer) -> Text:
    if is_dead(node):
        return styled("standing down" if node.connected else "dead", Style.RED)
    contact = _heard(node)
    return contact + styled(", cordoned", Style.YELLOW) if node.cordoned else contact


def is_dead(node: NodeAnswer) -> bool:
    """Say whether a node is marked dead in the life that it was last seen in."""
    return node.dead is not None and node.dead.era == node.era


def _heard(node: NodeAnswer) -> Text:
    if not node.connected:
        return styled(f"silent for {duration(node.seconds)}", Style.RED)
    if node.seconds >= QUIET_AFTER:
        return styled(f"quiet for {duration(node.seconds)}", Style.YELLOW)
    return styled("connected", Style.GREEN)


def _until(expires: float | None) -> str:
    return "never" if expires is None else f"in {duration(max(0.0, expires))}"


def _size(size: int | None, *, human: bool) -> str:
    if size is None:
        return _NO_SIZE
    return humanize(size) if human else f"{size / GIBIBYTE:.2f}G"


def _server(node: NodeID, look: Look) -> str:
    found = look.nodes.get(node)
    short = _id(node, long=look.long)
    return short if found is None else f"{short} ({found.host})"
