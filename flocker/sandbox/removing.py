"""Taking sandboxes down, and the sweep of what killed runs left.

Nothing here trusts that going up came to its end: it looks for whatever may be there.
So a run that was killed at any moment is cleared by the next, and nobody needs to
remember anything but the names of the directories.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
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


Say = Callable[[str], None]
"""Tells the user what is being done."""

_MADE_MOUNT_ROOT = ".made-mount-root"
"""Stands while /flocker of this machine was made by us and is ours to remove."""


def is_left_over(
    record: SandboxRecord | None,
    machines: dict[MachineName, bool],
    *,
    enclosed: bool = False,
) -> bool:
    """Say whether nobody needs a sandbox any more on which nobody works.

    `machines` says of each machine that was switched on and never killed by command
    whether it runs. One whose machines were all killed by command is kept, but not one
    that should be `enclosed` in namespaces of a user's own, and is not.
    """
    if record is None or record.stage is not Stage.UP:
        return True
    if record.enclosed and not enclosed:
        return True
    return bool(machines) and not any(machines.values())


def sweep(say: Say, spare: SandboxName) -> None:
    """Take down what killed runs of other names left; what lives is not touched."""
    for name in sorted(_known() - {spare}):
        layout = default_layout(name)
        layout.state.mkdir(parents=True, exist_ok=True)
        with locked_if_free(layout.state) as free:
            if free and is_dead(layout):
                say(f"removing what a killed run left of the sandbox {name!r}")
                take_down(layout)


def is_dead(layout: Layout) -> bool:
    """Look whether a sandbox is a left-over; hold its lock."""
    enclosed = enclosure.kept(layout) is not None
    record = read_sandbox(layout.record)
    return is_left_over(record, recorded(layout), enclosed=enclosed)


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


def _entries(directory: Path) -> Iterator[Path]:
    with suppress(FileNotFoundError):
        yield from sorted(directory.iterdir())
