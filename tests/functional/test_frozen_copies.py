"""Copies of volumes that are in use: never torn, and nobody waits for ever."""

import errno
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from flocker.backends.block_interface import (
    BlockDeviceVolume,
    BlockSnapshot,
    Copied,
    SnapshotGivenUp,
    UnattachedVolume,
    VolumeBusy,
)
from flocker.backends.loopback import frozen_copy
from flocker.backends.loopback.api import make_loopback
from flocker.backends.loopback.copies import HalfCopy, NoRoom
from flocker.backends.loopback.standing_still import NotFrozen, StandingStill
from flocker.model.datasets import FilesystemKind
from flocker.model.ids import DatasetID, VolumeID
from flocker.model.sizes import MEBIBYTE
from flocker.runtime.process import run_sync
from flocker.sandbox.waiting import until
from tests.functional.volume_machine import CLUSTER, MARK, Machine, on

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="loop devices need root")

BEFALLEN = Path(__file__).with_name("befallen_copy.py")
PATIENCE = 60.0

each_kind = pytest.mark.parametrize("kind", list(FilesystemKind))


@pytest.fixture
def machine() -> Iterator[Machine]:
    """A node whose volumes are on an ext4, where no blocks can be shared."""
    with on("ext4") as made:
        yield made


@pytest.fixture
def volume(machine: Machine) -> BlockDeviceVolume:
    """A volume with a mounted ext4 that has a file."""
    return in_use(machine, FilesystemKind.EXT4)


def in_use(machine: Machine, kind: FilesystemKind) -> BlockDeviceVolume:
    """Make a volume and mount it."""
    made = machine.volume()
    machine.kernel.make(machine.api.get_device_path(made.blockdevice_id), kind)
    (machine.mounted(made) / "file").write_bytes(b"first" * MEBIBYTE)
    return made


def place(machine: Machine, volume: BlockDeviceVolume) -> Path:
    """Where a volume is mounted."""
    return machine.scratch / volume.blockdevice_id


def befalls(machine: Machine, what: str, limit: float = 60, grace: float = 60) -> Path:
    """Let something befall the process that copies; give where its id will stand."""
    note = machine.scratch / "process-id"
    note.unlink(missing_ok=True)
    program = (sys.executable, str(BEFALLEN), frozen_copy.__file__, what, str(note))
    machine.api._keeping.still = StandingStill(limit, program=program, grace=grace)
    return note


def nothing_befalls(machine: Machine) -> None:
    """Let it copy as it does."""
    machine.api._keeping.still = StandingStill(60)


def take(machine: Machine, volume: BlockDeviceVolume) -> BlockSnapshot:
    """Take a snapshot."""
    return machine.api.take_snapshot(volume.blockdevice_id, MARK)


def is_frozen(path: Path) -> bool:
    """Whether a filesystem is frozen; it is as it was afterwards."""
    root = os.open(path, os.O_RDONLY)
    try:
        frozen_copy.freeze(root)
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        return True
    else:
        assert frozen_copy.thaw(root)
    finally:
        os.close(root)
    return False


def assert_as_before(machine: Machine, volume: BlockDeviceVolume) -> None:
    """Nobody waits, nothing is left, and the next one is taken."""
    assert not is_frozen(place(machine, volume))
    assert machine.files() == [f"{volume.blockdevice_id}_{volume.dataset_id}"]
    (place(machine, volume) / "more").write_text("more")
    nothing_befalls(machine)
    assert take(machine, volume).of == volume.blockdevice_id


def apart(work: Callable[[], object]) -> int:
    """Do something in a process of its own; give its number."""
    pid = os.fork()
    if pid == 0:
        try:
            _ = work()
        finally:
            os._exit(1)
    return pid


@each_kind
def test_is_one_instant(machine: Machine, kind: FilesystemKind) -> None:
    """What was written before is in it, whole: nothing has to be repaired."""
    used = in_use(machine, kind)
    path = place(machine, used)
    taken = take(machine, used)
    (path / "file").write_bytes(b"second")
    (file,) = machine.top.glob("snapshots/*")
    assert file.stat().st_blocks < file.stat().st_size / 512
    clone = machine.attach(machine.clone())
    device = machine.api.get_device_path(clone.blockdevice_id)
    if kind is FilesystemKind.EXT4:
        _ = run_sync(["e2fsck", "-f", "-n", str(device)])
    copy = machine.mounted(clone, copy=True)
    assert (copy / "file").read_bytes() == b"first" * MEBIBYTE
    machine.kernel.unmount(copy, device)
    if kind is FilesystemKind.XFS:  # its log has something to replay at a mount
        _ = run_sync(["xfs_repair", "-n", str(device)])
    assert taken.size == used.size


