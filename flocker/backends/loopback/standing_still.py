"""Copies of a volume's file at one instant, where blocks cannot be shared.

Called by `keeping`. Whoever can write to the volume is kept from it: the filesystem
that is mounted is frozen, for a limited time; a device that nobody has mounted is
claimed, so that nobody mounts it.

Note [Who thaws]: `frozen_copy`, a process of its own, freezes and thaws (Note [Always
thawed] there), so an agent that is killed leaves nothing frozen. Where it is killed
itself, or stopped, we thaw. That is done once it is dead: one that dies while the
kernel freezes for it leaves the filesystem frozen afterwards. If both are killed, the
half copy is what says so; who opens the directory next thaws (Note [Half copies] in
`copies`). We hold the root of the filesystem open until the end, so that nobody can
unmount what is frozen: nobody could reach it then.

Nobody is to write to a filesystem that is frozen and wait for it, least of all who is
to thaw it. Flocker writes to one in steps about its dataset only, one at a time.
"""

import errno
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from attrs import frozen

from flocker.backends.block_interface import SnapshotGivenUp, VolumeBusy
from flocker.backends.devices import device_number
from flocker.backends.loopback import frozen_copy
from flocker.backends.loopback.copies import HalfCopy
from flocker.model.errors import FlockerError
from flocker.model.ids import VolumeID
from flocker.model.sizes import humanize
from flocker.runtime import libc, logging
from flocker.runtime.companion import accompany
from flocker.runtime.holders import enumerate_words, users
from flocker.runtime.mounted import MOUNTINFO, read_mounts

PROGRAM = (sys.executable, "-I", "-S", frozen_copy.__file__)
"""Without what is installed beside: it starts in a fiftieth of a second."""
GRACE = 5.0
"""Seconds after which a process that has not thawed in time is ended."""
FASTEST = 8 * 1024**3
"""Bytes a second that no copy exceeds."""
RELEASE = (
    "keep the volumes on XFS or Btrfs, where nothing is copied; or end what writes to"
    " it, raise freeze_seconds in agent.yml, restart the agent, and take another one"
)


@frozen
class NotFrozen(FlockerError):
    """A filesystem could not be frozen, or the copy of it was not made."""

    volume: VolumeID
    why: str

    def words(self) -> str:
        """Name the volume and the reason."""
        return f"volume {self.volume} was not copied: {self.why}"


@frozen
class _Told:
    """What `frozen_copy` tells; `error` is the kernel's."""

    outcome: str
    copied: int
    seconds: float
    error: int

    def check(self, volume: VolumeID, allocated: int, limit: float) -> None:
        """Raise what came of it, unless it is a copy: `NotFrozen` and its like."""
        match self.outcome:
            case "whole":
                return
            case "late":
                raise too_long(volume, self.copied, allocated, limit)
            case "disturbed":
                raise NotFrozen(volume, "somebody else thawed its filesystem meanwhile")
            case "refused" if self.error == errno.EBUSY:
                why = "its filesystem is frozen already, not by Flocker"
                raise VolumeBusy(volume, why)
            case "refused":
                why = os.strerror(self.error)
                raise NotFrozen(volume, f"its filesystem cannot be frozen: {why}")
            case _:
                raise NotFrozen(volume, os.strerror(self.error))


def too_long(
    volume: VolumeID, copied: int, allocated: int, limit: float
) -> SnapshotGivenUp:
    """Say that a volume holds more than can be copied in `limit` seconds."""
    why = (
        f"its blocks cannot be shared there, and {humanize(copied)} of the"
        f" {humanize(allocated)} it takes were copied in the {limit:g} s for which its"
        " filesystem may be frozen (freeze_seconds); nothing was kept"
    )
    return SnapshotGivenUp(volume, why, RELEASE)


def too_much(volume: VolumeID, allocated: int, limit: float) -> SnapshotGivenUp:
    """Say that a volume holds more than any disk copies in `limit` seconds."""
    why = (
        f"its blocks cannot be shared there, and it takes {humanize(allocated)}, more"
        f" than can be copied in the {limit:g} s for which its filesystem may be frozen"
        " (freeze_seconds); it was not tried"
    )
    return SnapshotGivenUp(volume, why, RELEASE)


