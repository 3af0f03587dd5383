"""What each snapshot holds, to the last byte, whoever has it; nobody is asked.

A stream may be cut, gone on with, or sent anew by another life of an agent: what is put
in its place must be exactly what was taken under that identity.
"""

from collections.abc import Iterator, Mapping

from attrs import define, field

from flocker.model.ids import NodeID, SnapshotID
from flocker.testing.fakes.memory_disk import MemoryCopy


@define
class ContentOracle:
    """Remembers each snapshot as the pool took it."""

    _taken: dict[SnapshotID, Mapping[str, bytes]] = field(factory=dict)

    def took(self, copy: MemoryCopy) -> None:
        """A pool took the newest snapshot of a copy."""
        newest = copy.snapshots[-1]
        self._taken[newest.identity] = newest.files

    def came(self, node: NodeID, copy: MemoryCopy) -> Iterator[str]:
        """T1: a pool has received the newest snapshot of a copy, just as it is."""
        newest = copy.snapshots[-1]
        taken = self._taken.get(newest.identity)
        if taken is None:
            yield f"T1: {node} was sent {newest} of {copy.dataset}, which nobody took"
        elif taken != newest.files:
            yield f"T1: {newest} of {copy.dataset} came to {node} as something else"
