"""The dataset agent: keeps one node's storage as control wants it.

It takes what control says, gives each backend's keeper its part, and reports what all
of them found. `flocker.dataset_agent.keeping` does the work.
"""

from collections.abc import Iterable, Set

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from flocker.convergence.reporting import Reporting, ReportLink
from flocker.dataset_agent.causes import no_backend
from flocker.dataset_agent.desire import want
from flocker.dataset_agent.facts import fact
from flocker.dataset_agent.keeping import Keeper
from flocker.dataset_agent.listing import list_volumes
from flocker.dataset_agent.pool_forecasts import forecast
from flocker.dataset_agent.pool_keeping import PoolKeeper
from flocker.dataset_agent.pool_peers import Denial
from flocker.dataset_agent.pool_receiving import WORDS, NotYet, Visit
from flocker.dataset_agent.pool_states import Offer
from flocker.dataset_agent.rig import Rig
from flocker.dataset_agent.states import Unknown
from flocker.model.cluster import Assignment, Fact, Volume
from flocker.model.datasets import DEFAULT_BACKEND
from flocker.model.forecasts import FirstRound, Forecast
from flocker.model.ids import BackendName, DatasetID, NodeID
from flocker.runtime import logging
from flocker.runtime.backoff import Chance
from flocker.wire.protocol import Slice