@frozen
class StandingStill:
    """Copies for at most `limit` seconds what is mounted in this mount namespace."""

    limit: float
    mountinfo: Path = MOUNTINFO
    program: Sequence[str] = PROGRAM
    grace: float = GRACE

    def fill(self, copy: HalfCopy, volume: VolumeID, device: Path) -> None:
        """Copy the file of a volume that has a device; it is whole when this returns.

        Raises `SnapshotGivenUp`, `VolumeBusy`, `NotFrozen`, `NoRoom`, `ProgramMissing`
        and `OSError`.
        """
        root = open_root(device, self.mountinfo)
        if root is None:
            with _claimed(volume, device):
                copy.reserve()
                copy.fill()
            return
        try:
            allocated = copy.allocated
            if allocated > FASTEST * self.limit:
                raise too_much(volume, allocated, self.limit)
            copy.reserve()
            libc.syncfs(root)
            told = self._copy_frozen(copy, volume, root)
            logging.message(
                "flocker:loopback:copied",
                volume=volume,
                outcome=told.outcome,
                copied=told.copied,
                frozen=told.seconds,
            )
            told.check(volume, allocated, self.limit)
        finally:
            os.close(root)

    def thaw_left(self, volume: VolumeID, device: Path) -> bool:
        """Thaw what a killed process may have left; False if we could not see to it."""
        try:
            return self._thaw_left(volume, device)
        except OSError as error:
            why = f"{device}: {error.strerror}"
            logging.message("flocker:loopback:not-thawed", volume=volume, why=why)
            return False

    def _thaw_left(self, volume: VolumeID, device: Path) -> bool:
        root = open_root(device, self.mountinfo)
        if root is None:
            return not _is_claimed(device)
        try:
            if frozen_copy.thaw(root):
                logging.message("flocker:loopback:thawed", volume=volume)
        finally:
            os.close(root)
        return True

    def _copy_frozen(self, copy: HalfCopy, volume: VolumeID, root: int) -> _Told:
        """Let it be done, and see to it that it is thawed; see Note [Who thaws]."""
        descriptors = (root, copy.source, copy.file)
        numbers = [str(each) for each in descriptors]
        argv = [*self.program, *numbers, str(self.limit)]
        companion = accompany(argv, descriptors)
        heard = companion.hear(self.limit + self.grace) or b""
        if heard.endswith(b"\n"):
            _ = companion.ended()
            return _Told(**json.loads(heard))
        with suppress(OSError):  # done again below, where an error is raised
            frozen_copy.thaw(root)
        companion.kill()
        why = companion.ended() or "it said nothing"
        _ = frozen_copy.thaw(root)
        raise NotFrozen(volume, f"the process that copies it ended: {why}")


def open_root(device: Path, mountinfo: Path = MOUNTINFO) -> int | None:
    """Open the root of the filesystem on a device; None if it is not mounted here."""
    number = device_number(device)
    for mount in reversed(read_mounts(mountinfo)):
        if mount.device != number:
            continue
        with suppress(FileNotFoundError, NotADirectoryError):
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
            root = os.open(mount.path, flags)
            if os.fstat(root).st_dev == number:
                return root
            os.close(root)  # another is mounted above it
    return None


def _is_claimed(device: Path) -> bool:
    """Say whether the kernel has given a device to somebody, such as a filesystem."""
    try:
        os.close(os.open(device, os.O_RDONLY | os.O_EXCL | os.O_CLOEXEC))
    except OSError as error:
        if error.errno == errno.EBUSY:
            return True
        raise
    return False


@contextmanager
def _claimed(volume: VolumeID, device: Path) -> Iterator[None]:
    """Let nobody mount a device, and write down what is on it. Raises `VolumeBusy`."""
    try:
        descriptor = os.open(device, os.O_RDONLY | os.O_EXCL | os.O_CLOEXEC)
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        why = (
            f"{device} is mounted in another mount namespace, or otherwise claimed, and"
            " what is on it cannot be frozen from here"
        )
        raise VolumeBusy(volume, why) from error
    try:
        others = tuple(
            each
            for each in users(os.fstat(descriptor).st_rdev)
            if each.pid != os.getpid()
        )
        if others:
            raise VolumeBusy(volume, enumerate_words(others))
        os.fsync(descriptor)
        yield
    finally:
        os.close(descriptor)
