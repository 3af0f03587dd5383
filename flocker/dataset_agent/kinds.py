"""What ext4 and xfs need done differently: make, mount, open the root, grow.

Called by `filesystems`, which has looked who uses the device and what it carries.

Note [Copies]: a clone has the UUID of what it was cloned from. ext4 does not mind; xfs
mounts one of a UUID, unless it is told not to look (``nouuid``, xfs(5)). So clones are
mounted with that, and nothing is written to one for its sake: to give an xfs another
UUID its log must be clean, and whoever is killed in between has changed a volume that
holds the data of somebody. An original is still refused beside a copy that came here in
another way: that is somebody's mistake.

Note [New roots]: anybody may write into a dataset that is new. The root of an xfs is
made so, by mkfs.xfs itself, and later belongs to who changes it. mkfs.ext4 cannot do
that; there an empty ``lost+found`` and nothing else says that nobody used the
filesystem yet. It goes last, so that a kill in between is made good by the next mount.
"""

import fcntl
import os
import struct
from collections.abc import Iterable
from pathlib import Path
from tempfile import NamedTemporaryFile

from attrs import frozen

from flocker.backends.devices import device_at, device_size
from flocker.dataset_agent import superblocks
from flocker.dataset_agent.signatures import erase_unfinished
from flocker.model.datasets import LEAST_SIZE, FilesystemKind
from flocker.model.errors import FlockerError
from flocker.model.sizes import humanize
from flocker.runtime.mount_table import Mount
from flocker.runtime.process import ProcessFailed, run_sync

WORK_SECONDS = 600

# xfsprogs, mkfs.xfs(8), -p: a line and two numbers that are ignored, then the root.
_XFS_ROOT = b"/\n0 0\nd--777 0 0\n$\n"


# XFS_IOC_FSGEOMETRY_V1 of fs/xfs/libxfs/xfs_fs.h and its struct: eight numbers of 32
# bits, first the bytes of a block; then the number of blocks for data.
_XFS_GEOMETRY = 0x8070_5864
_XFS_GEOMETRY_LENGTH = 112
_XFS_BLOCK_SIZE = struct.Struct("=I28xQ")

_STATUS = Path("/proc/self/status")
_CAP_SYS_RESOURCE = 24


@frozen
class NotPermitted(FlockerError):
    """The kernel does not let this process grow a mounted ext4."""

    device: Path

    def words(self) -> str:
        """Name the device and what is missing."""
        return (
            f"the ext4 on {self.device} cannot grow while it is mounted: this process"
            " lacks the capability CAP_SYS_RESOURCE"
        )


@frozen
class TooSmall(FlockerError):
    """A device is smaller than the least that its filesystem can have."""

    device: Path
    kind: FilesystemKind
    size: int

    def words(self) -> str:
        """Name the device and both sizes."""
        return (
            f"{self.device} has {humanize(self.size)}, and {self.kind.value} needs at"
            f" least {humanize(LEAST_SIZE[self.kind])}"
        )


@frozen
class SameFilesystem(FlockerError):
    """The kernel does not mount a second copy of an xfs beside the first."""

    device: Path
    other: Path
    path: Path

    def words(self) -> str:
        """Name both devices and where the other is mounted."""
        return (
            f"{self.device} carries a copy of the xfs (the same UUID) on {self.other},"
            f" mounted at {self.path}; a node can have only one of the two mounted"
        )


def make(device: Path, kind: FilesystemKind) -> None:
    """Run mkfs, which asks nothing once we know that the device is blank.

    Raises `TooSmall`, `ProcessFailed`.
    """
    size = device_size(device)
    if size < LEAST_SIZE[kind]:
        raise TooSmall(device, kind, size)
    erase_unfinished(device)
    match kind:
        case FilesystemKind.EXT4:
            argv = ["mkfs.ext4", "-q", "-e", "remount-ro", str(device)]
            run_sync(argv, timeout=WORK_SECONDS)
        case FilesystemKind.XFS:
            with NamedTemporaryFile(prefix="flocker-xfs-") as root:
                root.write(_XFS_ROOT)
                root.flush()
                argv = ["mkfs.xfs", "-q", "-p", root.name, str(device)]
                run_sync(argv, timeout=WORK_SECONDS)


