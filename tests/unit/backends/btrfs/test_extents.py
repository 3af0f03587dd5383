"""How much data came since a snapshot, as the kernel's answers say."""

import struct
from uuid import uuid4

import pytest
from attrs import evolve

from flocker.backends.btrfs.extents import (
    A_FILE,
    after,
    in_line,
    measure,
    question,
    read,
)
from flocker.backends.btrfs.translate import Subvolume

INODE, NAME, EXTENT = 1, 12, 108
INLINE, REGULAR, RESERVED = 0, 1, 2
MOST = 2**64 - 1
HEAD = 112


def an_answer(*items):
    """What BTRFS_IOC_TREE_SEARCH_V2 answers; an item is (number, kind, content)."""
    answer = bytearray(struct.pack("=9QI", *[0] * 9, 0).ljust(HEAD, b"\0"))
    struct.pack_into("=I", answer, 64, len(items))
    for number, kind, content in items:
        answer += struct.pack("=QQQII", 9, number, 0, kind, len(content)) + content
    return answer


def an_inode(changed):
    return 257, INODE, struct.pack("<QQ", 3, changed).ljust(160, b"\0")


def an_extent(came, length, kind=REGULAR, place=4096):
    head = struct.pack("<QQ4xB", came, length, kind)
    if kind == INLINE:
        return 257, EXTENT, head + b"x" * length
    return 257, EXTENT, head + struct.pack("<QQQQ", place, 2**20, 0, length)


@pytest.mark.parametrize(
    ("items", "size"),
    [
        ([], 0),
        ([an_extent(8, 500)], 500),
        ([an_extent(7, 500)], 0),
        ([an_extent(8, 100, INLINE), an_extent(9, 50)], 150),
        ([an_extent(8, 500, place=0)], 0),
        ([an_extent(8, 500, RESERVED)], 0),
        ([an_inode(8), an_inode(7)], A_FILE),
        ([(257, NAME, b"name")], 0),
    ],
)
def test_measure(items, size):
    """What is newer counts: data, not holes, nor what is only reserved."""
    answer = an_answer(*items)
    found, _ = read(answer)
    assert measure(answer, found, 7) == size


def test_last():
    """The next question begins after the last item."""
    assert read(an_answer())[1] is None
    last = read(an_answer(an_inode(8), (300, NAME, b"name")))[1]
    assert last == (300, NAME, 0)
    assert after(last) == (300, NAME, 1)
    assert after((300, NAME, MOST)) == (300, NAME + 1, 0)


def test_question():
    """It is for what is newer than a transaction, from a key on, of this subvolume."""
    asked = bytearray(HEAD)
    question(asked, (300, NAME, 5), 7)
    fields = struct.unpack_from("=7Q4I", asked)
    assert fields[:6] == (0, 300, 2**64 - 256, 5, MOST, 8)
    assert fields[7:9] == (NAME, 255)


def a_subvolume(number, parent=None, received=None):
    return Subvolume(number, uuid4(), parent, received, True, number, number)  # noqa: FBT003


LIVE = a_subvolume(10)
FIRST, SECOND = a_subvolume(11, LIVE.uuid), a_subvolume(12, LIVE.uuid)
BACK = a_subvolume(13, FIRST.uuid)
"""What was made of the first one, after the second."""
AGAIN = a_subvolume(14, BACK.uuid)
CAME = a_subvolume(20, received=uuid4())
NEXT = a_subvolume(21, CAME.uuid, received=uuid4())
SERVED = a_subvolume(22, NEXT.uuid)
ROUND = a_subvolume(23, SERVED.uuid)
ALL = (LIVE, FIRST, SECOND, BACK, AGAIN, CAME, NEXT, SERVED, ROUND)


@pytest.mark.parametrize(
    ("tree", "base", "is_in_line"),
    [
        (LIVE, FIRST, True),
        (SECOND, FIRST, True),
        (FIRST, SECOND, False),
        (BACK, FIRST, True),
        (BACK, SECOND, False),
        (AGAIN, FIRST, True),
        (AGAIN, SECOND, False),
        (NEXT, CAME, True),
        (SERVED, NEXT, True),
        (SERVED, CAME, True),
        (ROUND, NEXT, True),
        (ROUND, CAME, True),
        (a_subvolume(24, CAME.uuid, received=uuid4()), NEXT, False),
        (LIVE, CAME, False),
    ],
)
def test_in_line(tree, base, is_in_line):
    """A tree that went back has old data that its base lacks: see Note [In line]."""
    assert in_line(tree, base, ALL) is is_in_line


def test_in_between_is_gone():
    """Where what was in between is gone, nothing is known."""
    assert not in_line(ROUND, NEXT, [each for each in ALL if each is not SERVED])
    assert not in_line(evolve(ROUND, parent=None), NEXT, ALL)