@each_kind
def test_somebody_writes(machine: Machine, kind: FilesystemKind) -> None:
    """Of what is written meanwhile there is a beginning, and who writes goes on."""
    used = in_use(machine, kind)
    path = place(machine, used)

    def write() -> None:
        with (path / "numbers").open("wb", buffering=0) as opened:
            number = 0
            while not (path / "enough").exists():
                opened.write(b"%8d\n" % number)
                number += 1

    pid = apart(write)
    until((path / "numbers").exists, "somebody to write", PATIENCE)
    acknowledged = (path / "numbers").stat().st_size
    take(machine, used)
    before = (path / "numbers").stat().st_size
    until(lambda: (path / "numbers").stat().st_size > before, "more", PATIENCE)
    (path / "enough").touch()
    os.waitpid(pid, 0)
    copy = machine.mounted(machine.attach(machine.clone()), copy=True)
    kept = (copy / "numbers").read_bytes().splitlines()
    assert (copy / "numbers").stat().st_size >= acknowledged
    whole = kept if not kept or len(kept[-1]) == 8 else kept[:-1]
    assert [int(line) for line in whole] == list(range(len(whole)))


def test_copier_killed(machine: Machine, volume: BlockDeviceVolume) -> None:
    """Who copies is killed, having frozen: it is thawed, and nothing is kept."""
    befalls(machine, "dies")
    with pytest.raises(NotFrozen, match="ended"):
        take(machine, volume)
    assert_as_before(machine, volume)


def test_copier_stopped(machine: Machine, volume: BlockDeviceVolume) -> None:
    """Who copies does nothing any more, having frozen: it is thawed, and he is dead."""
    for grace in (1, 4, 16, 64):
        note = befalls(machine, "stops", limit=0.1, grace=grace)
        with pytest.raises(NotFrozen, match="ended"):
            take(machine, volume)
        if note.exists():  # else it was ended before it had begun
            break
    assert not Path(f"/proc/{note.read_text()}").exists()
    assert_as_before(machine, volume)


def test_agent_killed(machine: Machine, volume: BlockDeviceVolume) -> None:
    """The agent is killed while it is frozen: who copies thaws, and ends."""
    note = befalls(machine, "stops")
    agent = apart(lambda: take(machine, volume))
    until(lambda: note.exists() and note.read_text() != "", "a freeze", PATIENCE)
    copier = int(note.read_text())
    until(lambda: "(stopped)" in status(copier), "it to stop", PATIENCE)
    os.kill(agent, signal.SIGKILL)
    os.waitpid(agent, 0)
    assert is_frozen(place(machine, volume))
    os.kill(copier, signal.SIGCONT)
    until(lambda: not is_frozen(place(machine, volume)), "a thaw", PATIENCE)
    until(lambda: "running" not in status(copier), "its end", PATIENCE)

    def is_let_go() -> bool:
        """Its thread may wait for the disk still, and hold the copy."""
        machine.api.check_snapshots()
        return not any(name.startswith(".copying") for name in machine.files())

    until(is_let_go, "the copy to be let go of", PATIENCE)
    assert_as_before(machine, volume)


