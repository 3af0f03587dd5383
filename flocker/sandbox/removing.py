"""Taking sandboxes down, and the sweep of what killed runs left.

Nothing here trusts that going up came to its end: it looks for whatever may be there.
So a run that was killed at any moment is cleared by the next, and nobody needs to
remember anything but the names of the directories.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from attrs import evolve, frozen

from flocker.model.errors import FlockerError
from flocker.sandbox import enclosure, network
from flocker.sandbox.control_groups import remove_group
from flocker.sandbox.layout import (
    MOUNT_ROOT,
    Layout,
    default_layout,
)
from flocker.sandbox.locking import locked, locked_if_free
from flocker.sandbox.loops import unbind_below
from flocker.sandbox.machines import kill_all, pull_plug, running
from flocker.sandbox.names import MachineName, SandboxName
from flocker.sandbox.owners import lives
from flocker.sandbox.places import places
from flocker.sandbox.processes import Process, held_namespace, inside
from flocker.sandbox.records import (
    SandboxRecord,
    Stage,
    read_machine,
    read_sandbox,
    write_sandbox,
)


@frozen
class MountedBelow(FlockerError):
    """Something is mounted in the directory that should be removed."""

    place: str

    def words(self) -> str:
        """Name the mount point."""
        return f"{self.place} is a mount point; unmount it, its content is not ours"


@frozen
class Swept:
    """What a sweep has removed, and why the rest stayed."""

    removed: tuple[str, ...] = ()
    stayed: tuple[str, ...] = ()

    def __add__(self, other: "Swept") -> "Swept":
        return Swept(self.removed + other.removed, self.stayed + other.stayed)

    def words(self) -> str:
        """Say it in one line; empty if there was nothing."""
        gone = [f"removed {', '.join(self.removed)}"] if self.removed else []
        return "; ".join([*gone, *self.stayed])


Say = Callable[[str], None]
"""Tells the user what is being done."""

_MADE_MOUNT_ROOT = ".made-mount-root"
"""Stands while /flocker of this machine was made by us and is ours to remove."""


def is_left_over(
    record: SandboxRecord | None,
    machines: dict[MachineName, bool],
    *,
    enclosed: bool = False,
    orphaned: bool = False,
) -> bool:
    """Say whether nobody needs a sandbox any more on which nobody works.

    `machines` says of each machine that was switched on and never killed by command
    whether it runs. One whose machines were all killed by command is kept, but not one
    that should be `enclosed` in namespaces of a user's own, and is not, and not one
    that is `orphaned`: its owner has ended.
    """
    if record is None or record.stage is not Stage.UP or orphaned:
        return True
    if record.enclosed and not enclosed:
        return True
    return bool(machines) and not any(machines.values())


def sweep(say: Say, spare: SandboxName | None = None) -> Swept:
    """Take down what killed runs of other names left; what lives is not touched.

    What cannot be removed is no obstacle; the next sweep tries again.
    """
    swept = Swept()
    for name in sorted(_known()):
        if name != spare:
            swept += _swept(default_layout(name), say)
    return swept


def _swept(layout: Layout, say: Say) -> Swept:
    with _nobody_at_work(layout) as free:
        if not free or not is_dead(layout):
            return Swept()
        if not _entries(layout.state) and not layout.data.exists():
            remove_state(layout)  # another sweep was faster
            return Swept()
        say(f"removing what a killed run left of the sandbox {layout.name!r}")
        try:
            take_down(layout)
        except (FlockerError, OSError) as error:
            why = f"something of the sandbox {layout.name!r} stays: {error}"
            return Swept(stayed=(why,))
        return Swept(removed=(f"the sandbox {layout.name!r}",))


@contextmanager
def _nobody_at_work(layout: Layout) -> Iterator[bool]:
    """Hold a sandbox's lock, unless somebody works on it who may need it.

    On one whose owner has ended only a sweep can be at work: that is waited for.
    """
    if is_orphaned(read_sandbox(layout.record)):
        with locked(layout.state):
            yield True
        return
    layout.state.mkdir(parents=True, exist_ok=True)
    with locked_if_free(layout.state) as free:
        yield free


def is_orphaned(record: SandboxRecord | None) -> bool:
    """Say whether a sandbox had an owner, who has ended."""
    return record is not None and record.owner is not None and not lives(record.owner)


def is_dead(layout: Layout) -> bool:
    """Look whether a sandbox is a left-over; hold its lock."""
    enclosed = enclosure.kept(layout) is not None
    record = read_sandbox(layout.record)
    orphaned = is_orphaned(record)
    machines = recorded(layout)
    return is_left_over(record, machines, enclosed=enclosed, orphaned=orphaned)


def recorded(layout: Layout) -> dict[MachineName, bool]:
    """Say of each machine that has a record whether it runs."""
    names = [MachineName(path.stem) for path in layout.state.glob("*.json")]
    return {
        name: running(layout, name) is not None
        for name in names
        if read_machine(layout.machine_record(name)) is not None
    }


def make_mount_root() -> None:
    """Make /flocker if it is missing; the last sandbox removes it again."""
    states = places().states
    with locked(states):
        if not MOUNT_ROOT.exists():
            (states / _MADE_MOUNT_ROOT).touch()
            MOUNT_ROOT.mkdir(mode=0o700)


def take_down(layout: Layout) -> None:
    """Remove a sandbox, whole or half; hold its lock.

    Its data is where its record says. Raises `Waited`, `StillMounted`, `MountedBelow`.
    """
    clear(layout)
    remove_state(layout)


def clear(layout: Layout) -> None:
    """Remove all of a sandbox but its state directory; hold its lock."""
    record = read_sandbox(layout.record)
    if record is not None:
        write_sandbox(layout.record, evolve(record, stage=Stage.UNMAKING))
        layout = evolve(layout, data=record.data)
    enclosure.end(layout)
    wires = sorted((layout.state / "net").glob("*"))
    wired = [MachineName(wire.name) for wire in wires]
    for machine in dict.fromkeys([*recorded(layout), *wired]):
        pull_plug(layout, machine)
    kill_all(lambda: _inhabitants(layout.switch), f"the end of {layout.name}")
    remove_group(layout.control_groups)
    unbind_below(layout.data)  # also what other backends than the usual have
    for wire in wires:
        network.release(wire)
    _refuse_mounts(layout.data)
    if layout.data.exists():
        _open_up(layout.data)
        shutil.rmtree(layout.data)
    for path in _entries(layout.state):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def remove_state(layout: Layout) -> None:
    """Remove the state directory, and what the last sandbox of all leaves."""
    here = places()
    made = here.states / _MADE_MOUNT_ROOT
    with locked(here.states):
        layout.state.rmdir()
        if any(path.is_dir() for path in _entries(here.states)):
            return
        if made.exists():
            with suppress(OSError):  # somebody else keeps something in it
                MOUNT_ROOT.rmdir()
            made.unlink()
        for place in (here.datas, here.states, here.top):
            with suppress(OSError):  # somebody else keeps something in it
                if place is not None:
                    place.rmdir()


def _known() -> set[SandboxName]:
    """Name all sandboxes of which there is anything."""
    found = [*_entries(places().states), *_entries(places().datas)]
    return {SandboxName(path.name) for path in found if path.is_dir()}


def _inhabitants(wire: Path) -> list[Process]:
    """Find the processes in a network namespace, but not this one."""
    inode = held_namespace(wire)
    found = [] if inode is None else inside("net", inode)
    return [process for process in found if process.pid != os.getpid()]


def _open_up(directory: Path) -> None:
    """Let a user who is not root remove what he closed to himself in a sandbox."""
    if not places().rootless:
        return
    for place, names, _ in os.walk(directory):
        for name in names:
            below = Path(place) / name
            if not below.is_symlink():
                below.chmod(0o700)


def _refuse_mounts(directory: Path) -> None:
    """Raise `MountedBelow` if removing a directory would remove what others have."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        place = line.split(" ")[4].encode().decode("unicode_escape")
        if Path(place).is_relative_to(directory):
            raise MountedBelow(place)


def _entries(directory: Path) -> list[Path]:
    try:
        return sorted(directory.iterdir())
    except FileNotFoundError:
        return []
