"""What to do now about each dataset, and what to say of those that wait; pure."""

from attrs import evolve, frozen

from flocker.dataset_agent.causes import clone_blank, explain, held, not_marked
from flocker.dataset_agent.states import (
    Blank,
    Discovered,
    device_of,
    instance_of,
    path_of,
    volume_of,
)
from flocker.dataset_agent.steps import (
    Attach,
    Create,
    Destroy,
    Detach,
    Format,
    Mount,
    Step,
    Unmount,
)
from flocker.dataset_agent.transitions import NEXT, TAKING, Refuse, Rest, Wait
from flocker.model.cluster import Assignment, Cause, Want
from flocker.model.datasets import FilesystemKind
from flocker.model.errors import FlockerError
from flocker.model.ids import BackendName
from flocker.model.sizes import DEFAULT_SIZE, round_up

CLONE_BLANK_POLL = 10.0
"""Seconds after which to look whether a clone has its content after all."""

NOT_MARKED_POLL = 5.0
"""Seconds after which to look whether a machine that was off still is."""


@frozen
class Waiting:
    """Nothing can be done here for `cause`; look again after `poll` seconds, if any."""

    cause: Cause
    poll: float | None = None


@frozen
class AtRest:
    """Nothing is to be done."""


Decision = Step | Waiting | AtRest
AT_REST = AtRest()


@frozen
class Unplannable(FlockerError):
    """The table asks for a step that the situation has no fields for: our fault."""

    step: str
    found: Discovered

    def words(self) -> str:
        """Name both."""
        return f"{self.step} cannot be planned in the situation {self.found}"


def decide(
    wanted: Want,
    found: Discovered,
    assignment: Assignment | None,
    backend: BackendName,
    unit: int,
) -> Decision:
    """Say what to do about one dataset; `unit` is its backend's, in bytes."""
    entry = NEXT[wanted, found.condition]
    match entry:
        case Rest():
            return AT_REST
        case Wait(code, poll):
            told = assignment is not None and bool(assignment.held_by)
            return Waiting(explain(code, found, backend), None if told else poll)
        case Refuse(code, poll):
            return Waiting(evolve(explain(code, found, backend), permanent=True), poll)
        case _:
            return _step(entry, found, assignment, backend, unit)


def _step(
    entry: type[Step],
    found: Discovered,
    assignment: Assignment | None,
    backend: BackendName,
    unit: int,
) -> Decision:
    holder = instance_of(found)
    takes = entry in TAKING or holder is not None
    if takes and assignment is not None and assignment.held_by:
        return Waiting(held(assignment.held_by))
    if holder is not None and (assignment is None or holder not in assignment.dead):
        return Waiting(not_marked(holder), NOT_MARKED_POLL)
    if entry is Create:
        return _create(found, assignment, backend, unit)
    if isinstance(found, Blank) and entry is Format:
        return _format(found, assignment, backend)
    step = _on_volume(entry, found, backend)
    if isinstance(step, Mount) and assignment is not None and assignment.dataset:
        return evolve(step, copy=assignment.dataset.origin is not None)
    return step


def _format(
    found: Blank, assignment: Assignment | None, backend: BackendName
) -> Decision:
    """Make a filesystem; never on what was to begin as a snapshot."""
    wanted = None if assignment is None else assignment.dataset
    if wanted is not None and wanted.origin is not None:
        return Waiting(clone_blank(found.device, found.volume), CLONE_BLANK_POLL)
    kind = FilesystemKind.EXT4 if wanted is None else wanted.filesystem
    return Format(found.dataset, backend, found.volume, found.device, kind)


def _create(
    found: Discovered,
    assignment: Assignment | None,
    backend: BackendName,
    unit: int,
) -> Create:
    wanted = None if assignment is None else assignment.dataset
    size = None if wanted is None else wanted.maximum_size
    life = None if wanted is None else wanted.life
    origin = None if wanted is None or wanted.origin is None else wanted.origin.snapshot
    bytes_ = round_up(size or DEFAULT_SIZE, unit)
    return Create(found.dataset, backend, bytes_, life, origin)


def _on_volume(entry: type[Step], found: Discovered, backend: BackendName) -> Step:
    dataset, device, path = found.dataset, device_of(found), path_of(found)
    if entry is Unmount and path is not None:
        return Unmount(dataset, path, device)
    volume = volume_of(found)
    if volume is None:
        raise Unplannable(entry.__name__, found)
    if entry is Mount and device is not None:
        return Mount(dataset, backend, volume, device)
    if entry is Attach:
        return Attach(dataset, backend, volume)
    if entry is Detach:
        return Detach(dataset, backend, volume, instance_of(found))
    if entry is Destroy:
        return Destroy(dataset, backend, volume)
    raise Unplannable(entry.__name__, found)
