"""One backend of a node, kept as control wants it: its rounds, its steps, its facts.

Each backend has a loop of its own, so that a driver that hangs delays nobody else; it
is never asked twice at once. `flocker.dataset_agent.agent` tells each what is wanted,
and control what all of them found.

Note [At rest]: a dataset is *unsettled* while anything may be left to do or to say
about it: it was told anew, it waits, a step of it runs or has not been seen to work.
One that is not is passed over, and keeps its situation and its fact, until its entry in
the listing or what is mounted in its place changes, or the look is a thorough one.
"""

from collections.abc import Set

from attrs import evolve
from twisted.internet.interfaces import IReactorTime

from flocker.convergence.loop import make_loop
from flocker.convergence.outcome import Outcome
from flocker.convergence.running import Running
from flocker.dataset_agent.causes import unanswered, under_way
from flocker.dataset_agent.copying import copied
from flocker.dataset_agent.desire import want
from flocker.dataset_agent.discovery import BackendSeen, Unseen, discover
from flocker.dataset_agent.facts import fact
from flocker.dataset_agent.growing import maintain
from flocker.dataset_agent.known import IDLE, Known, Said
from flocker.dataset_agent.observing import Looking, Observer, Sight
from flocker.dataset_agent.performing import perform
from flocker.dataset_agent.planning import AtRest, Decision, Waiting, decide
from flocker.dataset_agent.rig import Backend, Rig
from flocker.dataset_agent.slowness import watched
from flocker.dataset_agent.states import Discovered, Mounted, Unknown, volume_of
from flocker.dataset_agent.steps import Step
from flocker.dataset_agent.volume_snapshots import TENDED, next_step, told
from flocker.model.cluster import HOLDING, Assignment, Cause, Fact, Want
from flocker.model.datasets import DEFAULT_BACKEND
from flocker.model.ids import DatasetID
from flocker.model.snapshots import VolumeSnapshots
from flocker.runtime.backoff import JITTER, Chance, delay, jittered

THOROUGH_AFTER = IDLE * (1 - JITTER)
"""Seconds after a thorough look from which the next one is due."""

ELSEWHERE_AT_WORK = 1.0
"""Seconds after which to look whether another backend has left a dataset alone."""


