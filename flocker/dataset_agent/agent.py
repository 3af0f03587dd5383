"""The dataset agent: keeps one node's storage as control wants it.

Each round looks, decides about every dataset that matters here, starts the steps that
are due, and reports what has changed. `flocker.convergence` says when.
"""

from collections.abc import Iterator, Mapping

from twisted.internet.interfaces import IReactorTime

from flocker.convergence.loop import make_loop
from flocker.convergence.outcome import Outcome
from flocker.convergence.reporting import Reporting, ReportLink
from flocker.convergence.running import Running
from flocker.dataset_agent.desire import want
from flocker.dataset_agent.discovery import BackendSeen, Observation, Unseen, discover
from flocker.dataset_agent.facts import fact
from flocker.dataset_agent.growing import maintain
from flocker.dataset_agent.listing import list_volumes
from flocker.dataset_agent.observing import observe
from flocker.dataset_agent.performing import perform
from flocker.dataset_agent.planning import AtRest, Decision, Waiting, decide
from flocker.dataset_agent.rig import Rig
from flocker.dataset_agent.states import Discovered, Mounted, Unknown
from flocker.dataset_agent.steps import Step
from flocker.model.cluster import HOLDING, Assignment, Cause, Fact, Volume, Want
from flocker.model.datasets import DEFAULT_BACKEND
from flocker.model.ids import BackendName, DatasetID, NotAnIdentifier, parse_uuid
from flocker.runtime.backoff import Chance, delay, jittered
from flocker.wire.protocol import Slice

IDLE = 60.0
"""Seconds, spread by 20 %, after which a node at rest looks again."""


