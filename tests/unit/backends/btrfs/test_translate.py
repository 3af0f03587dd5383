"""What Btrfs says becomes values, and identities follow what a snapshot holds."""

import struct
from uuid import UUID, uuid4

from attrs import evolve

from flocker.backends.btrfs.translate import (
    INFO_SIZE,
    SEARCH_SIZE,
    Group,
    Item,
    Subvolume,
    find_quotas,
    groups_of,
    parse_info,
    parse_items,
)

OWN, PARENT, SENDERS = uuid4(), uuid4(), uuid4()

SNAPSHOT = Subvolume(
    number=258,
    uuid=OWN,
    parent=PARENT,
    received=None,
    read_only=True,
    changed=7,
    made=8,
)

GROUP, LIMIT, RELATION = 242, 244, 246
"""Kinds of items in the tree of quotas."""


def an_answer(parent: UUID, received: UUID, flags: int = 1) -> bytes:
    """What the kernel answers to BTRFS_IOC_GET_SUBVOL_INFO."""
    head = struct.pack("=Q256sQQQQ", 258, b"data", 257, 256, 12, flags)
    uuids = OWN.bytes + parent.bytes + received.bytes
    return (head + uuids + struct.pack("=QQQQ", 7, 8, 9, 10)).ljust(INFO_SIZE, b"\0")


class TestInfo:
    """The answer of the kernel."""

    def test_snapshot(self):
        """Each field is read from its place; a UUID of zeros is none."""
        assert parse_info(an_answer(PARENT, UUID(int=0))) == SNAPSHOT

    def test_received(self):
        """A received subvolume knows its sender's."""
        found = parse_info(an_answer(UUID(int=0), SENDERS, flags=0))
        assert (found.parent, found.received) == (None, SENDERS)
        assert not found.read_only

    def test_until(self):
        """What is in a snapshot came with its last change, or before it was made."""
        assert SNAPSHOT.until == 8
        assert evolve(SNAPSHOT, changed=12).until == 12


class TestIdentity:
    """Note [Received]."""

    def test_own(self):
        """A snapshot made here has its own UUID."""
        assert SNAPSHOT.identity == str(OWN)

    def test_received(self):
        """One that came has its first sender's, whatever happened to it here."""
        came = evolve(SNAPSHOT, received=SENDERS, changed=12)
        assert came.identity == str(SENDERS)

    def test_changed(self):
        """One that was changed after it was made, or may be, is no other's equal."""
        assert evolve(SNAPSHOT, changed=9).identity == f"{OWN}+9"
        assert evolve(SNAPSHOT, read_only=False).identity == f"{OWN}+7"


class TestTrees:
    """What was made of what, and holds the same."""

    def test_snapshot_of_a_tree(self):
        """A snapshot and its origin are equal until the origin changes."""
        live = evolve(SNAPSHOT, uuid=PARENT, parent=None, read_only=False)
        assert live.tree.equals(SNAPSHOT.tree)
        assert SNAPSHOT.tree.equals(live.tree)
        assert not evolve(live, changed=9).tree.equals(SNAPSHOT.tree)

    def test_strangers(self):
        """Two that are not related are never taken for equal."""
        stranger = evolve(SNAPSHOT, uuid=uuid4(), parent=uuid4())
        assert not stranger.tree.equals(SNAPSHOT.tree)


def a_group(number: int, used: int) -> Item:
    """What is on record of a quota group."""
    return Item(GROUP, number, struct.pack("<5Q", 9, used, used, 0, 0))


def a_limit(number: int, most: int | None) -> Item:
    """What is on record of a quota group's limit."""
    flags = 0 if most is None else 1
    return Item(LIMIT, number, struct.pack("<5Q", flags, most or 0, 0, 0, 0))


class TestQuotas:
    """The tree of quotas, as the kernel gives it piece by piece."""

    def test_groups(self):
        """Each subvolume has a group; those of higher levels are others' business."""
        above = 1 << 48 | 100
        items = (
            *(
                a_group(5, 16384),
                a_group(256, 3018752),
                a_group(263, 1),
                a_group(above, 2),
            ),
            *(a_limit(5, None), a_limit(256, 20000000), a_limit(above, 3)),
            Item(RELATION, 263, b""),
        )
        assert groups_of(items) == {
            5: Group(16384, None),
            256: Group(3018752, 20000000),
            263: Group(1, None),
        }

    def test_items(self):
        """An answer has the question's head, then each item with a head of its own."""
        given = [a_group(256, 7), a_limit(256, 8)]
        answer = bytearray(find_quotas(None))
        struct.pack_into("=I", answer, 64, len(given))
        position = 104
        for item in given:
            size = len(item.content)
            head = struct.pack("=QQQII", 1, 0, item.offset, item.kind, size)
            answer[position : position + len(head) + size] = head + item.content
            position += len(head) + size
        assert len(answer) == SEARCH_SIZE
        assert list(parse_items(bytes(answer))) == given
        assert list(parse_items(find_quotas(None)[:64] + bytes(4032))) == []

    def test_the_next_question(self):
        """It begins right after the last item; the first one with the groups."""
        first, next_ = find_quotas(None), find_quotas(a_limit(256, 8))
        assert struct.unpack_from("=QQQQ", first) == (8, 0, 0, 0)
        assert struct.unpack_from("=II", first, 56) == (GROUP, LIMIT)
        assert struct.unpack_from("=QQQQ", next_) == (8, 0, 0, 257)
        assert struct.unpack_from("=II", next_, 56) == (LIMIT, LIMIT)
