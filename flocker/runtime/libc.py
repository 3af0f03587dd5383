"""Calls of the C library that Python lacks, or makes while all other threads wait.

`fcntl.ioctl` lets no other thread run where the argument has more than 1,024 bytes.
"""

import ctypes
import os

_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.ioctl.argtypes = (ctypes.c_int, ctypes.c_ulong, ctypes.c_void_p)


def syncfs(descriptor: int) -> None:
    """Write all of the filesystem that an open file is on to disk. Raises `OSError`."""
    _check(_LIBC.syncfs(descriptor))


def ioctl(descriptor: int, request: int, argument: bytearray) -> None:
    """Ask the kernel something; it answers in `argument`. Raises `OSError`."""
    place = (ctypes.c_char * len(argument)).from_buffer(argument)
    _check(_LIBC.ioctl(descriptor, request, ctypes.addressof(place)))


def _check(result: int) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
