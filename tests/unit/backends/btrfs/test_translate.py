"""What Btrfs says becomes values, and identities follow what a snapshot holds."""

import struct
from uuid import UUID, uuid4

from attrs import evolve

from flocker.backends.btrfs.translate import (
    INFO_SIZE,
    Group,
    Subvolume,
    parse_groups,
    parse_info,
    stream_size,
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

# As btrfs-progs 6.2 wrote it.
GROUPS = """\
Qgroupid    Referenced    Exclusive  Max referenced  Max exclusive   Path
--------    ----------    ---------  --------------  -------------   ----
0/5              16384        16384            none           none   <toplevel>
0/256          3018752        16384        20000000           none   live
0/263          3018752        16384            none           none   <stale>
1/100          3018752        16384            none           none   <above>
"""


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


def test_groups():
    """Each subvolume has a group; those of higher levels are others' business."""
    assert parse_groups(GROUPS) == {
        5: Group(16384, None),
        256: Group(3018752, 20000000),
        263: Group(3018752, None),
    }


def test_stream_size():
    """Without data a stream tells how much there would be."""
    extent = struct.pack("<HH1sHHQHHQ", 15, 1, b"g", 18, 8, 0, 4, 8, 3_000_000)
    stream = b"btrfs-stream\0\1\0\0\0"
    for command, attributes in ((16, b"mkfile"), (22, extent), (22, extent), (21, b"")):
        stream += struct.pack("<IHI", len(attributes), command, 0) + attributes
    assert stream_size(stream) == 6_000_000 + len(stream)
    assert stream_size(b"") == 0