class DatasetAgent:
    """What the agent knows: its slice, what it found, why it waits."""

    def __init__(self, rig: Rig, clock: IReactorTime, chance: Chance) -> None:
        self._rig = rig
        self._chance = chance
        self._boot = ""
        self._number = 0
        self._slice: dict[DatasetID, Assignment] = {}
        self._found: dict[DatasetID, tuple[BackendName, Discovered]] = {}
        self._waits: dict[DatasetID, Cause] = {}
        self._hidden: dict[BackendName, tuple[Cause, int]] = {}
        self._looked = False
        self._informed = False
        self._reporting = Reporting(clock)
        self._loop = make_loop(self._round, clock)
        self._running: Running[DatasetID, Step] = Running(
            self._perform, clock, chance, self._loop.wake
        )

    @property
    def slice_number(self) -> tuple[str, int]:
        """The boot of control and the number of the last update that was applied."""
        return self._boot, self._number

    def talking(self, link: ReportLink) -> None:
        """Control has accepted this agent (`session.Agent`)."""
        self._reporting.talk_to(link)

    def cut_off(self) -> None:
        """Control is not heard any more: change nothing (`session.Agent`)."""
        self._informed = False
        self._loop.stop()
        self._reporting.talk_to(None)

    async def take(self, boot: str, number: int, what: Slice) -> bool:
        """Take an update (`session.Agent`).

        Before it is confirmed, control is told what is being done at this moment; so
        that it knows what may still happen to a dataset that it has taken away.
        """
        if not what.full and (boot, number) != (self._boot, self._number + 1):
            return False
        self._boot, self._number = boot, number
        if what.full:
            self._slice = {}
        for assignment in what.changed:
            self._slice[assignment.id] = assignment
        for dataset in what.gone:
            self._slice.pop(dataset, None)
        for dataset in (*(each.id for each in what.changed), *what.gone):
            self._running.hurry(dataset)
            self._waits.pop(dataset, None)
        self._informed = True
        if self._looked:
            self._reporting.now_known(self._facts())
            await self._reporting.send()
        if self._informed:
            self._loop.start()
        return True

    async def volumes(self, backend: BackendName) -> tuple[Volume, ...]:
        """List all volumes of a backend (`session.Agent`)."""
        return await list_volumes(self._rig, backend)

    async def _perform(self, step: Step) -> Outcome:
        return await perform(step, self._rig)

    async def _round(self) -> float:
        uncertain = self._running.observe()
        assigned = dict(self._slice)
        observation = await observe(self._rig, assigned.keys())
        self._running.observed()
        self._looked = True
        self._note_hidden(observation)
        self._take_in(observation, assigned, uncertain)
        rest = self._act(observation, assigned) if self._informed else IDLE
        self._reporting.now_known(self._facts())
        _ = self._reporting.send()
        return rest

    def _note_hidden(self, observation: Observation) -> None:
        self._hidden = {
            name: (seen.cause, 1 + self._hidden.get(name, (seen.cause, 0))[1])
            for name, seen in observation.backends.items()
            if isinstance(seen, Unseen)
        }

    def _take_in(
        self,
        observation: Observation,
        assigned: Mapping[DatasetID, Assignment],
        uncertain: frozenset[DatasetID],
    ) -> None:
        """Name the situation of each dataset; keep the old where nothing is certain."""
        before, self._found = self._found, {}
        for dataset, backend in self._concerned(observation, assigned):
            seen = observation.backends.get(backend)
            if dataset not in uncertain and isinstance(seen, BackendSeen):
                found = discover(
                    dataset,
                    assigned.get(dataset),
                    seen,
                    observation,
                    self._rig.place(dataset),
                )
                self._found[dataset] = (backend, found)
            elif dataset in before:
                self._found[dataset] = before[dataset]
            else:
                self._found[dataset] = (backend, Unknown(dataset))
        for dataset in uncertain & before.keys():
            _ = self._found.setdefault(dataset, before[dataset])

    def _concerned(
        self, observation: Observation, assigned: Mapping[DatasetID, Assignment]
    ) -> Iterator[tuple[DatasetID, BackendName]]:
        """Name the datasets that matter here, each with the backend to look at."""
        for dataset, assignment in assigned.items():
            yield dataset, _backend_of(assignment)
        others = {}
        for mount_point in observation.mount_points:
            if mount_point.parent == self._rig.mount_root:
                others.update(_named_by(mount_point.name))
        for backend, seen in observation.backends.items():
            if isinstance(seen, BackendSeen):
                for dataset, volumes in seen.volumes.items():
                    if any(volume.attached_to == seen.instance for volume in volumes):
                        others[dataset] = backend
        yield from ((d, b) for d, b in others.items() if d not in assigned)

    def _act(
        self, observation: Observation, assigned: Mapping[DatasetID, Assignment]
    ) -> float:
        """Start what is to be done; give the seconds after which to look again.

        What was told anew since the look began waits for the next: it was looked at
        with another record of which volume it is.
        """
        rest = jittered(IDLE, self._chance)
        self._waits.clear()
        for dataset, (backend, found) in self._found.items():
            seen = observation.backends.get(backend)
            if self._slice.get(dataset) != assigned.get(dataset):
                continue
            if isinstance(seen, BackendSeen):
                rest = min(rest, self._act_on(dataset, backend, found, seen))
            elif seen is None:
                self._waits[dataset] = _no_backend(backend)
        for _, attempts in self._hidden.values():
            rest = min(rest, delay(attempts, self._chance))
        return rest

    def _act_on(
        self,
        dataset: DatasetID,
        backend: BackendName,
        found: Discovered,
        seen: BackendSeen,
    ) -> float:
        if self._running.doing(dataset) is not None:
            return IDLE
        decision = self._decide(dataset, backend, found, seen)
        match decision:
            case AtRest():
                self._running.settle(dataset)
                return IDLE
            case Waiting(cause, poll):
                self._running.settle(dataset)
                self._waits[dataset] = cause
                return IDLE if poll is None else jittered(poll, self._chance)
            case _:
                wait = self._running.start(dataset, decision)
                return IDLE if wait is None else wait

    def _decide(
        self,
        dataset: DatasetID,
        backend: BackendName,
        found: Discovered,
        seen: BackendSeen,
    ) -> Decision:
        assignment = self._slice.get(dataset)
        wanted = want(assignment, self._rig.node, found)
        if assignment and wanted is Want.MOUNTED and isinstance(found, Mounted):
            finished = self._rig.finished.get(dataset)
            return maintain(found, assignment, seen, finished)
        return decide(wanted, found, assignment, backend, seen.unit)

    def _facts(self) -> dict[DatasetID, Fact]:
        """Say what is known of all that is wanted, held or worked on here."""
        facts = {}
        for dataset in self._slice | self._found:
            assignment = self._slice.get(dataset)
            backend, found = self._found.get(
                dataset, (_backend_of(assignment), Unknown(dataset))
            )
            concerned = assignment is not None or found.condition in HOLDING
            if not concerned and self._running.doing(dataset) is None:
                continue
            hidden = self._hidden.get(backend)
            facts[dataset] = fact(
                want(assignment, self._rig.node, found),
                found,
                backend,
                self._running.doing(dataset),
                self._running.trouble(dataset)
                or (hidden[0] if hidden else self._waits.get(dataset)),
            )
        return facts


def _backend_of(assignment: Assignment | None) -> BackendName:
    if assignment is not None and assignment.ownership is not None:
        return assignment.ownership.backend
    if assignment is not None and assignment.dataset is not None:
        return assignment.dataset.backend
    return DEFAULT_BACKEND


def _named_by(name: str) -> dict[DatasetID, BackendName]:
    """Give the dataset that a mount point is named after, if it is one."""
    try:
        return {DatasetID(parse_uuid(name)): DEFAULT_BACKEND}
    except NotAnIdentifier:
        return {}


def _no_backend(backend: BackendName) -> Cause:
    return Cause(
        "no-such-backend",
        f"this node has no backend {backend}",
        f"add {backend} to agent.yml of this node, or move the dataset",
        permanent=True,
    )
