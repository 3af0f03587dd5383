"""One run of the simulation: a plan is done, faults end, and all must come well."""

import gc
import traceback
from collections.abc import Callable
from random import Random
from typing import Final

from attrs import frozen

from flocker.model.cluster import Phase
from flocker.model.ids import DatasetID
from flocker.model.status import NOT_LOOKED_YET
from flocker.testing.simulation.doing import Scene
from flocker.testing.simulation.invariants import Violated
from flocker.testing.simulation.machines import a_uuid
from flocker.testing.simulation.plans import (
    CLONES,
    DATASETS,
    Plan,
    Shape,
    Storage,
    plan,
)
from flocker.testing.simulation.pool_doing import do
from flocker.testing.simulation.pool_world import PoolWorld
from flocker.testing.simulation.trace import Trace
from flocker.testing.simulation.world import QUIET_WITHIN, World

LOOK_EVERY: Final = 1.0
"""Seconds between two looks at all statuses."""

WORDLESS: Final = 60.0
"""Seconds for which a dataset may be in one phase without a cause that says why."""

STAYS_WELL: Final = 3.0
"""Seconds for which all must stay well in the end."""


@frozen
class Result:
    """How a run ended: what was violated, if anything was, and how it came to that."""

    seed: int
    violation: str | None
    events: int
    seconds: float
    trace: tuple[str, ...] = ()


def make_world(seed: int, shape: Shape) -> World:
    """Make the world of a plan."""
    times = shape.steps_take, shape.latency, shape.commits_take
    if shape.storage is Storage.BLOCK:
        steps, latency, commits = times
        return World(shape.machines, seed, steps, shape.lag, latency, commits)
    both = shape.storage is Storage.BOTH
    return PoolWorld(
        shape.machines,
        seed,
        *times,
        has_block=both,
        drift=shape.drift,
        zfs=shape.zfs,
        resumes=shape.resumes,
    )


class Run:
    """A world in which a plan happens."""

    def __init__(self, what: Plan, *, traced: bool = False) -> None:
        self.world = make_world(what.seed, what.shape)
        self.plan = what
        random = Random(what.seed + 1)
        ids = tuple(DatasetID(a_uuid(random)) for _ in range(DATASETS + CLONES))
        names = {str(each): f"d{number}" for number, each in enumerate(ids)}
        names |= {
            str(machine.node): f"n{number}"
            for number, machine in enumerate(self.world.machines)
        }
        self.trace = Trace(self._moment, names)
        self.scene = Scene(self.world, ids, self.trace.say if traced else None)
        self._look_at = LOOK_EVERY
        self._wordless: dict[DatasetID, tuple[Phase, float]] = {}
        if traced:
            for machine in self.world.machines:
                machine.tell(_teller(self.trace, machine.instance))

    def carry_out(self) -> None:
        """Do it all. Raises `Violated`."""
        for then in self.plan.steps:
            self._advance(then.seconds)
            for _ in range(then.events):
                self._step()
            self.scene.say(str(then.happening))
            do(then.happening, self.scene)
            self.world.check()
        self._come_to_rest()

    def _come_to_rest(self) -> None:
        self.scene.say("faults end")
        self.world.mend()
        well_for, until = 0.0, self.world.clock.seconds() + QUIET_WITHIN
        while well_for < STAYS_WELL:
            if self.world.clock.seconds() > until:
                raise Violated(f"not well after {QUIET_WITHIN} s: {self._ill()}")
            self._advance(LOOK_EVERY)
            self.world.obey()
            well_for = 0.0 if self._ill() else well_for + LOOK_EVERY
        if surplus := self.world.invariants.surplus():
            raise Violated("; ".join(surplus))

    def _ill(self) -> list[str]:
        """Name what is not as wanted; of what cannot be, that it is not explained."""
        world, forgiven = self.world, self.world.invariants.forgiven
        ill = [
            f"{dataset.id}: {world.status(dataset.id)}"
            for dataset in world.known.datasets.values()
            if not self._is_seen(dataset.id)
            or not (world.is_well(dataset) or dataset.id in forgiven)
        ]
        return ill + world.invariants.unrecorded() + world.open_ends()

    def _is_seen(self, dataset: DatasetID) -> bool:
        """Say whether its status says how it is, or why not."""
        status = self.world.status(dataset)
        settled = status.phase in {Phase.MOUNTED, Phase.DESTROYED}
        return settled or (status.cause is not None and status.cause != NOT_LOOKED_YET)

    def _advance(self, seconds: float) -> None:
        clock = self.world.clock
        until = clock.seconds() + seconds
        while (due := clock.next_due()) is not None and due <= until:
            self._step()
        clock.pass_until(until)

    def _step(self) -> None:
        self.world.step()
        if self.world.clock.seconds() >= self._look_at:
            self._look_at = self.world.clock.seconds() + LOOK_EVERY
            self._explained()

    def _explained(self) -> None:
        """What is under way for long must say why (W5)."""
        control = self.world.control
        if control is None or control.clock.suspended:
            self._wordless.clear()
            return
        now = self.world.clock.seconds()
        for dataset in self.world.known.datasets:
            status = self.world.status(dataset)
            settled = status.phase in {Phase.MOUNTED, Phase.DESTROYED}
            if settled or (status.cause is not None and status.cause.words):
                _ = self._wordless.pop(dataset, None)
                continue
            phase, since = self._wordless.get(dataset, (None, now))
            if phase is not status.phase:
                self._wordless[dataset] = status.phase, now
            elif now - since > WORDLESS:
                raise Violated(f"{dataset} does not say why: {status}")

    def _moment(self) -> tuple[int, float]:
        return self.world.events, self.world.clock.seconds()


def run(
    seed: int, *, traced: bool = False, plan: Callable[[int], Plan] = plan
) -> Result:
    """Carry out the plan of a seed; the same seed gives the same result."""
    collecting = gc.isenabled()
    gc.disable()  # a coroutine of a killed process must not end at a time of chance
    try:
        return _run(Run(plan(seed), traced=traced), traced=traced)
    finally:
        if collecting:
            gc.enable()


def _run(it: Run, *, traced: bool) -> Result:
    violation = None
    try:
        if traced:
            it.scene.say(str(it.plan.shape))
            with it.trace.listening():
                it.carry_out()
        else:
            it.carry_out()
    except Violated as error:
        violation = str(error)
        it.trace.say(f"VIOLATED: {violation}")
    except Exception as error:  # noqa: BLE001  (whatever is raised is a fault of ours)
        violation = f"{type(error).__name__}: {error}"
        it.trace.say(f"RAISED: {violation}\n{traceback.format_exc()}")
    finally:
        it.world.end()
    world = it.world
    lines = tuple(it.trace.lines)
    return Result(it.plan.seed, violation, world.events, world.clock.seconds(), lines)


def _teller(trace: Trace, instance: str) -> Callable[[str], None]:
    return lambda text: trace.say(f"    {instance}: {text}")
