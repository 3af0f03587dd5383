"""What the superblock of a filesystem says of it; pure but for `read`.

Called by `kinds` and `signatures`. The formats are Linux's: ext4 little-endian at byte
1024 (Documentation/filesystems/ext4/super.rst), xfs big-endian at byte 0
(fs/xfs/libxfs/xfs_format.h).
"""

import os
import struct
from pathlib import Path
from uuid import UUID

from attrs import frozen

from flocker.model.datasets import FilesystemKind

LENGTH = 4096
"""Bytes from the start of a device that hold the superblocks of both kinds."""

_EXT4_AT = 1024
_EXT4_LENGTH = 1024
_EXT4_MAGIC = 0xEF53
_EXT4_64BIT = 0x80
_XFS_MAGIC = b"XFSB"
_XFS_LENGTH = 128


@frozen
class Superblock:
    """What it says; `size` in bytes, `finished` that its mkfs came to its end.

    Note [Unfinished xfs]: mkfs.xfs writes its superblock first and takes off the mark
    ``inprogress`` last, and the kernel mounts nothing that has it. So what carries it
    never held a file: a mkfs was killed.
    """

    kind: FilesystemKind
    size: int
    uuid: UUID
    finished: bool = True


def ext4(start: bytes) -> Superblock | None:
    """Read that of ext4 from the first `LENGTH` bytes; None if there is none."""
    block = start[_EXT4_AT : _EXT4_AT + _EXT4_LENGTH]
    if len(block) < _EXT4_LENGTH or _u16(block, 0x38) != _EXT4_MAGIC:
        return None
    blocks = _u32(block, 0x4)
    if _u32(block, 0x60) & _EXT4_64BIT:
        blocks += _u32(block, 0x150) << 32
    size = blocks * (1024 << _u32(block, 0x18))
    return Superblock(FilesystemKind.EXT4, size, UUID(bytes=block[0x68:0x78]))


def xfs(start: bytes) -> Superblock | None:
    """Read that of xfs from the first `LENGTH` bytes; None if there is none."""
    if len(start) < _XFS_LENGTH or not start.startswith(_XFS_MAGIC):
        return None
    block_size, blocks = struct.unpack_from(">IQ", start, 4)
    return Superblock(
        FilesystemKind.XFS,
        blocks * block_size,
        UUID(bytes=start[32:48]),
        finished=start[126] == 0,
    )


def read(device: Path, kind: FilesystemKind) -> Superblock | None:
    """Read the superblock of that kind on a device; None if there is none.

    xfs writes past the page cache of the device, so that what is cached is dropped; and
    while it is mounted it writes late. Raises `OSError`.
    """
    descriptor = os.open(device, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.posix_fadvise(descriptor, 0, LENGTH, os.POSIX_FADV_DONTNEED)
        start = os.pread(descriptor, LENGTH, 0)
    finally:
        os.close(descriptor)
    match kind:
        case FilesystemKind.EXT4:
            return ext4(start)
        case FilesystemKind.XFS:
            return xfs(start)


def _u16(block: bytes, offset: int) -> int:
    return int.from_bytes(block[offset : offset + 2], "little")


def _u32(block: bytes, offset: int) -> int:
    return int.from_bytes(block[offset : offset + 4], "little")
