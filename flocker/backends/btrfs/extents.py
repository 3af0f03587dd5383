"""How much data a subvolume has got since some transaction, counted by ioctl.

The kernel passes over all that is older, so this takes as long as what is new is large:
not the data, but what is on record of them. For `api`.

Note [In line]: what is new since a snapshot is all that a stream brings which follows
it, if the tree was made of it, or of what it was made of, later. A tree that went back
to something older has data that are old, and yet missing in the snapshot.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from struct import Struct
from typing import Final

from flocker.backends.btrfs.translate import Subvolume
from flocker.runtime import libc

# linux/btrfs.h: struct btrfs_ioctl_search_key, then the room for answers; _IOWR(
# BTRFS_IOCTL_MAGIC, 17, struct btrfs_ioctl_search_args_v2); btrfs_ioctl_search_header
_KEY = Struct("=7Q4I4Q")
_ROOM = Struct("=Q")
_SEARCH = 3 << 30 | (_KEY.size + _ROOM.size) << 16 | 0x94 << 8 | 17
_NUMBER_OF_ITEMS = 9
_HEADER = Struct("=QQQII")
_BUFFER: Final = 256 * 1024
_FIRST, _LAST = 256, 2**64 - 256
"""The numbers of inodes."""
_MOST, _MOST_KIND, _ANY_NUMBER = 2**64 - 1, 255, 2**32 - 1

# linux/btrfs_tree.h: BTRFS_INODE_ITEM_KEY, the transaction in one;
# BTRFS_EXTENT_DATA_KEY, the beginning of one, its kinds, its place and length in a file
_INODE, _CHANGED = 1, Struct("<8xQ")
_EXTENT, _DATA = 108, Struct("<QQ4xB")
_INLINE, _REGULAR = 0, 1
_PLACE, _AFTER_DATA = Struct("<Q16xQ"), 21

A_FILE: Final = 260
"""Bytes that a stream has besides for a file that is new: measured, of small ones."""

Key = tuple[int, int, int]
Item = tuple[int, int, int]
"""The kind of an item, and where in an answer it begins and ends."""


def in_line(tree: Subvolume, base: Subvolume, others: Iterable[Subvolume]) -> bool:
    """Whether what is new in a tree is all that its base lacks; see Note [In line].

    The tree may have been made of `others` that were made of them.
    """
    if base.parent == tree.uuid:
        return True
    known = {each.uuid: each for each in others}
    here: Subvolume | None = tree
    while here is not None and here.parent is not None:
        if here.parent == base.uuid or _was_later(here, base):
            return True
        here = known.get(here.parent)
    return False


def _was_later(tree: Subvolume, base: Subvolume) -> bool:
    """Whether both were made of the same, which was written to, the base before."""
    taken_here = tree.received is None and base.received is None
    return taken_here and tree.parent == base.parent and base.number < tree.number


def count(path: Path, since: int, goes_on: Callable[[], bool]) -> int | None:
    """Count the bytes that came after a transaction; None if it does not go on.

    Raises `OSError`.
    """
    size = 0
    for answer, items in _search(path, since):
        size += measure(answer, items, since)
        if not goes_on():
            return None
    return size


def measure(answer: bytearray, items: Iterable[Item], since: int) -> int:
    """Add up what an answer tells of."""
    size = 0
    for kind, start, _ in items:
        if kind == _EXTENT:
            size += _extent(answer, start, since)
        elif kind == _INODE and _CHANGED.unpack_from(answer, start)[0] > since:
            size += A_FILE
    return size


def _extent(answer: bytearray, start: int, since: int) -> int:
    came, length, kind = _DATA.unpack_from(answer, start)
    if came <= since:
        return 0
    if kind == _INLINE:
        return int(length)
    if kind != _REGULAR:
        return 0  # room that nothing was written to yet
    place, length = _PLACE.unpack_from(answer, start + _AFTER_DATA)
    return int(length) if place else 0  # else a hole


def _search(path: Path, since: int) -> Iterator[tuple[bytearray, list[Item]]]:
    """Ask the kernel for all items in what is newer, some at a time."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags)
    answer = bytearray(_KEY.size + _ROOM.size + _BUFFER)
    key: Key = _FIRST, 0, 0
    try:
        while True:
            question(answer, key, since)
            libc.ioctl(descriptor, _SEARCH, answer)
            items, last = read(answer)
            if last is None:
                return
            yield answer, items
            key = after(last)
    finally:
        os.close(descriptor)


def question(answer: bytearray, key: Key, since: int) -> None:
    """Write the question for what is from a key on, in the place of the answer."""
    number, kind, offset = key
    _KEY.pack_into(
        answer,
        0,
        *(0, number, _LAST, offset, _MOST, since + 1, _MOST),
        *(kind, _MOST_KIND, _ANY_NUMBER, 0),
        *(0, 0, 0, 0),
    )
    _ROOM.pack_into(answer, _KEY.size, _BUFFER)


def read(answer: bytearray) -> tuple[list[Item], Key | None]:
    """Give the items of an answer, and the key of the last."""
    position, items, key = _KEY.size + _ROOM.size, [], None
    for _ in range(_KEY.unpack_from(answer)[_NUMBER_OF_ITEMS]):
        _, number, offset, kind, size = _HEADER.unpack_from(answer, position)
        position += _HEADER.size
        items.append((kind, position, position + size))
        key = number, kind, offset
        position += size
    return items, key


def after(key: Key) -> Key:
    """Give the key that follows on one."""
    number, kind, offset = key
    return (number, kind, offset + 1) if offset < _MOST else (number, kind + 1, 0)
