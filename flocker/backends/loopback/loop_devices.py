"""Loop devices of this kernel, by ioctl. Called by `api`.

A loop device is known by the file it is bound to, and the file by (device, inode);
names prove nothing, as a file may be renamed or seen through another mount namespace.

Note [Never lazily]: LOOP_CLR_FD on a device that anybody else has open succeeds, but
only marks it to be cleared at its last close. So we open it exclusively (which a mount
in any mount namespace forbids), clear it, and ask it for its status through the same
descriptor: ENXIO proves that we were the only one and that it is gone. Otherwise the
mark is taken off again and the caller hears that the device is open.

Note [Cut off]: a cloud that detaches a disk by force lets the old machine's writes
fail. For a loop device the same is done by an offset behind the end of its file, which
leaves it no capacity: the kernel finishes what is in flight, and every later request,
from whatever mount namespace, is beyond the end of the device. What was synced is in
the file. The device goes at its last close. Ours have no offset, so one with an offset
is none that has the file.
"""

import errno
import fcntl
import os
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import define, evolve, field, frozen

from flocker.model.errors import FlockerError

_SET_STATUS64 = 0x4C04
_GET_STATUS64 = 0x4C05
_CLR_FD = 0x4C01
_SET_CAPACITY = 0x4C07
_CONFIGURE = 0x4C0A
_GET_FREE = 0x4C82
_AUTOCLEAR = 4
_BEHIND_EVERY_END = 1 << 62
# struct loop_info64 of linux/loop.h: device, inode, rdevice, offset, size limit,
# number, two fields of encryption, flags, name of the file, the rest.
_INFO = struct.Struct("=5Q4I64s112s")
# struct loop_config: descriptor of the file, block size, loop_info64, reserved.
_CONFIG_HEAD = struct.Struct("=2I")
_CONFIG_TAIL = bytes(64)

_UNBOUND = frozenset({errno.ENOENT, errno.ENODEV, errno.ENXIO})
"""How the kernel answers about the file of a loop device that has none any more."""
_ATTEMPTS = 50
_BETWEEN_ATTEMPTS = 0.02


@frozen
class FileIdentity:
    """What makes a file itself, whatever its name is."""

    device: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> "FileIdentity":
        """Take it from a stat."""
        return cls(status.st_dev, status.st_ino)


@frozen
class LoopDeviceBusy(FlockerError):
    """Somebody mounted the loop device or has it open."""

    device: Path
    why: str

    def words(self) -> str:
        """Name the device and how it is used."""
        return f"{self.device} {self.why}"


@frozen
class NoLoopDevice(FlockerError):
    """The kernel gave no loop device for a file."""

    file: Path
    why: str

    def words(self) -> str:
        """Name the file and the reason."""
        return f"no loop device for {self.file}: {self.why}"


