"""Which mounts show a filesystem of ZFS."""

from flocker.backends.zfs.mounting import is_dead, is_of
from flocker.runtime.mount_table import parse_mountinfo

COPY = "tank/flocker/copies/a"

# As the kernel shows OpenZFS's mounts and zfs-fuse's.
TABLE = parse_mountinfo(
    """\
27 1 254:0 / / rw - ext4 /dev/vda rw
42 27 0:41 / /flocker/a rw,relatime shared:508 - fuse.zfs tank/flocker/copies/a rw
43 27 0:41 /folder /mnt rw - fuse.zfs tank/flocker/copies/a rw
44 27 0:42 / /flocker/b rw - zfs tank/flocker/copies/ab rw
45 27 0:43 / /flocker/c rw - zfs tank/flocker/copies/a rw
46 45 0:44 / /flocker/c/.zfs/snapshot/s ro - zfs tank/flocker/copies/a@s ro
47 27 0:45 / /flocker/d rw - ext4 tank/flocker/copies/a rw
"""
)


def test_is_of():
    """A filesystem is shown by mounts of it, of a part of it, and of its snapshots."""
    found = [str(mount.path) for mount in TABLE if is_of(mount, COPY)]
    assert found == ["/flocker/a", "/mnt", "/flocker/c", "/flocker/c/.zfs/snapshot/s"]


def test_kernel_mounts_do_not_die():
    """Only a filesystem that a program serves can be dead; others are not touched."""
    assert not any(is_dead(mount) for mount in TABLE)
