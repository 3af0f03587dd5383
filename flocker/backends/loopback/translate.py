"""Names of files to volumes and back; pure. Called by `directory` and `api`.

A volume is one file. Its name never changes while it lives, only its directory does,
and the directory says who has it.
"""

import json
import os
import re
from uuid import UUID

from attrs import frozen

from flocker.model.errors import FlockerError
from flocker.model.ids import (
    DatasetID,
    Life,
    SnapshotID,
    UserSnapshotID,
    VolumeID,
)

FORMAT = 2
"""Number of the layout below the root; raised with every change of it.

Before 2 no name had a life; such files are listed without."""
SECTOR = 512
"""Bytes of a loop device's sector: its size is a whole number of these."""
LOCAL_FILESYSTEMS = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "tmpfs"})
"""Filesystems that only one kernel can have mounted."""

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_FILE = re.compile(rf"(block-{_UUID})_({_UUID})(?:_({_UUID}))?")
_SNAPSHOT = re.compile(rf"snapshot-({_UUID})_(block-{_UUID})")
_INSTANCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,199}")


@frozen
class ForeignDirectory(FlockerError):
    """The directory was not made by a Flocker of ours, or by a newer one."""

    path: str
    why: str

    def words(self) -> str:
        """Name the file and what is wrong with it."""
        return f"{self.path}: {self.why}"


@frozen
class VolumeFile:
    """What the name of a volume's file says."""

    volume: VolumeID
    dataset: DatasetID
    life: Life | None = None

    @property
    def name(self) -> str:
        """Give the name of the file."""
        mark = "" if self.life is None else f"_{self.life}"
        return f"{self.volume}_{self.dataset}{mark}"


def new_file(unique: UUID, dataset: DatasetID, life: Life | None = None) -> VolumeFile:
    """Name the file of a new volume; `unique` was never used for another."""
    return VolumeFile(VolumeID(f"block-{unique}"), dataset, life)


def parse_file_name(name: str) -> VolumeFile | None:
    """Read the name of a file; None if it is no volume's."""
    match = _FILE.fullmatch(name)
    if match is None:
        return None
    volume, dataset, life = match.groups()
    return VolumeFile(
        VolumeID(volume),
        DatasetID(UUID(dataset)),
        None if life is None else Life(UUID(life)),
    )


@frozen
class SnapshotFile:
    """What the name of a snapshot's file says: that is its id, too."""

    mark: UserSnapshotID
    of: VolumeID

    @property
    def name(self) -> str:
        """Give the name of the file."""
        return f"snapshot-{self.mark}_{self.of}"

    @property
    def snapshot(self) -> SnapshotID:
        """Give the id of the snapshot."""
        return SnapshotID(self.name)


def parse_snapshot_name(name: str) -> SnapshotFile | None:
    """Read the name of a file; None if it is no snapshot's."""
    match = _SNAPSHOT.fullmatch(name)
    if match is None:
        return None
    mark, volume = match.groups()
    return SnapshotFile(UserSnapshotID(UUID(mark)), VolumeID(volume))


def is_instance_name(name: str) -> bool:
    """Say whether an instance id can be the name of a directory."""
    return _INSTANCE.fullmatch(name) is not None


def format_text() -> str:
    """Write the content of ``format.json``."""
    return json.dumps({"format": FORMAT}) + "\n"


def check_format(path: str, text: str) -> int:
    """Give the number in ``format.json``; refuse one not ours, or newer than we know.

    Raises `ForeignDirectory`, naming `path`.
    """
    try:
        content = json.loads(text)
    except ValueError:
        raise ForeignDirectory(path, "is not JSON") from None
    number = content.get("format") if isinstance(content, dict) else None
    if type(number) is not int or number < 1:
        raise ForeignDirectory(path, "does not say which format the directory has")
    if number > FORMAT:
        why = f"has format {number}, but this Flocker knows formats up to {FORMAT}"
        raise ForeignDirectory(path, why)
    return number


def is_local(mountinfo: str, device: int) -> bool:
    """Say whether the filesystem with this `st_dev` surely belongs to one kernel only.

    `mountinfo` is the text of ``/proc/self/mountinfo`` (proc(5)).
    """
    number = f"{os.major(device)}:{os.minor(device)}"
    for line in mountinfo.splitlines():
        fields, _, source = line.partition(" - ")
        if fields.split(" ")[2:3] == [number]:
            return source.split(" ")[0] in LOCAL_FILESYSTEMS
    return False
