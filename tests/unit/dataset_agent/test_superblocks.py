"""What superblocks say, as Linux writes them."""

import struct
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis.strategies import binary

from flocker.dataset_agent.superblocks import LENGTH, Superblock, ext4, read, xfs
from flocker.model.datasets import FilesystemKind

NAME = UUID("d5e8f1b0-7a11-4bd7-b30a-9f0f6a0e3a6b")
EMPTY = bytes(LENGTH)


def an_ext4(low: int = 4096, high: int = 0, log: int = 2, features: int = 0) -> bytes:
    block = bytearray(1024)
    struct.pack_into("<I", block, 0x4, low)
    struct.pack_into("<I", block, 0x18, log)
    struct.pack_into("<H", block, 0x38, 0xEF53)
    struct.pack_into("<I", block, 0x60, features)
    block[0x68:0x78] = NAME.bytes
    struct.pack_into("<I", block, 0x150, high)
    return bytes(1024) + bytes(block) + bytes(2048)


def an_xfs(blocks: int = 76800, size: int = 4096, in_progress: int = 0) -> bytes:
    start = bytearray(LENGTH)
    struct.pack_into(">4sIQ", start, 0, b"XFSB", size, blocks)
    start[32:48] = NAME.bytes
    start[126] = in_progress
    return bytes(start)


@pytest.mark.parametrize(
    ("start", "size"),
    [
        (an_ext4(), 2**24),
        (an_ext4(low=16384, log=0), 2**24),
        (an_ext4(low=1, high=1, features=0x80), (2**32 + 1) * 4096),
        (an_ext4(low=1, high=1), 4096),
    ],
)
def test_ext4(start, size):
    """Blocks are counted in 64 bits where the feature says so."""
    assert ext4(start) == Superblock(FilesystemKind.EXT4, size, NAME)
    assert xfs(start) is None


@pytest.mark.parametrize("in_progress", [0, 1])
def test_xfs(in_progress):
    """An xfs tells whether its mkfs came to its end."""
    start = an_xfs(in_progress=in_progress)
    assert xfs(start) == Superblock(
        FilesystemKind.XFS, 300 * 2**20, NAME, finished=not in_progress
    )
    assert ext4(start) is None


@pytest.mark.parametrize("start", [b"", EMPTY, b"XFSB", an_ext4()[:1100]])
def test_none(start):
    """What is too short or blank is no superblock."""
    assert (ext4(start), xfs(start)) == (None, None)


@given(binary(max_size=200), binary(max_size=200))
def test_anything(first, second):
    """Whatever is on a device is read without an error."""
    start = (b"XFSB" + first).ljust(1024 + 0x38, b"\0") + b"\x53\xef" + second
    for parse in (ext4, xfs):
        found = parse(start)
        assert found is None or found.size >= 0


def test_read(tmp_path):
    """A device is asked for the kind that is meant."""
    device = tmp_path / "device"
    device.write_bytes(an_xfs())
    assert read(device, FilesystemKind.XFS) == xfs(an_xfs())
    assert read(device, FilesystemKind.EXT4) is None
