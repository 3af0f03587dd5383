"""System calls about namespaces that this Python has no names for yet."""

import ctypes
import os
from pathlib import Path
from typing import Final

_BIND: Final = 4096
_RECURSIVE: Final = 16384
_DETACH: Final = 2
"""MS_BIND and MS_REC of linux/mount.h, MNT_DETACH of umount2(2)."""


def join(descriptor: int, kind: int = 0) -> None:
    """Let the calling thread be in a namespace; `kind` is a CLONE_NEW... or 0."""
    _checked("setns", descriptor, kind)


def mount_empty(place: Path) -> None:
    """Mount an empty filesystem in memory."""
    _checked("mount", b"sandbox", os.fsencode(place), b"tmpfs", 0, b"mode=755")


def bind(source: Path, place: Path) -> None:
    """Show a file, or a directory with all that is mounted in it, elsewhere too."""
    flags = _BIND | _RECURSIVE
    _checked("mount", os.fsencode(source), os.fsencode(place), None, flags, None)


def exchange_root(root: Path, old: Path) -> None:
    """Make a mounted directory the root; the root until now is at `old` in it."""
    _checked("pivot_root", os.fsencode(root), os.fsencode(old))
    os.chdir("/")


def detach(place: Path) -> None:
    """Let go of a mount and of all that is mounted in it."""
    _checked("umount2", os.fsencode(place), _DETACH)


def _checked(name: str, *arguments: object) -> None:
    function = getattr(ctypes.CDLL(None, use_errno=True), name)
    if function(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
