"""Bare mount points, into which nobody writes by mistake. For `filesystems` and pools.

Without its filesystem a mount point looks like an empty dataset, and a program that
writes there loses what it wrote. So while it is bare it has mode 0 and, where the
filesystem below can do it, the immutable attribute, which binds root too. On
filesystems without that attribute (NFS, tmpfs before Linux 6.6) only mode 0 is left,
which root overrides.
"""

import errno
import fcntl
import os
import struct
from pathlib import Path

from attrs import frozen

from flocker.model.errors import FlockerError

# linux/fs.h
_GET_FLAGS = 0x8008_6601
_SET_FLAGS = 0x4008_6602
_IMMUTABLE = 0x10
_LONG = struct.Struct("l")

_NOT_SUPPORTED = frozenset(
    {errno.ENOTTY, errno.EOPNOTSUPP, errno.EPERM, errno.ENOSYS, errno.EINVAL}
)


@frozen
class BadMountPoint(FlockerError):
    """A path cannot be mounted on without hiding something."""

    path: Path
    why: str

    def words(self) -> str:
        """Name the path and what is wrong with it."""
        return f"{self.path} cannot be a mount point: {self.why}"


def set_immutable(directory: Path, *, immutable: bool) -> bool:
    """Set or clear the immutable attribute; False where it cannot be had."""
    descriptor = os.open(
        directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    )
    try:
        buffer = bytearray(_LONG.size)
        fcntl.ioctl(descriptor, _GET_FLAGS, buffer)
        (before,) = _LONG.unpack(buffer)
        after = before | _IMMUTABLE if immutable else before & ~_IMMUTABLE
        if after != before:
            fcntl.ioctl(descriptor, _SET_FLAGS, _LONG.pack(after))
    except OSError as error:
        if error.errno in _NOT_SUPPORTED:
            return False
        raise
    finally:
        os.close(descriptor)
    return True


def prepare(path: Path) -> None:
    """Make a bare mount point at `path`, its parent for root only; again is fine.

    Raises `BadMountPoint` if something else is there, or files are in it. Nothing may
    be mounted at the path.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.parent.chmod(0o700)
        if not os.path.lexists(path):
            path.mkdir(mode=0)
        _check(path)
        set_immutable(path, immutable=True)
    except OSError as error:
        raise BadMountPoint(path, error.strerror or str(error)) from error


def _check(path: Path) -> None:
    if path.is_symlink() or not path.is_dir():
        raise BadMountPoint(path, "it is not a directory")
    found = [entry.name for entry in path.iterdir()]
    if found:
        why = f"it holds {len(found)} files, such as {found[0]!r}, that would be hidden"
        raise BadMountPoint(path, why)


def remove(path: Path) -> None:
    """Remove a bare mount point; one that is not there or not empty is left alone.

    Raises `BadMountPoint` if the kernel refuses.
    """
    if not path.is_dir() or path.is_symlink() or any(path.iterdir()):
        return
    try:
        set_immutable(path, immutable=False)
        path.rmdir()
    except OSError as error:
        raise BadMountPoint(path, error.strerror or str(error)) from error
