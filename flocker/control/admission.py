"""Whether anything may come to a node; asked by `datasets` and `leases`."""

from attrs import frozen

from flocker.model.cluster import BackendReport
from flocker.model.configuration import Configuration
from flocker.model.errors import FlockerError
from flocker.model.ids import BackendName, NodeID


@frozen
class NodeRefuses(FlockerError):
    """Nothing new may come to a node that is cordoned or dead."""

    node: NodeID
    host: str
    how: str

    def words(self) -> str:
        """Name the node, and what would release it."""
        release = (
            f"flockerctl node {'alive' if self.how == 'marked dead' else 'uncordon'}"
        )
        return (
            f"node {self.node} ({self.host}) is {self.how}, so nothing new can be put"
            f" there; choose another node, or: {release} {self.node}"
        )


@frozen
class NodeLacksBackend(FlockerError):
    """A dataset cannot move to a node that does not have its backend."""

    node: NodeID
    host: str
    backend: BackendName
    has: tuple[BackendName, ...]

    def words(self) -> str:
        """Name the node, what it has, and what would release it."""
        return (
            f"node {self.node} ({self.host}) has no backend {self.backend}, only"
            f" {', '.join(self.has)}; choose another node, or first add it to agent.yml"
            " there and start its agent anew"
        )


@frozen
class BackendDiffers(FlockerError):
    """A dataset cannot move to a node whose backend of that name is another one."""

    node: NodeID
    host: str
    backend: BackendName
    has: str
    needs: str

    def words(self) -> str:
        """Name the node, both drivers, and what would release it."""
        return (
            f"backend {self.backend} of node {self.node} ({self.host}) is {self.has},"
            f" and the dataset is in {self.needs}; choose another node"
        )


def reach(
    configuration: Configuration,
    node: NodeID,
    backend: BackendName,
    holder: NodeID | None = None,
) -> None:
    """Raises `NodeLacksBackend`, `BackendDiffers` where a node cannot take a dataset.

    That is where it has said that it lacks the backend, or has one of another driver or
    kind than the `holder` of the dataset. Its old node would let go first, and nobody
    could take it.
    """
    found = configuration.nodes.get(node)
    if found is None or not found.backends:
        return
    there = found.backend(backend)
    if there is None:
        has = tuple(report.name for report in found.backends)
        raise NodeLacksBackend(node, found.host, backend, has)
    known = None if holder is None else configuration.nodes.get(holder)
    here = None if known is None else known.backend(backend)
    if here is not None and _sort(here) != _sort(there):
        raise BackendDiffers(node, found.host, backend, _sort(there), _sort(here))


def _sort(report: BackendReport) -> str:
    """Name what two nodes must have alike."""
    return f"{report.driver} ({report.kind})"


def admit(configuration: Configuration, node: NodeID, *, anew: bool = True) -> None:
    """Raises `NodeRefuses` where nothing new may come. Unknown nodes are welcome.

    What is not there `anew` may stay on a cordoned node, but not on a dead one.
    """
    found = configuration.nodes.get(node)
    if found is None:
        return
    if found.is_dead:
        raise NodeRefuses(node, found.host, "marked dead")
    if found.cordoned and anew:
        raise NodeRefuses(node, found.host, "cordoned")
