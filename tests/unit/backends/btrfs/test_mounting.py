"""Which mounts show a subvolume."""

from pathlib import Path

import pytest

from flocker.backends.btrfs.mounting import Shown, shown
from flocker.runtime.mount_table import parse_mountinfo

TABLE = parse_mountinfo(
    """\
27 1 254:0 / / rw - ext4 /dev/vda rw
225 27 0:57 /volumes /srv/pool rw - btrfs /dev/loop0 rw,subvol=/volumes
226 225 0:59 / /srv/pool/other rw - btrfs /dev/loop1 rw,subvol=/
227 27 0:57 /volumes/copies/a/live /flocker/a rw - btrfs /dev/loop0 rw
228 27 0:57 /volumes/copies/a/live/folder /mnt rw - btrfs /dev/loop0 rw
229 27 0:57 /volumes/copies/a/live2 /flocker/b rw - btrfs /dev/loop0 rw
"""
)
DEVICE = 57
LIVE = Path("/srv/pool/copies/a/live")


def test_shown():
    """What a mount of a directory shows is seen from the top of its filesystem."""
    assert shown(LIVE, TABLE) == Shown(DEVICE, "/volumes/copies/a/live")
    assert shown(Path("/srv/pool/other/x"), TABLE) == Shown(59, "/x")
    with pytest.raises(LookupError):
        shown(LIVE, ())


def test_by():
    """A mount shows a directory if it shows it or something in it, and no neighbour."""
    what = shown(LIVE, TABLE)
    paths = [str(mount.path) for mount in TABLE if what.by(mount)]
    assert paths == ["/flocker/a", "/mnt"]
    assert [str(m.path) for m in TABLE if what.wholly_by(m)] == ["/flocker/a"]
