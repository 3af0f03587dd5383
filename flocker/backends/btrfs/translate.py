"""What Btrfs says of its subvolumes, as values; pure. Called by `subvolumes` and `api`.

Note [Received]: a subvolume has a UUID of its own; one that came by a stream also has
that of the sender's as *received UUID*, and a stream of it names that one. So the
identity of a snapshot is the received UUID if there is one, else its own. A snapshot
that was made writable, changed and made read-only again has lost its received UUID, or
has changed after it was made: then its generation is part of its identity, which is no
other's.
"""

import struct
from collections.abc import Mapping
from uuid import UUID

from attrs import frozen

from flocker.backends.folders.values import Tree
from flocker.model.ids import SnapshotID

# linux/btrfs.h: struct btrfs_ioctl_get_subvol_info_args, up to its times
_INFO = struct.Struct("=Q256sQQQQ16s16s16sQQQQ")
INFO_SIZE = _INFO.size + 4 * 16 + 64
"""Bytes of the whole structure."""

_NOTHING = UUID(int=0)
_READ_ONLY = 1

# btrfs-progs, kernel-shared/send.h: the header, a command's header, and what we look at
_STREAM_HEADER = 17
_COMMAND = struct.Struct("<IHI")
_ATTRIBUTE = struct.Struct("<HH")
_UPDATE_EXTENT = 22
_SIZE = 4


@frozen
class Subvolume:
    """A subvolume, by what the kernel says of it."""

    number: int
    uuid: UUID
    parent: UUID | None
    received: UUID | None
    read_only: bool
    changed: int
    """The transaction in which something in it was last changed."""
    made: int
    """The transaction in which it was made, here."""

    @property
    def identity(self) -> SnapshotID:
        """See Note [Received]."""
        if self.received is not None:
            return SnapshotID(str(self.received))
        if self.read_only and self.changed <= self.made:
            return SnapshotID(str(self.uuid))
        return SnapshotID(f"{self.uuid}+{self.changed}")

    @property
    def tree(self) -> Tree:
        """Give it as pools made of folders see it."""
        return Tree(
            name=str(self.uuid),
            parent=None if self.parent is None else str(self.parent),
            identity=self.identity,
            order=self.number,
            content=self.changed,
        )


def parse_info(data: bytes) -> Subvolume:
    """Read the answer to BTRFS_IOC_GET_SUBVOL_INFO."""
    (number, _name, _id, _dir, _gen, flags, own, parent, received, *transactions) = (
        _INFO.unpack_from(data)
    )
    changed, made, _sent, _received = transactions
    return Subvolume(
        number=number,
        uuid=UUID(bytes=own),
        parent=_uuid(parent),
        received=_uuid(received),
        read_only=bool(flags & _READ_ONLY),
        changed=changed,
        made=made,
    )


def _uuid(data: bytes) -> UUID | None:
    found = UUID(bytes=data)
    return None if found == _NOTHING else found


@frozen
class Group:
    """A quota group: bytes that a subvolume shows, and may show at most."""

    used: int
    most: int | None


def parse_groups(text: str) -> Mapping[int, Group]:
    """Read ``btrfs qgroup show -re --raw``: a group for each subvolume's number."""
    groups = {}
    for line in text.splitlines():
        fields = line.split()
        if len(fields) >= 4 and fields[0].startswith("0/"):
            most = None if fields[3] == "none" else int(fields[3])
            groups[int(fields[0][2:])] = Group(int(fields[1]), most)
    return groups


def stream_size(stream: bytes) -> int:
    """Say how many bytes would be sent, of what ``btrfs send --no-data`` gives."""
    size, position = len(stream), _STREAM_HEADER
    while position + _COMMAND.size <= len(stream):
        length, command, _checksum = _COMMAND.unpack_from(stream, position)
        position += _COMMAND.size
        if command == _UPDATE_EXTENT:
            size += _extent(stream[position : position + length])
        position += length
    return size


def _extent(attributes: bytes) -> int:
    position = 0
    while position + _ATTRIBUTE.size <= len(attributes):
        kind, length = _ATTRIBUTE.unpack_from(attributes, position)
        position += _ATTRIBUTE.size
        if kind == _SIZE:
            return int.from_bytes(attributes[position : position + length], "little")
        position += length
    return 0
