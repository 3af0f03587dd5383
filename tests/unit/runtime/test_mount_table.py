"""The kernel's mount table as values, and which mounts go together."""

import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from flocker.runtime.mount_table import (
    Mount,
    by_device,
    parse_mountinfo,
    receivers,
    seen_at,
    staying,
)

DISK = os.makedev(254, 0)
LOOP = os.makedev(7, 3)

TABLE = r"""
21 20 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
24 21 0:5 / /proc rw - proc proc rw
30 21 7:3 / /flocker/a rw,nodev shared:9 master:2 propagate_from:1 - ext4 /dev/loop3 rw
31 21 7:3 /part /mnt/a\040b\134040 rw - ext4 a\040b rw
""".lstrip("\n")


def mount(
    mount_id: int,
    parent_id: int,
    path: str,
    *,
    device: int = LOOP,
    shared: int | None = None,
    master: int | None = None,
    root: str = "/",
) -> Mount:
    return Mount(mount_id, parent_id, device, root, Path(path), "ext4", shared, master)


def root(mount_id: int, *, shared: int | None = None, master: int | None = None):
    return mount(mount_id, 1, "/", device=DISK, shared=shared, master=master)


def test_parsed() -> None:
    """Every field is read, with the escapes undone and with or without groups."""
    assert parse_mountinfo(TABLE)[2:] == (
        Mount(30, 21, LOOP, "/", Path("/flocker/a"), "ext4", 9, 2, "/dev/loop3"),
        Mount(31, 21, LOOP, "/part", Path("/mnt/a b\\040"), "ext4", source="a b"),
    )


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0/"), min_size=1))
def test_names(name: str) -> None:
    """A name is read back whatever characters it has."""
    escaped = "".join(
        f"\\{ord(letter):03o}" if letter in " \t\n\\" else letter for letter in name
    )
    line = f"1 0 7:3 / /{escaped} rw - ext4 /dev/loop3 rw\n"
    assert parse_mountinfo(line)[0].path == Path("/" + name)


def test_by_device() -> None:
    """Each device has the paths where it is mounted, in the table's order."""
    assert by_device(parse_mountinfo(TABLE))[LOOP] == (
        Path("/flocker/a"),
        Path("/mnt/a b\\040"),
    )


def test_seen_at() -> None:
    """Of two mounts at a path the later one is seen."""
    below, above = mount(2, 1, "/a"), mount(3, 2, "/a", device=DISK)
    assert seen_at([below, above], Path("/a")) == above
    assert seen_at([below, above], Path("/b")) is None


def test_receivers() -> None:
    """Events reach peers, slaves, and slaves of slaves."""
    tables = [
        [root(1, shared=10)],
        [root(2, shared=20, master=10)],
        [root(3, shared=30, master=20)],
        [root(4, shared=40, master=99)],
    ]
    assert receivers(10, tables) == {10, 20, 30}


OURS = mount(5, 2, "/flocker/a")
OWN = (root(2, shared=10), OURS)


def test_alone() -> None:
    """A filesystem mounted once has nothing that stays."""
    assert staying(OURS, OWN, [[root(7)]]) == ()


def test_private_copy_stays() -> None:
    """A copy in a namespace that hears nothing of ours stays."""
    copy = mount(8, 7, "/flocker/a")
    assert staying(OURS, OWN, [[root(7), copy]]) == ((0, copy),)


def test_peer_and_slave_copies_go() -> None:
    """Copies under peers and slaves of our parent go with ours."""
    others = [
        [root(7, shared=10), mount(8, 7, "/flocker/a")],
        [root(9, master=10), mount(10, 9, "/flocker/a")],
        [root(11, shared=30, master=10), mount(12, 11, "/flocker/a")],
        [root(13, master=30), mount(14, 13, "/flocker/a")],
    ]
    assert staying(OURS, OWN, others) == ()


def test_other_place_stays() -> None:
    """A bind of the filesystem at another place stays, whoever hears of ours."""
    bind = mount(6, 2, "/mnt")
    theirs = mount(10, 9, "/srv")
    others = [[root(9, master=10), theirs]]
    assert staying(OURS, (*OWN, bind), others) == ((-1, bind), (0, theirs))


def test_place_is_of_the_parent() -> None:
    """A peer that is mounted elsewhere itself has the copy at the same place of it."""
    parent = mount(9, 7, "/host", device=DISK, shared=10)
    copy = mount(10, 9, "/host/flocker/a")
    assert staying(OURS, OWN, [[root(7), parent, copy]]) == ()
    part = mount(9, 7, "/host", device=DISK, shared=10, root="/flocker")
    copy = mount(10, 9, "/host/a")
    assert staying(OURS, OWN, [[root(7), part, copy]]) == ()


def test_unshared_parent() -> None:
    """Unmounting under a parent that shares nothing takes nothing along."""
    own = (root(2), OURS)
    copy = mount(8, 7, "/flocker/a")
    others = [[root(7, master=10), copy]]
    assert staying(OURS, own, others) == ((0, copy),)


def test_mounts_of_a_device() -> None:
    """Asked for one device, its lines are read and no others, whatever they contain."""
    others = r"""
32 21 0:70 / /a\0407:3\040b rw - tmpfs 7:3 rw
40 21 17:3 / /x rw - ext4 /dev/sda rw
""".lstrip("\n")
    table = TABLE + others
    found = [mount for mount in parse_mountinfo(table) if mount.device == LOOP]
    assert parse_mountinfo(table, LOOP) == tuple(found)
    assert len(found) == 2
