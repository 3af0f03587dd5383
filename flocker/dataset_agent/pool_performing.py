"""How each step of a pool dataset is done; synchronous, in one of the pool's threads.

Every step looks once more before it acts: what was planned must still be what is to be
done, by the record and the filesystem as they are now.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import singledispatch
from pathlib import Path
from typing import get_args

from attrs import evolve, frozen

from flocker.backends.pool_errors import (
    BeingWritten,
    Busy,
    CannotRepeat,
    HasClones,
    Held,
    NoSuchSnapshot,
    PoolFull,
    QuotaTooSmall,
)
from flocker.backends.pool_interface import Copy
from flocker.convergence.outcome import Done, Outcome, TryAgain
from flocker.dataset_agent.pool_looking import Seen, look_at
from flocker.dataset_agent.pool_marks import FINAL, ROUND
from flocker.dataset_agent.pool_rig import Pool
from flocker.dataset_agent.pool_steps import (
    Create,
    Destroy,
    MakeReadOnly,
    MakeWritable,
    Mount,
    Repeat,
    Save,
    Seal,
    SetAside,
    TakeSnapshot,
    Unmount,
    Write,
)
from flocker.dataset_agent.pool_work import Resize, TakeUsers, Tidy, Work
from flocker.model.cluster import Cause
from flocker.model.ids import DatasetID, NodeID
from flocker.runtime import logging
from flocker.runtime.crash_points import crash_point
from flocker.wire import pool_records

DONE = Done()
WRITES = get_args(Write)

_HINDRANCES: Mapping[type[Exception], Cause] = {
    Busy: Cause("busy", "", "end what uses it"),
    CannotRepeat: Cause("not-copied-back", "", "see to it"),
    BeingWritten: Cause("being-written", "", "stop what writes to it"),
    PoolFull: Cause("pool-full", "", "make room in the pool"),
    QuotaTooSmall: Cause("quota-too-small", "", "ask for more"),
    Held: Cause("needed", "", "delete what needs it first"),
    HasClones: Cause(
        "needed",
        "",
        "delete the clones first; of one that moved away drop what is left on this"
        " node: flockerctl drop-copy",
    ),
}
"""What may be in the way of a step, but for the words, which the error has."""
BUSY, WRITTEN = _HINDRANCES[Busy].code, _HINDRANCES[BeingWritten].code

BEFORE = {
    step: crash_point(f"before {step.__name__} of pool") for step in get_args(Work)
}
AFTER = {step: crash_point(f"after {step.__name__} of pool") for step in get_args(Work)}

Decide = Callable[[Seen], object]
"""What is to be done by what is seen now."""


@frozen
class Task:
    """A step about a dataset, and where it is done.

    `still` says what would be done now; `quota` in bytes. A snapshot for a stream is
    `named` so, behind what says of which kind it is: a name of no other on any node.
    """

    dataset: DatasetID
    step: Work
    pool: Pool
    node: NodeID
    place: Path
    still: Decide
    quota: int | None
    named: str


def perform(task: Task) -> Outcome:
    """Do a step, unless something else is to be done meanwhile."""
    BEFORE[type(task.step)]()
    now = look_at(task.pool.api, task.dataset)
    if now.unreadable is not None or task.still(now) != task.step:
        return DONE  # what is to be done now, the next round says
    try:
        _do(task.step, task, now)
    except tuple(_HINDRANCES) as error:
        return TryAgain(evolve(_HINDRANCES[type(error)], words=str(error)))
    AFTER[type(task.step)]()
    return DONE


def write(pool: Pool, dataset: DatasetID, step: Write, node: NodeID) -> None:
    """Do a step that writes the record. Raises what the pool raises."""
    api, record = pool.api, pool_records.encode(step.record)
    match step:
        case Destroy():
            api.destroy(dataset, record)
        case SetAside():
            before = look_at(api, dataset)
            made = api.set_aside(dataset, node, before.record.epoch, record)
            logging.message(
                "flocker:pool:set-aside", dataset=str(dataset), aside=made.name
            )
        case _:
            api.write_record(dataset, record)


@singledispatch
def _do(step: Work, task: Task, now: Seen) -> None:
    """Do what is left: a step that writes the record, and nothing else."""
    del now
    if not isinstance(step, WRITES):
        raise TypeError(step)
    write(task.pool, task.dataset, step, task.node)


@_do.register
def _create(step: Create, task: Task, now: Seen) -> None:
    del now
    api, record, origin = task.pool.api, pool_records.encode(step.record), step.origin
    if origin is None:
        api.create(task.dataset, record, task.quota)
    else:  # its limit, if it has one, is set afterwards
        api.clone(task.dataset, origin.dataset, origin.snapshot, record)


@_do.register
def _snapshot(step: TakeSnapshot, task: Task, now: Seen) -> None:
    del step
    prefix = ROUND if _copy(now).mounted_at else FINAL
    task.pool.api.snapshot(task.dataset, f"{prefix}{task.named}")


@_do.register
def _writable(step: MakeWritable, task: Task, now: Seen) -> None:
    del step
    head = _copy(now).snapshots[-1].identity
    task.pool.api.make_writable(task.dataset, head, task.quota)


@_do.register
def _read_only(step: MakeReadOnly | Seal, task: Task, now: Seen) -> None:
    del step, now
    task.pool.api.make_read_only(task.dataset)


@_do.register
def _save(step: Save | TakeUsers, task: Task, now: Seen) -> None:
    del now
    task.pool.api.snapshot(task.dataset, step.name)


@_do.register
def _repeat(step: Repeat, task: Task, now: Seen) -> None:
    del now
    task.pool.api.repeat(task.dataset, step.snapshot, step.name)


@_do.register
def _mount(step: Mount, task: Task, now: Seen) -> None:
    del step, now
    task.pool.api.mount(task.dataset, task.place)


@_do.register
def _tidy(step: Tidy, task: Task, now: Seen) -> None:
    del now
    kept: list[Held | HasClones] = []
    for each in step.snapshots:
        try:
            with suppress(NoSuchSnapshot):
                task.pool.api.destroy_snapshot(task.dataset, each)
        except (Held, HasClones) as error:
            kept.append(error)  # the others can go nevertheless
    if kept:
        raise kept[0]


@_do.register
def _resize(step: Resize, task: Task, now: Seen) -> None:
    del now
    task.pool.api.set_quota(task.dataset, step.quota)


@_do.register
def _unmount(step: Unmount, task: Task, now: Seen) -> None:
    del step
    copy = _copy(now)
    if not copy.mounted_at:
        raise Busy(task.dataset, copy.users)
    for path in copy.mounted_at:
        task.pool.api.unmount(task.dataset, path)


def _copy(now: Seen) -> Copy:
    if now.copy is None:
        raise LookupError(now)  # the guards let no such step through
    return now.copy
