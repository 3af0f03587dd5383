"""What Btrfs says of its subvolumes, as values; pure. Called by `subvolumes` and `api`.

Note [Received]: a subvolume has a UUID of its own; one that came by a stream also has
that of the sender's as *received UUID*, and a stream of it names that one. So the
identity of a snapshot is the received UUID if there is one, else its own. A snapshot
that was made writable, changed and made read-only again has lost its received UUID, or
has changed after it was made: then its generation is part of its identity, which is no
other's.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping
from uuid import UUID

from attrs import evolve, frozen

from flocker.backends.folders.values import Tree
from flocker.model.ids import SnapshotID

# linux/btrfs.h: struct btrfs_ioctl_get_subvol_info_args, up to its times
_INFO = struct.Struct("=Q256sQQQQ16s16s16sQQQQ")
INFO_SIZE = _INFO.size + 4 * 16 + 64
"""Bytes of the whole structure."""

# linux/btrfs.h: struct btrfs_ioctl_search_key, btrfs_ioctl_search_header; the whole
# question, with the room for an answer
_SEARCH = struct.Struct("=7Q4I4Q")
_ITEM = struct.Struct("=QQQII")
SEARCH_SIZE = 4096
_NUMBER_OF_ITEMS = 9
_MOST_ITEMS = 1000
_ALL = 2**64 - 1

# linux/btrfs_tree.h: BTRFS_QUOTA_TREE_OBJECTID, BTRFS_QGROUP_INFO_KEY and _LIMIT_KEY,
# the beginnings of their items, BTRFS_QGROUP_LIMIT_MAX_RFER, BTRFS_QGROUP_LEVEL_SHIFT
_QUOTA_TREE, _GROUP, _LIMIT = 8, 242, 244
_GROUP_HAS, _LIMIT_HAS = struct.Struct("<QQ"), struct.Struct("<QQ")
_LIMITS_USED = 1
_HIGHER_LEVELS = 1 << 48

_NOTHING = UUID(int=0)
_READ_ONLY = 1


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
    def until(self) -> int:
        """Give the last transaction of which something is in it, if it is read-only."""
        return max(self.changed, self.made)

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


@frozen
class Item:
    """An item of one of the filesystem's trees, by its key."""

    kind: int
    offset: int
    content: bytes


def find_quotas(after: Item | None) -> bytes:
    """Ask for what is on record of quota groups: BTRFS_IOC_TREE_SEARCH.

    As much as an answer holds; `after` is the last item of the one before.
    """
    kind, offset = (_GROUP, 0) if after is None else (after.kind, after.offset + 1)
    key = _SEARCH.pack(
        *(_QUOTA_TREE, 0, 0, offset, _ALL, 0, _ALL),
        *(kind, _LIMIT, _MOST_ITEMS, 0),
        *(0, 0, 0, 0),
    )
    return key.ljust(SEARCH_SIZE, b"\0")


def parse_items(answer: bytes) -> Iterator[Item]:
    """Read the answer to BTRFS_IOC_TREE_SEARCH."""
    position = _SEARCH.size
    for _ in range(_SEARCH.unpack_from(answer)[_NUMBER_OF_ITEMS]):
        _transaction, _object, offset, kind, size = _ITEM.unpack_from(answer, position)
        position += _ITEM.size
        yield Item(kind, offset, answer[position : position + size])
        position += size


def groups_of(items: Iterable[Item]) -> Mapping[int, Group]:
    """Read quota groups: one for each subvolume's number."""
    groups: dict[int, Group] = {}
    for item in items:
        if item.offset >= _HIGHER_LEVELS:
            continue
        if item.kind == _GROUP:
            _changed, used = _GROUP_HAS.unpack_from(item.content)
            groups[item.offset] = Group(used, None)
        elif item.kind == _LIMIT and item.offset in groups:
            flags, most = _LIMIT_HAS.unpack_from(item.content)
            if flags & _LIMITS_USED:
                groups[item.offset] = evolve(groups[item.offset], most=most)
    return groups