def mount(
    device: Path,
    path: Path,
    kind: FilesystemKind,
    table: Iterable[Mount],
    *,
    copy: bool = False,
) -> None:
    """Mount what the device carries; `table` has what is mounted here.

    See Note [Copies]. Raises `SameFilesystem`, `ProcessFailed`.
    """
    try:
        options = ["-o", "nouuid"] if copy and kind is FilesystemKind.XFS else []
        argv = ["mount", "-t", kind.value, *options, str(device), str(path)]
        run_sync(argv, timeout=WORK_SECONDS)
    except ProcessFailed:
        if kind is FilesystemKind.XFS:
            _refuse_if_copy(device, table)
        raise


def open_root(path: Path, kind: str) -> None:
    """Let everybody write into a mounted ext4 nobody used; see Note [New roots]."""
    if kind != FilesystemKind.EXT4.value:
        return
    if [entry.name for entry in path.iterdir()] != ["lost+found"]:
        return
    lost_and_found = path / "lost+found"
    if any(lost_and_found.iterdir()):
        return
    path.chmod(0o777)
    lost_and_found.rmdir()


def grow(device: Path, path: Path, filesystem: str) -> None:
    """Make a mounted filesystem fill its device; nothing is run if it does already.

    One that is not of our kinds stays as it is. Raises `NotPermitted`, `ProcessFailed`.
    """
    if filesystem not in {kind.value for kind in FilesystemKind}:
        return
    kind = FilesystemKind(filesystem)
    if device_size(device) - _size(device, path, kind) < superblocks.LENGTH:
        return
    match kind:
        case FilesystemKind.EXT4:
            if not may_grow_ext4():
                raise NotPermitted(device)
            run_sync(["resize2fs", str(device)], timeout=WORK_SECONDS)
        case FilesystemKind.XFS:
            run_sync(["xfs_growfs", "-d", str(path)], timeout=WORK_SECONDS)


def may_grow_ext4() -> bool:
    """Say whether the kernel lets this process grow an ext4 that is mounted."""
    lines = _STATUS.read_text().splitlines()
    (effective,) = (line.split()[1] for line in lines if line.startswith("CapEff:"))
    return bool(int(effective, 16) >> _CAP_SYS_RESOURCE & 1)


def _size(device: Path, path: Path, kind: FilesystemKind) -> int:
    """Give the bytes a mounted filesystem has; 0 if it does not say.

    ext4 keeps its superblock current in the cache of the device. xfs writes its own
    back later, so that it is asked.
    """
    if kind is FilesystemKind.XFS:
        return _xfs_size(path)
    found = superblocks.read(device, kind)
    return 0 if found is None else found.size


def _xfs_size(path: Path) -> int:
    root = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        geometry = bytearray(_XFS_GEOMETRY_LENGTH)
        fcntl.ioctl(root, _XFS_GEOMETRY, geometry)
    finally:
        os.close(root)
    block_size, blocks = _XFS_BLOCK_SIZE.unpack_from(geometry)
    return int(block_size) * int(blocks)


def _refuse_if_copy(device: Path, table: Iterable[Mount]) -> None:
    mine = superblocks.read(device, FilesystemKind.XFS)
    for mounted in table:
        other = device_at(mounted.device) if mounted.filesystem == "xfs" else None
        if mine is None or other is None:
            continue
        theirs = superblocks.read(other, FilesystemKind.XFS)
        if theirs is not None and theirs.uuid == mine.uuid:
            raise SameFilesystem(device, other, mounted.path)
