"""Identifiers are types: a node is never taken for a dataset by mistake."""

import re
from typing import NewType
from uuid import UUID

from attrs import frozen

from flocker.model.errors import FlockerError

DatasetID = NewType("DatasetID", UUID)
NodeID = NewType("NodeID", UUID)
ClusterID = NewType("ClusterID", UUID)
Era = NewType("Era", UUID)
"""One life of a node between two boots: the kernel's boot id."""
ProcessID = NewType("ProcessID", UUID)
"""One life of an agent process: random, chosen at its start."""
Life = NewType("Life", UUID)
"""One life of a dataset's id, from its creation until it is forgotten: random."""
BackendName = NewType("BackendName", str)
VolumeID = NewType("VolumeID", str)
"""What a backend calls a volume; opaque (`blockdevice_id` in drivers)."""
InstanceID = NewType("InstanceID", str)
"""What a backend calls a machine that volumes attach to; opaque."""
SnapshotID = NewType("SnapshotID", str)
"""What a pool calls the content of a snapshot, wherever it was sent; never a name."""
UserSnapshotID = NewType("UserSnapshotID", UUID)
"""One snapshot that a user sees: another of its name has another.

Random, but for what rollbacks keep; see `flocker.model.snapshots`.
"""
Epoch = NewType("Epoch", int)
"""One span of ownership of a pool dataset; numbers only grow, with gaps."""
MoveNumber = NewType("MoveNumber", int)
"""Which move of a dataset; numbers only grow."""
RollbackNumber = NewType("RollbackNumber", int)
"""Which rollback of a dataset; numbers only grow."""

_DIGIT = "[0-9a-fA-F]"
_TEXT = re.compile(f"{_DIGIT}{{8}}(?:-{_DIGIT}{{4}}){{3}}-{_DIGIT}{{12}}")


@frozen
class NotAnIdentifier(FlockerError):
    """A text that should be a UUID is none."""

    text: str

    def words(self) -> str:
        """Name the text."""
        return f"{self.text[:80]!r} is not a UUID"


def parse_uuid(text: str) -> UUID:
    """Read the one spelling we accept: 36 characters with hyphens, any case.

    Raises `NotAnIdentifier`; `uuid.UUID` alone would also take braces, URNs and
    hyphens anywhere.
    """
    if not _TEXT.fullmatch(text):
        raise NotAnIdentifier(text)
    return UUID(text)
