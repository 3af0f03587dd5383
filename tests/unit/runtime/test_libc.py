"""Calls of the C library fail as those of Python do."""

import errno
import os

import pytest

from flocker.runtime import libc


def test_syncfs(tmp_path):
    """A filesystem is written to disk; without an open file there is none."""
    descriptor = os.open(tmp_path, os.O_RDONLY)
    libc.syncfs(descriptor)
    os.close(descriptor)
    with pytest.raises(OSError, match="Bad file descriptor") as caught:
        libc.syncfs(descriptor)
    assert caught.value.errno == errno.EBADF


def test_ioctl(tmp_path):
    """The kernel answers in the argument, or refuses."""
    reading, writing = os.pipe()
    os.write(writing, b"four")
    answer = bytearray(4)
    libc.ioctl(reading, 0x541B, answer)  # FIONREAD
    assert int.from_bytes(answer, "little") == 4
    os.close(reading)
    os.close(writing)
    with pytest.raises(OSError, match="Bad file descriptor"):
        libc.ioctl(reading, 0x541B, answer)
