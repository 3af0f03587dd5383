"""The registry of nodes: who was ever seen, and of whom it is known to be dead.

*Dead* is a mark on a (node, era), never on a node for good: with a new era it is a
member at once. Silence is no evidence (architecture.md, Nodes).
"""

from collections.abc import Mapping
from enum import Enum

from attrs import field, frozen
from pyrsistent import PMap, pmap

from flocker.model.cluster import BackendReport
from flocker.model.ids import BackendName, Era, InstanceID, NodeID

_NO_LABELS: PMap[str, str] = pmap()


class Evidence(Enum):
    """Whose word it is that a node is dead."""

    BACKEND = "backend"
    FENCER = "fencer"
    OPERATOR = "operator"


@frozen
class DeadMark:
    """In its life `era` the node is dead: it has nothing any more, and writes nothing.

    `at` is on control's clock (seconds since the epoch); `by` says who gave evidence,
    `words` what it was.
    """

    era: Era
    evidence: Evidence
    by: str
    words: str
    at: float


@frozen
class Node:
    """A node as it was last known; times are control's clock, seconds since the epoch.

    `last_seen` is when it last came or went; what is connected now, control's
    observations say.
    """

    id: NodeID
    host: str
    era: Era
    version: str
    backends: tuple[BackendReport, ...] = field(default=())
    first_seen: float = 0.0
    last_seen: float = 0.0
    labels: PMap[str, str] = _NO_LABELS
    cordoned: bool = False
    dead: DeadMark | None = None

    @property
    def is_dead(self) -> bool:
        """Whether the life that it was last known in is marked."""
        return self.dead is not None and self.dead.era == self.era

    def backend(self, name: BackendName) -> BackendReport | None:
        """Give the backend of this name, if the node has said that it has one."""
        return next((each for each in self.backends if each.name == name), None)

    def instance_on(self, backend: BackendName) -> InstanceID | None:
        """Give what a backend calls this machine, where it has said so."""
        found = self.backend(backend)
        return None if found is None else found.instance


NO_NODES: PMap[NodeID, Node] = pmap()


def find_instance(
    nodes: Mapping[NodeID, Node], backend: BackendName, instance: InstanceID
) -> Node | None:
    """Give the node that `backend` calls `instance`; the last seen, if several were."""
    found = [node for node in nodes.values() if node.instance_on(backend) == instance]
    return max(found, key=lambda node: (node.last_seen, str(node.id)), default=None)
