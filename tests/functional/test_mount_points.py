"""Directories to mount on."""

import os
import stat

import pytest

from flocker.runtime.mount_points import (
    BadMountPoint,
    prepare,
    remove,
    set_immutable,
)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mount points are root's")


@pytest.fixture
def path(tmp_path):
    """A mount point to be, which can be removed after the test."""
    path = tmp_path / "mounts" / "dataset"
    yield path
    if path.is_dir() and not path.is_symlink():
        set_immutable(path, immutable=False)


def test_prepared(path):
    """A mount point is made with mode 0, under a parent for its owner only."""
    prepare(path)
    modes = [stat.S_IMODE(place.stat().st_mode) for place in (path, path.parent)]
    assert modes == [0, 0o700]


def test_nothing_can_be_written(path):
    """Not even root writes where nothing is mounted: it would be hidden, or lost."""
    prepare(path)
    with pytest.raises(PermissionError):
        (path / "lost").touch()
    with pytest.raises(PermissionError):
        (path / "lost").mkdir()


def test_prepared_twice(path):
    """What an earlier try left is taken as it is."""
    prepare(path)
    prepare(path)
    assert path.is_dir()


def test_parent_is_closed_again(path):
    """A parent that somebody opened to others is closed."""
    path.parent.mkdir(mode=0o755)
    prepare(path)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_file_in_the_way(path):
    """A file is no mount point, nor is a link to a directory."""
    path.parent.mkdir()
    path.touch()
    with pytest.raises(BadMountPoint, match="not a directory"):
        prepare(path)
    path.unlink()
    path.symlink_to("/")
    with pytest.raises(BadMountPoint, match="not a directory"):
        prepare(path)


def test_removed(path):
    """A mount point that was prepared is removed, once or twice."""
    prepare(path)
    remove(path)
    remove(path)
    assert not path.exists()


def test_files_are_kept(path):
    """Files in a mount point are neither hidden nor removed."""
    path.mkdir(parents=True)
    (path / "file").touch()
    with pytest.raises(BadMountPoint, match="'file'"):
        prepare(path)
    remove(path)
    assert (path / "file").exists()


def test_parent_is_a_file(tmp_path):
    """What the kernel refuses is an error that names the path."""
    (tmp_path / "file").touch()
    with pytest.raises(BadMountPoint, match="file/dataset"):
        prepare(tmp_path / "file" / "dataset")