def status(pid: int) -> str:
    """What the kernel says that a process does; it may be over."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return "gone"
    state = text.partition("State:")[2].split("\n", 1)[0]
    return "gone" if "(zombie)" in state else f"running {state}"


def test_both_killed(machine: Machine, volume: BlockDeviceVolume) -> None:
    """Who copies and the agent are killed while it is frozen: the next one thaws."""
    befalls(machine, "dies")

    def die_before_thawing(event: str, arguments: tuple[object, ...]) -> None:
        if event == "fcntl.ioctl" and arguments[1] == frozen_copy.THAW:
            os.kill(os.getpid(), signal.SIGKILL)

    def work() -> None:
        sys.addaudithook(die_before_thawing)
        take(machine, volume)

    _, ended = os.waitpid(apart(work), 0)
    assert os.waitstatus_to_exitcode(ended) == -signal.SIGKILL
    assert is_frozen(place(machine, volume))
    make_loopback(CLUSTER, str(machine.top.parent), "node-1")
    assert_as_before(machine, volume)


def test_not_ours_to_see(machine: Machine, volume: BlockDeviceVolume) -> None:
    """Whoever does not see the mount leaves the half copy, which says what to thaw."""
    (left,) = machine.top.glob("attached/node-1")
    left /= f".copying-snapshot-{MARK}_{volume.blockdevice_id}"
    left.touch()
    table = machine.scratch / "mountinfo"
    table.write_text("")
    machine.api._keeping.still = StandingStill(60, table)
    machine.api.sweep()
    assert left.exists()
    nothing_befalls(machine)
    machine.api.sweep()
    assert_as_before(machine, volume)


def test_frozen_by_others(machine: Machine, volume: BlockDeviceVolume) -> None:
    """What somebody else has frozen is left so, at the start and by a snapshot."""
    root = os.open(place(machine, volume), os.O_RDONLY)
    frozen_copy.freeze(root)
    try:
        make_loopback(CLUSTER, str(machine.top.parent), "node-1")
        with pytest.raises(VolumeBusy, match="frozen already"):
            take(machine, volume)
        assert is_frozen(place(machine, volume))
    finally:
        assert frozen_copy.thaw(root)
        os.close(root)
    assert_as_before(machine, volume)


def test_thawed_by_others(machine: Machine, volume: BlockDeviceVolume) -> None:
    """If somebody else thaws meanwhile, it is no instant, and it is thrown away."""
    befalls(machine, "is thawed")
    with pytest.raises(NotFrozen, match="thawed"):
        take(machine, volume)
    assert_as_before(machine, volume)


def test_takes_too_long(machine: Machine, volume: BlockDeviceVolume) -> None:
    """It is given up with what to do about it, and nobody is stopped again for it."""
    note = befalls(machine, "hangs", limit=0.1)
    with pytest.raises(SnapshotGivenUp, match=r"were copied in the 0\.1 s") as caught:
        take(machine, volume)
    assert "freeze_seconds" in caught.value.release
    note.unlink()
    with pytest.raises(SnapshotGivenUp):
        take(machine, volume)
    assert not note.exists()
    machine.api._keeping._given_up.clear()
    assert_as_before(machine, volume)


def test_holds_too_much(machine: Machine, volume: BlockDeviceVolume) -> None:
    """What no disk can copy in time is not begun."""
    note = befalls(machine, "hangs", limit=1e-6)
    with pytest.raises(SnapshotGivenUp, match="it was not tried"):
        take(machine, volume)
    assert not note.exists()
    machine.api._keeping._given_up.clear()
    assert_as_before(machine, volume)


def test_no_room(machine: Machine, volume: BlockDeviceVolume) -> None:
    """Where there is no room for a copy nothing is frozen, and nothing is left."""
    note = befalls(machine, "hangs")
    (place(machine, volume) / "big").write_bytes(os.urandom(64 * MEBIBYTE))
    machine.kernel.flush(place(machine, volume))
    there = os.statvfs(machine.top)
    ballast = machine.top.parent / "ballast"
    with ballast.open("wb") as opened:
        free = there.f_bavail * there.f_frsize
        os.posix_fallocate(opened.fileno(), 0, free - 32 * MEBIBYTE)
    with pytest.raises(NoRoom, match="free"):
        take(machine, volume)
    assert not note.exists()
    ballast.unlink()
    assert_as_before(machine, volume)


def test_mounted_elsewhere(machine: Machine, volume: BlockDeviceVolume) -> None:
    """A filesystem that only others see cannot be frozen, and is not copied."""
    path = place(machine, volume)
    table = machine.scratch / "mountinfo"
    table.write_text("")
    machine.api._keeping.still = StandingStill(60, table)
    with pytest.raises(VolumeBusy, match="another mount namespace"):
        take(machine, volume)
    assert not is_frozen(path)
    assert_as_before(machine, volume)


def test_open_elsewhere(machine: Machine) -> None:
    """A device that is not mounted, and that a process has open, is not copied."""
    made = machine.volume()
    device = machine.api.get_device_path(made.blockdevice_id)
    with device.open("rb") as opened:
        holder = apart(signal.pause)
    assert opened.closed
    try:
        with pytest.raises(VolumeBusy, match=f"process {holder}"):
            take(machine, made)
    finally:
        os.kill(holder, signal.SIGKILL)
        os.waitpid(holder, 0)
    assert take(machine, made).of == made.blockdevice_id


def test_says_how_far(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a volume is made from a snapshot, it is said how much of it is copied."""
    made = machine.volume()
    machine.api.get_device_path(made.blockdevice_id).write_bytes(b"x" * MEBIBYTE)
    taken = take(machine, made)
    dataset = DatasetID(uuid4())
    said, real = [], frozen_copy.copy_data

    def copy_data(source: int, target: int, told: Callable[[int], None]) -> None:
        real(source, target, told)
        said.append(machine.api.copied(dataset))

    monkeypatch.setattr(frozen_copy, "copy_data", copy_data)
    machine.api.create_volume_from_snapshot(taken.id, dataset, made.size, None)
    assert said == [Copied(MEBIBYTE, MEBIBYTE)]
    assert machine.api.copied(dataset) is None


class Slow:
    """Copies, and meanwhile the volume is taken away."""

    limit = 1.0

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def fill(self, copy: HalfCopy, volume: VolumeID, device: Path) -> None:
        """Copy and detach."""
        copy.fill()
        self.machine.api.detach_volume(volume)


def test_taken_away(machine: Machine) -> None:
    """A volume that is not here any more when it was copied has no snapshot."""
    made = machine.volume()
    machine.api._keeping.still = Slow(machine)
    with pytest.raises(UnattachedVolume):
        take(machine, made)
    assert machine.files() == [f"{made.blockdevice_id}_{made.dataset_id}"]
