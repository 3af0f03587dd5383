"""What the agent relies on when it works with filesystems, real ones and fakes."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import ClassVar

import pytest
from zope.interface.verify import verifyObject

from flocker.dataset_agent.filesystems import (
    Busy,
    IFilesystems,
    MountedElsewhere,
    NoDevice,
    NoFilesystem,
    SignatureFound,
)
from flocker.dataset_agent.kinds import NotPermitted, TooSmall
from flocker.dataset_agent.signatures import Signature
from flocker.model.datasets import LEAST_SIZE, FilesystemKind
from flocker.model.sizes import MEBIBYTE
from flocker.runtime.mount_points import BadMountPoint

_SWAP = Signature(("swap",))


class FilesystemConformance:
    """The promises of `IFilesystems`, one a test, for one kind of filesystem."""

    kind: ClassVar = FilesystemKind.EXT4

    @property
    def size(self) -> int:
        """Give the bytes of the devices used."""
        return max(16 * MEBIBYTE, LEAST_SIZE[self.kind])

    def make(self) -> IFilesystems:
        """Give the filesystems of a machine; again the same, as after a restart."""
        raise NotImplementedError

    def device(self, size: int) -> Path:
        """Give a new blank block device of that machine, of `size` bytes."""
        raise NotImplementedError

    def grow_device(self, device: Path, size: int) -> None:
        """Make a device `size` bytes large, by other means."""
        raise NotImplementedError

    def filesystem_size(self, device: Path) -> int:
        """Give the bytes that the filesystem on a device says it has."""
        raise NotImplementedError

    def mount_root(self) -> Path:
        """Give the directory under which mount points are made."""
        raise NotImplementedError

    def make_swap(self, device: Path) -> None:
        """Write the signature of a swap area on the device, by other means."""
        raise NotImplementedError

    def hold(self, path: Path, device: Path) -> AbstractContextManager[object]:
        """Keep a file open on what is mounted, in another process."""
        raise NotImplementedError

    def write(self, path: Path, name: str, content: bytes) -> None:
        """Write a file on what is mounted."""
        raise NotImplementedError

    def read(self, path: Path, name: str) -> bytes:
        """Read a file on what is mounted."""
        raise NotImplementedError

    @pytest.fixture
    def api(self) -> IFilesystems:
        """Give the filesystems."""
        return self.make()

    @pytest.fixture
    def blank(self, api: IFilesystems) -> Path:
        """Give a blank device."""
        del api
        return self.device(self.size)

    @pytest.fixture
    def made(self, api: IFilesystems, blank: Path) -> Path:
        """Give a device with a filesystem."""
        api.make(blank, self.kind)
        return blank

    @pytest.fixture
    def path(self) -> Path:
        """Give the mount point to use."""
        return self.mount_root() / "dataset"

    def mounted_at(self, api: IFilesystems, device: Path) -> tuple[Path, ...]:
        """Give the paths where a device is mounted."""
        number = api.device_number(device)
        assert number is not None
        return api.mounts().get(number, ())

    def test_interface(self, api: IFilesystems) -> None:
        """It provides the interface, method by method."""
        assert verifyObject(IFilesystems, api)

    # Devices and signatures

    def test_no_device(self, api: IFilesystems) -> None:
        """A path without a block device has no number, and nothing is done to it."""
        missing = self.mount_root() / "no-such-device"
        assert api.device_number(missing) is None
        assert api.holders(missing) == ()
        with pytest.raises(NoDevice):
            api.signature(missing)
        with pytest.raises(NoDevice):
            api.make(missing, self.kind)
        with pytest.raises(NoDevice):
            api.mount(missing, self.mount_root() / "dataset")

    def test_numbers(self, api: IFilesystems, blank: Path) -> None:
        """Two devices have two numbers."""
        assert api.device_number(blank) not in {
            None,
            api.device_number(self.device(self.size)),
        }

    def test_blank(self, api: IFilesystems, blank: Path) -> None:
        """A new device carries nothing."""
        assert api.signature(blank) is None

    def test_made(self, api: IFilesystems, made: Path) -> None:
        """A filesystem that was made is found, and can be mounted."""
        found = api.signature(made)
        assert found == Signature((self.kind.value,))
        assert found.filesystem is self.kind

    def test_swap(self, api: IFilesystems, blank: Path) -> None:
        """Something else is found too, and cannot be mounted."""
        self.make_swap(blank)
        assert api.signature(blank) == _SWAP
        assert not _SWAP.is_filesystem

    def test_made_twice(self, api: IFilesystems, made: Path) -> None:
        """A filesystem is not made over another."""
        with pytest.raises(SignatureFound) as caught:
            api.make(made, self.kind)
        found = Signature((self.kind.value,))
        assert str(caught.value) == str(SignatureFound(made, found))

    def test_made_over_the_other_kind(self, api: IFilesystems, made: Path) -> None:
        """Nor over one of another kind."""
        for kind in FilesystemKind:
            with pytest.raises(SignatureFound):
                api.make(made, kind)
        assert api.signature(made) == Signature((self.kind.value,))

    def test_foreign_is_not_formatted(self, api: IFilesystems, blank: Path) -> None:
        """Whatever the device carries, it is kept."""
        self.make_swap(blank)
        with pytest.raises(SignatureFound) as caught:
            api.make(blank, self.kind)
        assert str(caught.value) == str(SignatureFound(blank, _SWAP))
        assert api.signature(blank) == _SWAP

    def test_in_use_is_not_formatted(
        self, api: IFilesystems, made: Path, path: Path
    ) -> None:
        """A device that is mounted is not formatted, and the error says where it is."""
        api.mount(made, path)
        with pytest.raises(Busy) as caught:
            api.make(made, self.kind)
        assert str(path) in str(caught.value)

    # Mount

    def test_mounted(self, api: IFilesystems, made: Path, path: Path) -> None:
        """A mounted device is found by its number at its path, and only there."""
        before = self.mounted_at(api, made)
        api.mount(made, path)
        assert (before, self.mounted_at(api, made)) == ((), (path,))

    def test_found_after_restart(
        self, api: IFilesystems, made: Path, path: Path
    ) -> None:
        """A restarted agent finds what is mounted."""
        api.mount(made, path)
        assert self.mounted_at(self.make(), made) == (path,)

    def test_mounted_twice(self, api: IFilesystems, made: Path, path: Path) -> None:
        """Mounting again where it is mounted changes nothing."""
        api.mount(made, path)
        api.mount(made, path)
        assert self.mounted_at(api, made) == (path,)

    def test_not_at_two_paths(self, api: IFilesystems, made: Path, path: Path) -> None:
        """A device is mounted at one path only."""
        api.mount(made, path)
        other = path.with_name("other")
        with pytest.raises(MountedElsewhere) as caught:
            api.mount(made, other)
        assert str(caught.value) == str(MountedElsewhere(made, other, (path,)))

    def test_one_at_a_path(self, api: IFilesystems, made: Path, path: Path) -> None:
        """No filesystem is mounted over another."""
        api.mount(made, path)
        second = self.device(self.size)
        api.make(second, self.kind)
        with pytest.raises(BadMountPoint):
            api.mount(second, path)
        assert self.mounted_at(api, made) == (path,)
        assert self.mounted_at(api, second) == ()

    def test_blank_is_not_mounted(
        self, api: IFilesystems, blank: Path, path: Path
    ) -> None:
        """A device without a filesystem is not mounted."""
        with pytest.raises(NoFilesystem):
            api.mount(blank, path)
        assert self.mounted_at(api, blank) == ()

    def test_mounted_after_failure(
        self, api: IFilesystems, blank: Path, path: Path
    ) -> None:
        """A mount that failed does not stand in the way of the next."""
        with pytest.raises(NoFilesystem):
            api.mount(blank, path)
        api.make(blank, self.kind)
        api.mount(blank, path)
        assert self.mounted_at(api, blank) == (path,)

    def test_data_is_kept(self, api: IFilesystems, made: Path, path: Path) -> None:
        """What was written is there when the filesystem is mounted again, elsewhere."""
        api.mount(made, path)
        self.write(path, "name", b"content")
        api.unmount(path, made)
        other = path.with_name("other")
        api.mount(made, other)
        assert self.read(other, "name") == b"content"

    def test_mounted_as_a_copy(self, api: IFilesystems, made: Path, path: Path) -> None:
        """What is said to be a copy is mounted like any other."""
        api.mount(made, path, copy=True)
        self.write(path, "name", b"content")
        api.mount(made, path, copy=True)
        assert self.read(path, "name") == b"content"

    def test_flushed(self, api: IFilesystems, made: Path, path: Path) -> None:
        """What is mounted can be flushed while it is used, what is not cannot."""
        with pytest.raises(BadMountPoint):
            api.flush(path)
        api.mount(made, path)
        self.write(path, "name", b"content")
        api.flush(path)
        assert self.read(path, "name") == b"content"
        assert self.mounted_at(api, made) == (path,)

    # Unmount

    def test_unmounted(self, api: IFilesystems, made: Path, path: Path) -> None:
        """After unmount nothing is mounted, nobody holds the device, others stay."""
        second = self.device(self.size)
        api.make(second, self.kind)
        api.mount(made, path)
        api.mount(second, path.with_name("other"))
        api.unmount(path, made)
        assert self.mounted_at(api, made) == ()
        assert api.holders(made) == ()
        assert self.mounted_at(api, second) == (path.with_name("other"),)

    def test_unmounted_twice(self, api: IFilesystems, made: Path, path: Path) -> None:
        """Unmounting what is not mounted changes nothing."""
        api.unmount(path, made)
        api.mount(made, path)
        api.unmount(path, made)
        api.unmount(path, made)
        assert self.mounted_at(api, made) == ()

    def test_other_path(self, api: IFilesystems, made: Path, path: Path) -> None:
        """A filesystem is not unmounted from where it should not be."""
        api.mount(made, path)
        with pytest.raises(MountedElsewhere):
            api.unmount(path.with_name("other"), made)
        assert self.mounted_at(api, made) == (path,)

    def test_other_device(self, api: IFilesystems, made: Path, path: Path) -> None:
        """A filesystem that is at a path instead of the one meant is left alone."""
        api.mount(made, path)
        second = self.device(self.size)
        with pytest.raises(BadMountPoint):
            api.unmount(path, second)
        assert self.mounted_at(api, made) == (path,)

    def test_busy(self, api: IFilesystems, made: Path, path: Path) -> None:
        """A filesystem in use stays mounted, and the error names the user."""
        api.mount(made, path)
        with self.hold(path, made):
            with pytest.raises(Busy) as caught:
                api.unmount(path, made)
            assert self.mounted_at(api, made) == (path,)
            holder = caught.value.holders[0]
            assert holder in api.holders(made)
            assert str(holder.pid) in str(caught.value)
            assert holder.command in str(caught.value)
        api.unmount(path, made)
        assert self.mounted_at(api, made) == ()

    def test_unmounted_whatever(
        self, api: IFilesystems, made: Path, path: Path
    ) -> None:
        """Without a device, what is mounted at the path goes; again is fine."""
        second = self.device(self.size)
        api.make(second, self.kind)
        api.unmount(path, None)
        api.mount(made, path)
        api.mount(second, path.with_name("other"))
        api.unmount(path, None)
        api.unmount(path, None)
        assert self.mounted_at(api, made) == ()
        assert self.mounted_at(api, second) == (path.with_name("other"),)

    def test_busy_whatever(self, api: IFilesystems, made: Path, path: Path) -> None:
        """What is in use stays mounted, named or not."""
        api.mount(made, path)
        with self.hold(path, made), pytest.raises(Busy, match=str(path)):
            api.unmount(path, None)
        assert self.mounted_at(api, made) == (path,)

    # Grow

    def test_device_size(self, api: IFilesystems, blank: Path) -> None:
        """The size of a device is told, before and after it grew."""
        before = api.device_size(blank)
        self.grow_device(blank, 2 * self.size)
        assert (before, api.device_size(blank)) == (self.size, 2 * self.size)

    def test_nothing_to_grow(self, api: IFilesystems, made: Path, path: Path) -> None:
        """A filesystem that fills its device stays as it is."""
        api.mount(made, path)
        api.grow(made, path)
        api.grow(made, path)
        assert self.filesystem_size(made) == self.size

    def test_not_grown_unmounted(
        self, api: IFilesystems, made: Path, path: Path
    ) -> None:
        """Only what is mounted at its path grows."""
        second = self.device(self.size)
        api.make(second, self.kind)
        self.grow_device(made, 2 * self.size)
        with pytest.raises(MountedElsewhere):
            api.grow(made, path)
        api.mount(second, path)
        with pytest.raises(BadMountPoint):
            api.grow(made, path)
        assert self.filesystem_size(made) == self.size

    def test_no_device_to_grow(self, api: IFilesystems, path: Path) -> None:
        """What is no device has no size and does not grow."""
        missing = self.mount_root() / "no-such-device"
        with pytest.raises(NoDevice):
            api.device_size(missing)
        with pytest.raises(NoDevice):
            api.grow(missing, path)


class HasLeastSize(FilesystemConformance):
    """What holds beside for a kind that needs devices of some size."""

    def test_too_small(self, api: IFilesystems) -> None:
        """A device below the least size of its filesystem is left blank."""
        device = self.device(LEAST_SIZE[self.kind] - MEBIBYTE)
        with pytest.raises(TooSmall, match=self.kind.value):
            api.make(device, self.kind)
        assert api.signature(device) is None


class GrowsMounted(FilesystemConformance):
    """What holds beside where the process may grow what is mounted."""

    def test_grown(self, api: IFilesystems, made: Path, path: Path) -> None:
        """A mounted filesystem fills its grown device, and keeps its data and place."""
        api.mount(made, path)
        self.write(path, "name", b"content")
        self.grow_device(made, 2 * self.size)
        before = self.filesystem_size(made)
        api.grow(made, path)
        assert (before, self.filesystem_size(made)) == (self.size, 2 * self.size)
        assert self.mounted_at(api, made) == (path,)
        assert self.read(path, "name") == b"content"

    def test_grown_in_use(self, api: IFilesystems, made: Path, path: Path) -> None:
        """A filesystem in use grows."""
        api.mount(made, path)
        self.grow_device(made, 2 * self.size)
        with self.hold(path, made):
            api.grow(made, path)
        assert self.filesystem_size(made) == 2 * self.size


class MayNotGrow(FilesystemConformance):
    """What holds beside where it may not: an ext4 without CAP_SYS_RESOURCE."""

    def test_not_permitted(self, api: IFilesystems, made: Path, path: Path) -> None:
        """The error says what is lacking; data, size and place stay as they are."""
        api.mount(made, path)
        self.write(path, "name", b"content")
        self.grow_device(made, 2 * self.size)
        with pytest.raises(NotPermitted, match="CAP_SYS_RESOURCE"):
            api.grow(made, path)
        assert self.filesystem_size(made) == self.size
        assert self.mounted_at(api, made) == (path,)
        assert self.read(path, "name") == b"content"