@frozen
class _Status:
    """The part of ``struct loop_info64`` that matters here; `raw` is all of it."""

    file: FileIdentity
    offset: int
    flags: int
    raw: bytes

    @classmethod
    def parse(cls, raw: bytes) -> "_Status":
        fields = _INFO.unpack(raw)
        return cls(FileIdentity(fields[0], fields[1]), fields[3], fields[8], raw)

    @property
    def is_cut_off(self) -> bool:
        return self.offset > 0

    def cut_off(self) -> "_Status":
        fields = list(_INFO.unpack(self.raw))
        fields[3] = _BEHIND_EVERY_END
        fields[8] |= _AUTOCLEAR
        return self.parse(_INFO.pack(*fields))

    def without_autoclear(self) -> "_Status":
        fields = list(_INFO.unpack(self.raw))
        fields[8] &= ~_AUTOCLEAR
        return evolve(self, flags=fields[8], raw=_INFO.pack(*fields))


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    descriptor = os.open(path, flags | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _status(descriptor: int) -> _Status | None:
    """Ask a loop device what it is bound to; None if to nothing."""
    buffer = bytearray(_INFO.size)
    try:
        fcntl.ioctl(descriptor, _GET_STATUS64, buffer)
    except OSError as error:
        if error.errno == errno.ENXIO:
            return None
        raise
    return _Status.parse(bytes(buffer))


@define(eq=False)
class LoopDevices:
    """The loop devices of this kernel; they are common to all its namespaces."""

    dev: Path = Path("/dev")
    sys_block: Path = Path("/sys/block")
    pause: Callable[[float], None] = time.sleep
    _hints: dict[FileIdentity, Path] = field(factory=dict, init=False)
    """Where a file was last seen: only where to look first, never believed."""

    def find(self, file: FileIdentity) -> Path | None:
        """Give the loop device bound to the file, or None."""
        hint = self._hints.get(file)
        if hint is not None and self._bound_to(hint) == file:
            return hint
        self._hints = {bound_to: device for device, bound_to in self.bound()}
        return self._hints.get(file)

    def bind(self, file: Path) -> Path:
        """Bind a free loop device to the file and give it.

        The caller sees to it that no other device is bound to it. Raises
        `NoLoopDevice`.
        """
        try:
            return self._bind(file)
        except OSError as error:
            raise NoLoopDevice(file, error.strerror or str(error)) from error

    def unbind(self, device: Path, file: FileIdentity) -> None:
        """Take the loop device from its file; see Note [Never lazily].

        Returns when the binding is gone. Raises `LoopDeviceBusy`; then nothing changed.
        """
        for attempt in range(_ATTEMPTS):
            if attempt:
                self.pause(_BETWEEN_ATTEMPTS)
            if self._unbind_once(device, file):
                self._hints.pop(file, None)
                return
        raise LoopDeviceBusy(device, "is held open by a process")

    def cut_off(self, device: Path, file: FileIdentity) -> None:
        """Let all I/O on a device fail that somebody uses; see Note [Cut off]."""
        with _opened(device, os.O_RDONLY) as descriptor:
            status = _status(descriptor)
            if status is not None and status.file == file and not status.is_cut_off:
                fcntl.ioctl(descriptor, _SET_STATUS64, status.cut_off().raw)
        self._hints.pop(file, None)

    def fit(self, device: Path, file: FileIdentity) -> None:
        """Make the device as large as its file is now; it may be in use.

        One that is not bound to the file is left alone.
        """
        with _opened(device, os.O_RDONLY) as descriptor:
            status = _status(descriptor)
            if status is not None and status.file == file:
                fcntl.ioctl(descriptor, _SET_CAPACITY)

    def _unbind_once(self, device: Path, file: FileIdentity) -> bool:
        """Try to clear; False if another process has the device open just now."""
        try:
            with _opened(device, os.O_RDONLY | os.O_EXCL) as descriptor:
                before = _status(descriptor)
                if before is None or before.file != file:
                    return True
                fcntl.ioctl(descriptor, _CLR_FD)
                after = _status(descriptor)
                if after is None:
                    return True
                fcntl.ioctl(descriptor, _SET_STATUS64, after.without_autoclear().raw)
                return False
        except OSError as error:
            if error.errno == errno.EBUSY:
                why = "is mounted, in whatever mount namespace, or otherwise claimed"
                raise LoopDeviceBusy(device, why) from error
            if error.errno == errno.ENXIO:
                return True
            raise

    def _bind(self, file: Path) -> Path:
        with _opened(file, os.O_RDWR) as backing:
            identity = FileIdentity.of(os.fstat(backing))
            config = _CONFIG_HEAD.pack(backing, 0) + self._info(file) + _CONFIG_TAIL
            while True:
                device = self._free()
                with _opened(device, os.O_RDWR) as descriptor:
                    try:
                        fcntl.ioctl(descriptor, _CONFIGURE, config)
                    except OSError as error:
                        if error.errno == errno.EBUSY:  # another took it: ask again
                            continue
                        raise
                self._hints[identity] = device
                return device

    @staticmethod
    def _info(file: Path) -> bytes:
        """Write the request; the name is for people who run losetup."""
        name = os.fsencode(file)[:63]
        return _INFO.pack(0, 0, 0, 0, 0, 0, 0, 0, 0, name, b"")

    def _free(self) -> Path:
        """Ask for an unbound loop device; make its node where /dev is no devtmpfs."""
        with _opened(self.dev / "loop-control", os.O_RDWR) as control:
            number = fcntl.ioctl(control, _GET_FREE)
        device = self.dev / f"loop{number}"
        if not device.exists():
            major, minor = self._attribute(device, "dev").split(":")
            os.mknod(device, 0o060_600, os.makedev(int(major), int(minor)))
        return device

    def backing_name(self, device: Path) -> str:
        """Give the name the kernel shows for the file, for people; empty if none."""
        try:
            return self._attribute(device, "loop/backing_file")
        except OSError as error:
            if error.errno in _UNBOUND:  # it may be so since a moment
                return ""
            raise

    def _attribute(self, device: Path, name: str) -> str:
        return (self.sys_block / device.name / name).read_text().strip()

    def bound(self) -> Iterator[tuple[Path, FileIdentity]]:
        """Go through the bound loop devices."""
        with os.scandir(self.sys_block) as entries:
            names = [entry.name for entry in entries if entry.name.startswith("loop")]
        for name in names:
            if os.access(f"{self.sys_block}/{name}/loop", os.F_OK):
                device = self.dev / name
                bound_to = self._bound_to(device)
                if bound_to is not None:
                    yield device, bound_to

    @staticmethod
    def _bound_to(device: Path) -> FileIdentity | None:
        try:
            with _opened(device, os.O_RDONLY) as descriptor:
                status = _status(descriptor)
        except OSError as error:
            if error.errno in {errno.ENXIO, errno.ENOENT}:
                return None
            raise
        return None if status is None or status.is_cut_off else status.file
