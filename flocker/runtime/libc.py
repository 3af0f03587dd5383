"""Calls of the C library that Python lacks, or makes while all other threads wait.

`fcntl.ioctl` lets no other thread run where the argument has more than 1,024 bytes.
"""

import ctypes
import os
from pathlib import Path
from typing import Final

_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.ioctl.argtypes = (ctypes.c_int, ctypes.c_ulong, ctypes.c_void_p)

_NO_FOLLOW: Final = 8
"""UMOUNT_NOFOLLOW of umount(2)."""


def syncfs(descriptor: int) -> None:
    """Write all of the filesystem that an open file is on to disk. Raises `OSError`."""
    _check(_LIBC.syncfs(descriptor))


def ioctl(descriptor: int, request: int, argument: bytearray) -> None:
    """Ask the kernel something; it answers in `argument`. Raises `OSError`."""
    place = (ctypes.c_char * len(argument)).from_buffer(argument)
    _check(_LIBC.ioctl(descriptor, request, ctypes.addressof(place)))


def umount(path: Path) -> None:
    """Unmount what is mounted there, unless it is in use. Raises `OSError`."""
    _check(_LIBC.umount2(os.fsencode(path), _NO_FOLLOW))


def _check(result: int) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