class Keeper(Known):
    """What is known of one backend: its part of the slice, what was found, and why."""

    def __init__(
        self,
        backend: Backend,
        rig: Rig,
        clock: IReactorTime,
        chance: Chance,
        said: Said,
    ) -> None:
        super().__init__()
        self._name = backend.name
        self._rig = rig
        self._clock = clock
        self._chance = chance
        self._said = said
        self._observer = Observer(backend, rig)
        self._found: dict[DatasetID, Discovered] = {}
        self._kept: dict[DatasetID, VolumeSnapshots] = {}
        self._snapped: set[DatasetID] = set()
        self._waits: dict[DatasetID, Cause] = {}
        self._slow_steps: dict[DatasetID, Cause] = {}
        self._thorough_at = 0.0
        self._working = False
        self._loop = make_loop(self._round, clock)
        self._running: Running[DatasetID, Step] = Running(
            self._perform, clock, chance, self._loop.wake
        )

    def start(self) -> None:
        """Go on; if it was stopped, with a thorough look."""
        if not self._working:
            self._working = True
            self._thorough_at = self._clock.seconds()
        self._loop.start()

    def stop(self) -> None:
        """Begin nothing any more."""
        self._working = False
        self._loop.stop()

    def tell(self, dataset: DatasetID, assignment: Assignment | None) -> None:
        """Take in what is wanted of a dataset; None: control speaks of it no more."""
        self._take(dataset, assignment)
        self._snapped.discard(dataset)
        if assignment is not None and assignment.snapshots is not None:
            self._snapped.add(dataset)
        self._waits.pop(dataset, None)
        self._running.hurry(dataset)

    def stand_down(self, *, now: bool) -> None:
        """Let go of everything, or do what is told again: of all that is known here."""
        if self.standing_down != now:
            self.standing_down = now
            self._surveyed = False
            self._thorough_at = self._clock.seconds()
            self._unsettled.update(self._found, self._slice)

    def has(self, dataset: DatasetID) -> bool:
        """Say whether it knows more of a dataset than that it may be somewhere."""
        return dataset in self._slice or dataset in self._found

    def doing(self, dataset: DatasetID) -> bool:
        """Say whether it is at work on a dataset."""
        return self._running.doing(dataset) is not None

    async def _perform(self, _dataset: DatasetID, step: Step) -> Outcome:
        """Do a step, and say so when it takes long."""

        def slow(seconds: float) -> None:
            self._slow_steps[step.dataset] = under_way(
                step, seconds, copied(step, self._rig)
            )
            self._said(self._state([step.dataset]))

        try:
            with watched(self._clock, slow):
                return await perform(step, self._rig)
        finally:
            _ = self._slow_steps.pop(step.dataset, None)

    async def _round(self) -> float:
        uncertain = self._running.observe()
        assigned = dict(self._slice)
        now = self._clock.seconds()
        thorough = now >= self._thorough_at or self._hidden is not None
        sight = await self._look(
            Looking(
                assigned.keys(),
                set(self._unsettled),
                thorough,
                snapshots=bool(self._snapped),
            )
        )
        self._running.observed()
        self.looked = True
        hidden = sight.seen.cause if isinstance(sight.seen, Unseen) else None
        changed = self._hide(hidden)
        rest = jittered(IDLE, self._chance)
        if isinstance(sight.seen, BackendSeen):
            if thorough:
                self._thorough_at = now + THOROUGH_AFTER
            looked = self._take_in(sight, assigned, uncertain, thorough=thorough)
            self._surveyed = self._surveyed or thorough
            if self._working:
                rest = min(rest, self._act(looked, sight.seen, assigned))
            changed |= self._state(looked | self._unsettled)
        else:
            rest = delay(self._failures, self._chance)
            changed |= self._state(self._unsettled)
        self._said(changed)
        return rest

    async def _look(self, what: Looking) -> Sight:
        """Look, and say so when it takes long."""
        with watched(self._clock, self._slow):
            return await self._observer.look(what)

    def _slow(self, seconds: float) -> None:
        self.looked = True
        self._said(self._hide(unanswered(self._name, seconds)))

    def _hide(self, cause: Cause | None) -> Set[DatasetID]:
        """Note why the backend is not seen, if it is not; give whose facts changed."""
        failed = cause is not None and cause.code == "backend-failed"
        self._failures = self._failures + 1 if failed else 0
        if cause == self._hidden:
            return set()
        self._hidden = cause
        return self._state(self._slice.keys() | self._found.keys())

    def _take_in(
        self,
        sight: Sight,
        assigned: dict[DatasetID, Assignment],
        uncertain: Set[DatasetID],
        *,
        thorough: bool,
    ) -> Set[DatasetID]:
        """Name the situations; keep the old where nothing is certain."""
        assert isinstance(sight.seen, BackendSeen)  # noqa: S101  (who calls has looked)
        looked = sight.looked | self._found.keys() if thorough else sight.looked
        self._unsettled |= looked
        for dataset in looked - uncertain:
            if self._concerns(dataset, sight, assigned):
                self._found[dataset] = discover(
                    dataset,
                    assigned.get(dataset),
                    sight.seen,
                    sight.observation,
                    self._rig.place(dataset),
                )
                self._count(dataset, assigned.get(dataset), sight.seen)
            else:
                self._kept.pop(dataset, None)
                self._found.pop(dataset, None)
                if dataset not in self._slice and not self.doing(dataset):
                    self._running.settle(dataset)
                    self._unsettled.discard(dataset)
        return looked

    def _count(
        self, dataset: DatasetID, assignment: Assignment | None, seen: BackendSeen
    ) -> None:
        """Note which of the snapshots that are wanted the volume has, if it is here."""
        found = self._found[dataset]
        volume = volume_of(found) if found.condition in HOLDING else None
        wanted = None if assignment is None else assignment.snapshots
        if wanted is None or seen.snapshots is None or volume is None:
            self._kept.pop(dataset, None)
        else:
            self._kept[dataset] = told(wanted, seen.snapshots.get(volume, ()))

    def _concerns(
        self, dataset: DatasetID, sight: Sight, assigned: dict[DatasetID, Assignment]
    ) -> bool:
        """Say whether a dataset matters here; only told ones and volumes of ours do.

        What is only mounted, named as a dataset, is left to the default backend.
        """
        if dataset in assigned:
            return True
        if any(dataset in other.assigned for other in self.others):
            return False
        assert isinstance(sight.seen, BackendSeen)  # noqa: S101  (who calls has looked)
        me = sight.seen.instance
        if any(v.attached_to == me for v in sight.seen.volumes.get(dataset, ())):
            return True
        stray = self._name == DEFAULT_BACKEND and dataset in sight.named
        return stray and not any(other.has(dataset) for other in self.others)

    def _act(
        self,
        looked: Set[DatasetID],
        seen: BackendSeen,
        assigned: dict[DatasetID, Assignment],
    ) -> float:
        """Start what is to be done; give the seconds after which to look again.

        What was told anew since the look began waits for the next: it was looked at
        with another record of which volume it is.
        """
        rest = IDLE
        for dataset in looked & self._found.keys():
            if self._slice.get(dataset) == assigned.get(dataset):
                self._waits.pop(dataset, None)
                rest = min(rest, self._act_on(dataset, self._found[dataset], seen))
        return rest

    def _act_on(
        self, dataset: DatasetID, found: Discovered, seen: BackendSeen
    ) -> float:
        if self.doing(dataset):
            return IDLE
        if any(other.doing(dataset) for other in self.others):
            return ELSEWHERE_AT_WORK
        decision = self._decide(dataset, found, seen)
        match decision:
            case AtRest():
                self._running.settle(dataset)
                self._unsettled.discard(dataset)
                return IDLE
            case Waiting(cause, poll):
                self._running.settle(dataset)
                self._waits[dataset] = cause
                return IDLE if poll is None else jittered(poll, self._chance)
            case _:
                wait = self._running.start(dataset, decision)
                return IDLE if wait is None else wait

    def _decide(
        self, dataset: DatasetID, found: Discovered, seen: BackendSeen
    ) -> Decision:
        assignment = self._slice.get(dataset)
        wanted = self._want(assignment, found)
        if assignment and wanted is Want.MOUNTED and isinstance(found, Mounted):
            finished = self._rig.finished.get(dataset)
            decision = maintain(found, assignment, seen, finished)
        else:
            decision = decide(wanted, found, assignment, self._name, seen.unit)
        if isinstance(decision, AtRest | Waiting) and wanted in TENDED:
            return self._tend(assignment, found, seen) or decision
        return decision

    def _tend(
        self, assignment: Assignment | None, found: Discovered, seen: BackendSeen
    ) -> Decision | None:
        """Give what is to be done about snapshots of what stays mounted here."""
        if assignment is None or not isinstance(found, Mounted):
            return None
        if seen.snapshots is None:
            return None
        there = seen.snapshots.get(found.volume, ())
        return next_step(found, assignment.snapshots, there, self._name)

    def _want(self, assignment: Assignment | None, found: Discovered) -> Want:
        return want(assignment, self._rig.node, found, standing_down=self.standing_down)

    def _fact(self, dataset: DatasetID) -> Fact | None:
        """Say what is known of it, if it is wanted, held or worked on here."""
        assignment = self._slice.get(dataset)
        found = self._found.get(dataset) or Unknown(dataset)
        doing = self._running.doing(dataset)
        if assignment is None and found.condition not in HOLDING and doing is None:
            return None
        cause = (
            self._slow_steps.get(dataset)
            or self._running.trouble(dataset)
            or self._hidden
            or self._waits.get(dataset)
        )
        wanted = self._want(assignment, found)
        said = fact(wanted, found, self._name, doing, cause)
        return evolve(said, kept=self._kept.get(dataset))