class DatasetAgent:
    """What the agent was told, who does it, and what control has heard of it."""

    def __init__(self, rig: Rig, clock: IReactorTime, chance: Chance) -> None:
        self._rig = rig
        self._boot = ""
        self._number = 0
        self._informed = False
        self._looked = False
        self._let_go: Deferred[bool] | None = None
        self._homeless: dict[DatasetID, Fact] = {}
        self._reporting = Reporting(clock)
        self._pools: dict[BackendName, PoolKeeper] = {}
        if rig.peers is not None:
            self._pools = {
                name: PoolKeeper(pool, rig.peers, clock, chance, self._said)
                for name, pool in rig.pools.items()
            }
        self._keepers: dict[BackendName, Keeper | PoolKeeper] = {
            name: Keeper(backend, rig, clock, chance, self._said)
            for name, backend in rig.backends.items()
        }
        self._keepers.update(self._pools)
        # The default backend's keeper is the one that may speak of strays: last.
        self._in_order = sorted(
            self._keepers.values(),
            key=lambda keeper: keeper is self._keepers.get(DEFAULT_BACKEND),
        )
        for keeper in self._in_order:
            keeper.others = [each for each in self._in_order if each is not keeper]

    def serve_known(self) -> None:
        """Serve what pools have on record as this node's, before control is heard."""
        for keeper in self._pools.values():
            keeper.serve_known()

    async def visit(self, source: NodeID, dataset: DatasetID, offer: Offer) -> Visit:
        """Let another node bring a dataset's snapshot. Raises `Denied`, pool errors."""
        for keeper in self._pools.values():
            if dataset in keeper.assigned:
                return await keeper.visit(source, dataset, offer)
        raise NotYet(dataset, WORDS[Denial.NOT_TOLD])

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
        if self._let_go is not None:
            # Nobody waits for the answer any more; control asks anew.
            waiting, self._let_go = self._let_go, None
            waiting.callback(False)  # noqa: FBT003
        for keeper in self._in_order:
            keeper.stop()
        self._reporting.talk_to(None)

    async def take(self, boot: str, number: int, what: Slice) -> bool:
        """Take an update (`session.Agent`).

        Before it is confirmed, control is told what is being done at this moment; so
        that it knows what may still happen to a dataset that it has taken away.
        """
        if not what.full and (boot, number) != (self._boot, self._number + 1):
            return False
        self._boot, self._number = boot, number
        told: dict[DatasetID, Assignment | None] = dict.fromkeys(what.gone)
        if what.full:
            told = dict.fromkeys(self._assigned())
        told.update((assignment.id, assignment) for assignment in what.changed)
        for dataset, assignment in told.items():
            self._tell(dataset, assignment)
        for keeper in self._in_order:
            keeper.stand_down(now=what.stand_down)
        self._informed = True
        if self._looked:
            await self._say_what_is_done(told.keys())
        if self._informed:
            for keeper in self._in_order:
                keeper.start()
        return await self._stand_down() if what.stand_down else True

    async def _say_what_is_done(self, told: Set[DatasetID]) -> None:
        changed = set(told)
        for keeper in self._in_order:
            changed |= keeper.state()
        self._reporting.learn(self._facts(changed))
        await self._reporting.send()

    async def _stand_down(self) -> bool:
        """Wait until all is let go; False if the connection ends before."""
        if not self._informed:
            return False
        logging.message("flocker:dataset-agent:standing-down")
        waiting = self._let_go = Deferred()
        return await waiting

    async def volumes(self, backend: BackendName) -> tuple[Volume, ...]:
        """List all volumes of a backend (`session.Agent`)."""
        return await list_volumes(self._rig, backend)

    async def forecast(self, question: FirstRound) -> Forecast | None:
        """Say how much a move would send (`session.Agent`)."""
        return await forecast(self._rig.pools, question)

    def _assigned(self) -> Iterable[DatasetID]:
        """Name all that is told of."""
        yield from self._homeless
        for keeper in self._in_order:
            yield from keeper.assigned

    def _tell(self, dataset: DatasetID, assignment: Assignment | None) -> None:
        """Tell the keeper concerned, and any other that it is no more its own."""
        name = _backend_of(assignment)
        concerned = None if assignment is None else self._keepers.get(name)
        for keeper in self._in_order:
            if keeper is concerned:
                keeper.tell(dataset, assignment)
            elif keeper.has(dataset) or concerned is None:
                keeper.tell(dataset, None)
        self._homeless.pop(dataset, None)
        if assignment is not None and concerned is None:
            unknown = Unknown(dataset)
            wanted = want(assignment, self._rig.node, unknown)
            self._homeless[dataset] = fact(
                wanted, unknown, name, None, no_backend(name)
            )

    def _said(self, changed: Set[DatasetID]) -> None:
        """Report; for the first time when every backend has answered, or is slow.

        A process that has not looked says nothing: control still knows what the one
        before it saw.
        """
        if not self._looked:
            if not all(keeper.looked for keeper in self._in_order):
                return
            self._looked = True
            changed = set(self._homeless)
            for keeper in self._in_order:
                changed |= keeper.facts.keys()
        self._reporting.learn(self._facts(changed))
        _ = self._reporting.send().addBoth(lambda _: self._see_what_is_left())

    def _see_what_is_left(self) -> None:
        """Confirm that all was let go, once it is and control has heard so."""
        waiting = self._let_go
        if waiting is not None and not any(k.engaged for k in self._in_order):
            self._let_go = None
            logging.message("flocker:dataset-agent:stood-down")
            waiting.callback(True)  # noqa: FBT003

    def _facts(self, datasets: Set[DatasetID]) -> dict[DatasetID, Fact | None]:
        """Say of each what is known, by whom it concerns most; None: nothing."""
        return {dataset: self._fact(dataset) for dataset in datasets}

    def _fact(self, dataset: DatasetID) -> Fact | None:
        facts = [k.facts[dataset] for k in self._in_order if dataset in k.facts]
        if len(facts) > 1:
            for keeper in self._in_order:
                if dataset in keeper.assigned:
                    return keeper.facts[dataset]
        return facts[0] if facts else self._homeless.get(dataset)


def _backend_of(assignment: Assignment | None) -> BackendName:
    if assignment is not None and assignment.pool is not None:
        return assignment.pool.backend
    if assignment is not None and assignment.ownership is not None:
        return assignment.ownership.backend
    if assignment is not None and assignment.dataset is not None:
        return assignment.dataset.backend
    return DEFAULT_BACKEND
