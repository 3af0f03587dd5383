"""What the driver does to keep what volumes hold: it shares blocks, or copies them.

Called by `api`. Sharing is one call under the lock of `VolumeDirectory`. A copy takes
its time: it is begun and published under the lock, and made without it; at the end the
volume must be what it was.

Note [Once for each wish]: who writes to a volume that holds too much waits for nothing.
What was given up is given up for that mark, as long as this process lives, so that an
agent that tries again stops nobody again.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

from attrs import define, field

from flocker.backends.block_interface import (
    Copied,
    NoSnapshots,
    SnapshotGivenUp,
    UnattachedVolume,
    UnknownSnapshot,
    UnknownVolume,
    VolumeBusy,
)
from flocker.backends.loopback.copies import Copies, HalfCopy
from flocker.backends.loopback.directory import StoredVolume, VolumeDirectory, explained
from flocker.backends.loopback.loop_devices import FileIdentity, LoopDevices
from flocker.backends.loopback.snapshots import (
    CannotShare,
    SnapshotFiles,
    StoredSnapshot,
)
from flocker.backends.loopback.standing_still import StandingStill
from flocker.backends.loopback.translate import (
    SnapshotFile,
    VolumeFile,
    parse_snapshot_name,
)
from flocker.model.ids import DatasetID, InstanceID, SnapshotID, VolumeID


@define(eq=False)
class Keeping:
    """The snapshots of the volumes in `directory`, for the instance `me`.

    `still.limit` is 0 where nothing is to be frozen: then none are taken by copying.
    """

    directory: VolumeDirectory
    me: InstanceID
    loops: LoopDevices
    still: StandingStill
    files: SnapshotFiles = field(init=False)
    _copies: Copies = field(init=False)
    _given_up: dict[SnapshotID, SnapshotGivenUp] = field(factory=dict, init=False)
    """See Note [Once for each wish]."""
    _under_way: dict[DatasetID, HalfCopy] = field(factory=dict, init=False)
    """The volumes that are being made, by whose they will be."""

    def __attrs_post_init__(self) -> None:
        """Look beside the volumes."""
        self.files = SnapshotFiles(self.directory)
        self._copies = Copies(self.directory, self.me, self._let_go)

    def sweep(self) -> None:
        """Thaw and remove what was left by processes of this instance that are dead.

        Raises `StorageFailed`.
        """
        with self.directory.locked(), self._explained("remove half copies"):
            self._copies.sweep()

    def check(self) -> None:
        """Raises `NoSnapshots` where blocks cannot be shared, nor copied.

        Also `StorageFailed`.
        """
        self.sweep()
        try:
            with self.directory.locked():
                self.files.check(self.me)
        except CannotShare as error:
            if self.still.limit <= 0:
                raise _not_copied(error) from error

    def take(self, volume: VolumeID, file: SnapshotFile) -> StoredSnapshot:
        """Keep what a volume holds that is attached here, unless it is kept already.

        Raises `UnknownVolume`, `UnattachedVolume`, `NoSnapshots`, `SnapshotGivenUp`,
        `StorageFailed`, and what `StandingStill.fill` raises.
        """
        with ExitStack() as ended:
            with self.directory.locked():
                stored = self._attached(volume)
                there = self.files.find(file.snapshot)
                if there is not None:
                    return there
                try:
                    size = self.files.take(stored, file, self.me)
                    return StoredSnapshot(file, size, self.files.top / file.name)
                except CannotShare as error:
                    self._refuse(file, error)
                device = self._device(stored)
                _ = ended.enter_context(self._explained(f"copy {volume}"))
                copy = ended.enter_context(self._copies.of(file.name, stored.path))
            self._fill_still(copy, file, device)
            copy.settle()
            with self.directory.locked():
                if self._attached(volume) != stored or self._device(stored) != device:
                    why = "it was taken away while it was copied; nothing was kept"
                    raise VolumeBusy(volume, why)
                size = copy.publish(self.files.top)
        return StoredSnapshot(file, size, self.files.top / file.name)

    def make_volume(
        self, snapshot: SnapshotID, file: VolumeFile, size: int
    ) -> StoredVolume:
        """Make a volume that begins as a snapshot, `size` bytes large if that is more.

        Raises `UnknownSnapshot`, `NoRoom`, `StorageFailed`.
        """
        with ExitStack() as ended:
            with self.directory.locked():
                stored = self.find(snapshot)
                try:
                    return self.files.make_volume(stored, file, size, self.me)
                except CannotShare:
                    _ = ended.enter_context(self._explained(f"copy {snapshot}"))
                    copy = ended.enter_context(self._copies.of(file.name, stored.path))
            self._under_way[file.dataset] = copy
            _ = ended.callback(self._under_way.pop, file.dataset)
            copy.reserve()
            copy.fill()
            copy.enlarge(size)
            copy.settle()
            with self.directory.locked():
                made = copy.publish(self.directory.unattached)
        return StoredVolume(file, None, made, self.directory.unattached / file.name)

    def copied(self, dataset: DatasetID) -> Copied | None:
        """Say how far the volume is that is being made for a dataset."""
        copy = self._under_way.get(dataset)
        return None if copy is None else Copied(copy.copied, copy.needed)

    def list(self) -> Sequence[StoredSnapshot]:
        """Give all. Raises `StorageFailed`."""
        with self.directory.locked(shared=True):
            return self.files.list()

    def destroy(self, snapshot: SnapshotID) -> None:
        """Remove one. Raises `UnknownSnapshot`, `StorageFailed`."""
        with self.directory.locked():
            self.files.remove(self.find(snapshot))

    def find(self, snapshot: SnapshotID) -> StoredSnapshot:
        """Look one up; hold the lock. Raises `UnknownSnapshot`, `StorageFailed`."""
        stored = self.files.find(snapshot)
        if stored is None:
            raise UnknownSnapshot(snapshot)
        return stored

    def _attached(self, volume: VolumeID) -> StoredVolume:
        stored = self.directory.find(volume)
        if stored is None:
            raise UnknownVolume(volume)
        if stored.attached_to != self.me:
            raise UnattachedVolume(volume)
        return stored

    def _device(self, stored: StoredVolume) -> Path:
        device = self.loops.find(FileIdentity.of(stored.path.stat()))
        if device is None:
            raise UnattachedVolume(stored.file.volume)
        return device

    def _refuse(self, file: SnapshotFile, error: CannotShare) -> None:
        """Raise why it is not copied, if it is not."""
        if self.still.limit <= 0:
            raise _not_copied(error) from error
        if file.snapshot in self._given_up:
            raise self._given_up[file.snapshot]

    def _fill_still(self, copy: HalfCopy, file: SnapshotFile, device: Path) -> None:
        try:
            self.still.fill(copy, file.of, device)
        except SnapshotGivenUp as error:
            self._given_up[file.snapshot] = error
            raise

    def _let_go(self, name: str) -> bool:
        """See that nothing stays frozen for a half copy that nobody makes any more."""
        file = parse_snapshot_name(name)
        stored = None if file is None else self.directory.find(file.of)
        if stored is None or stored.attached_to != self.me:
            return True
        device = self.loops.find(FileIdentity.of(stored.path.stat()))
        return device is None or self.still.thaw_left(stored.file.volume, device)

    def _explained(self, what: str) -> AbstractContextManager[None]:
        return explained(self.directory.top, what)


def _not_copied(error: CannotShare) -> NoSnapshots:
    return NoSnapshots(f"{error}; and nothing is copied, as freeze_seconds is 0")
