"""One pool of a node, kept as control wants it: its rounds, its steps, its facts.

To `flocker.dataset_agent.agent` it is what `keeping` is for block storage. What may be
done about a dataset is decided by the guards of the ownership protocol, from its record
and filesystem as they are, and the row that control told.

Note [At rest]: only datasets that are *unsettled* are looked at closely, and planned
for: what was told anew, is being moved, has a step under way or waits for something, or
what the listing shows to be another than before.
"""

from collections.abc import Set
from functools import partial

from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from flocker.convergence.loop import make_loop
from flocker.convergence.outcome import Done, Outcome, TryAgain
from flocker.convergence.running import SEE_TO_IT, Running
from flocker.dataset_agent.causes import failed, unanswered, under_way
from flocker.dataset_agent.known import IDLE, Known, Said
from flocker.dataset_agent.pool_facts import Noted, fact, wanted_at_all
from flocker.dataset_agent.pool_looking import PoolSeen, Seen, gist, look, look_at
from flocker.dataset_agent.pool_minds import (
    Mind,
    ended,
    followed,
    goes_on,
    in_a_moment,
    move_of,
    named,
    no_peer,
    peer_of,
    rows_of,
    unreadable,
)
from flocker.dataset_agent.pool_performing import Task, perform
from flocker.dataset_agent.pool_planning import (
    Asked,
    AtRest,
    Decision,
    Waiting,
    decide,
    ship,
)
from flocker.dataset_agent.pool_receiving import Denied, NotYet, Taking, Visit
from flocker.dataset_agent.pool_rig import Cancel, NotTaken, Pool, PoolRig
from flocker.dataset_agent.pool_states import Confirmation, Here, Offer
from flocker.dataset_agent.pool_transitions import move_asked
from flocker.dataset_agent.pool_unfinished import drop_unexpected
from flocker.dataset_agent.pool_watching import MountWatch
from flocker.dataset_agent.pool_work import Send, Work
from flocker.dataset_agent.slowness import watched
from flocker.dataset_agent.transfer.connecting import AgentUnreachable
from flocker.dataset_agent.transfer.pacing import Progress
from flocker.model.cluster import Assignment, Cause, Fact, Phase
from flocker.model.datasets import Mounting
from flocker.model.errors import FlockerError
from flocker.model.ids import DatasetID, NodeID
from flocker.model.snapshots import UserSnapshots
from flocker.runtime import logging
from flocker.runtime.backoff import Chance, delay, jittered

REFRESH = 5.0
"""Seconds after which a target that is close behind is brought up to date again."""
SOON = 0.2
"""Seconds after which a target is asked again that cannot take anything yet."""
STARTING = 1.0
"""Seconds after which a target is called again that cannot be reached: one that starts
anew is not to be waited for longer than it takes, least of all while nobody serves."""
TOLD_EVERY = 1.0
"""Seconds between two facts about how far a stream is."""


class PoolKeeper(Known):
    """What is known of one pool: its part of the slice, what was found, and why."""

    def __init__(
        self, pool: Pool, rig: PoolRig, clock: IReactorTime, chance: Chance, said: Said
    ) -> None:
        super().__init__()
        self._pool = pool
        self._rig = rig
        self._clock = clock
        self._chance = chance
        self._said = said
        self._informed = False
        self._seen: dict[DatasetID, Seen] = {}
        self._minds: dict[DatasetID, Mind] = {}
        self._visits: set[DatasetID] = set()
        self._visited: set[DatasetID] = set()
        self._loop = make_loop(self._round, clock)
        self._watch = MountWatch(pool, clock, self._died)
        self._running: Running[DatasetID, Work] = Running(
            self._perform, clock, chance, self._loop.wake
        )

    # What the agent calls

    def serve_known(self) -> None:
        """Serve what the records say is this node's, before control is heard."""
        self._loop.start()
        self._watch.start()

    def start(self) -> None:
        """Go on, as control has told."""
        if not self._informed:
            self._informed = True
            self._unsettled.update(self._seen, self._slice)
        self._loop.start()
        self._watch.start()

    def stop(self) -> None:
        """Begin nothing any more."""
        self._informed = False
        self._loop.stop()
        self._watch.stop()

    def tell(self, dataset: DatasetID, assignment: Assignment | None) -> None:
        """Take in what is wanted of a dataset; None: control speaks of it no more."""
        self._take(dataset, assignment)
        mind = self._mind(dataset)
        mind.waits, mind.under = None, 0
        self._running.hurry(dataset)
        self._stop_sending(dataset)

    def stand_down(self, *, now: bool) -> None:
        """Let go of everything, or do what is told again."""
        if self.standing_down != now:
            self.standing_down = now
            self._surveyed = False
            self._unsettled.update(self._seen, self._slice)

    def has(self, dataset: DatasetID) -> bool:
        """Say whether it knows more of a dataset than that it may be somewhere."""
        if dataset in self._slice:
            return True
        seen = self._seen.get(dataset)
        return seen is not None and seen.copy is not None

    def doing(self, dataset: DatasetID) -> bool:
        """Say whether it is at work on a dataset."""
        return self._running.doing(dataset) is not None or dataset in self._visits

    async def visit(self, source: NodeID, dataset: DatasetID, offer: Offer) -> Visit:
        """Let another node bring a snapshot. Raises `Denied` and what pools raise."""
        if offer.source != source:
            raise Denied(dataset, f"node {source} offers it for {offer.source}")
        if self.doing(dataset):
            raise NotYet(dataset, "this node is at work on it")
        taking = Taking(
            self._pool, self._rig.node, dataset, lambda seen: self._here(dataset, seen)
        )
        self._visits.add(dataset)
        self._visited.add(dataset)
        visit = Visit(taking, offer, lambda: self._left(dataset))
        await visit.prepare()
        self._said(self._state([dataset]))
        return visit

    def _left(self, dataset: DatasetID) -> None:
        """A visit is over: what came is looked at."""
        self._visits.discard(dataset)
        self._unsettled.add(dataset)
        self._loop.wake()

    def _died(self, datasets: Set[DatasetID]) -> None:
        """Some mounts answer nobody, or did: say so, and look why."""
        self._said(self._state(datasets))
        self._loop.wake()

    # Rounds

    async def _round(self) -> float:
        uncertain = set(self._running.observe()) | self._visits
        self._visited = set()
        closely = self._unsettled | (set() if self._surveyed else set(self._slice))
        try:
            with watched(self._clock, self._slow):
                seen = await self._pool.threads.run(
                    look, self._pool.api, frozenset(closely - uncertain)
                )
                if self._informed:
                    await drop_unexpected(self._pool, seen, self._here, self.doing)
        except FlockerError as error:
            words = f"pool {self._pool.name} does not answer: {error}"
            return self._unseen(failed(self._pool.name, words))
        except Exception as error:  # noqa: BLE001  (what a program says is not foreseen)
            logging.failure("flocker:pool:failed", Failure(), pool=self._pool.name)
            words = f"pool {self._pool.name} failed: {type(error).__name__}: {error}"
            return self._unseen(failed(self._pool.name, words))
        self._running.observed()
        self.looked = True
        uncertain |= self._visits | self._visited
        changed = self._take_in(seen, uncertain)
        if self._hidden is not None:
            changed |= self._slice.keys() | self._seen.keys()
        self._failures, self._hidden = 0, None
        first, self._surveyed = not self._surveyed, True
        rest = jittered(IDLE, self._chance)
        for dataset in sorted((closely - uncertain), key=str):
            rest = min(rest, self._act_on(dataset))
        if first or self._unsettled - closely - uncertain:
            rest = 0.0  # what was not looked at closely is, now
        self._said(self._state(changed | closely | self._unsettled))
        return rest

    def _unseen(self, cause: Cause) -> float:
        self._failures += 1
        self._hide(cause)
        return delay(self._failures, self._chance)

    def _slow(self, seconds: float) -> None:
        self._hide(unanswered(self._pool.name, seconds))

    def _hide(self, cause: Cause) -> None:
        self._hidden = cause
        self.looked = True
        self._said(self._state(self._slice.keys() | self._seen.keys()))

    def _take_in(self, seen: PoolSeen, uncertain: Set[DatasetID]) -> set[DatasetID]:
        """Note what there is; give what is otherwise than it was."""
        changed = set()
        known = seen.datasets.keys() | self._seen.keys() | self._slice.keys()
        for dataset in known - uncertain:
            now, before = seen.of(dataset), self._seen.get(dataset)
            if before is None or gist(now) != gist(before):
                changed.add(dataset)
                self._unsettled.add(dataset)
            self._seen[dataset] = now
        return changed

    def _act_on(self, dataset: DatasetID) -> float:
        """Start what is to be done; give the seconds after which to look again."""
        seen = self._seen.get(dataset)
        if seen is None or self.doing(dataset):
            return IDLE
        mind = self._mind(dataset)
        mind.waits = None
        mind.heard, mind.under = rows_of(self._slice.get(dataset))
        if seen.unreadable is not None:
            mind.waits = unreadable(dataset, self._pool, seen.unreadable)
            return IDLE
        decision = self._decide(dataset, seen)
        match decision:
            case AtRest():
                self._running.settle(dataset)
                if move_asked(self._here(dataset, seen)) is not None:
                    return REFRESH
                self._unsettled.discard(dataset)
                return IDLE
            case Waiting(cause):
                self._running.settle(dataset)
                mind.waits = cause
                return IDLE
            case _:
                wait = self._running.start(dataset, decision)
                return IDLE if wait is None else wait

    def _decide(self, dataset: DatasetID, seen: Seen) -> Decision:
        return decide(self._here(dataset, seen), seen.copy, self._asked(dataset))

    def _here(self, dataset: DatasetID, seen: Seen) -> Here:
        assignment, wanted = self._slice.get(dataset), self._snapshots(dataset)
        return Here(
            node=self._rig.node,
            record=seen.record,
            found=seen.found,
            told=None if assignment is None else assignment.pool,
            confirmation=self._mind(dataset).confirmation,
            snapshots=seen.identities,
            names=frozenset(each.name for each in seen.snapshots),
            deletions=0 if wanted is None else wanted.deletions,
        )

    def _asked(self, dataset: DatasetID) -> Asked:
        assignment, mind = self._slice.get(dataset), self._mind(dataset)
        wanted = None if assignment is None else assignment.dataset
        lease = None if assignment is None else assignment.lease
        leased = lease is not None and lease.node == self._rig.node
        always = wanted is None or wanted.mount is Mounting.ALWAYS
        return Asked(
            used=always or leased,
            quota=None if wanted is None else wanted.maximum_size,
            standing_down=self.standing_down,
            informed=self._informed,
            following=mind.following,
            refresh=self._clock.seconds() - mind.followed_at >= REFRESH,
            begun=mind.begun,
            snapshots=self._snapshots(dataset),
            hindered=mind.hindered,
            skipped=mind.skipped,
        )

    def _snapshots(self, dataset: DatasetID) -> UserSnapshots | None:
        assignment = self._slice.get(dataset)
        return None if assignment is None else assignment.snapshots

    # Steps

    async def _perform(self, dataset: DatasetID, step: Work) -> Outcome:
        if isinstance(step, Send):
            return await self._send(dataset, step)
        task = Task(
            dataset,
            step,
            self._pool,
            self._rig.node,
            self._rig.place(dataset),
            lambda now: self._decide(dataset, now),
            self._asked(dataset).quota,
            named(self._slice.get(dataset), self._rig.unique()),
        )
        outcome: Outcome | None = None
        started = self._clock.seconds()
        try:
            with watched(self._clock, partial(self._slow_step, dataset, step)):
                outcome = await self._pool.threads.run(perform, task)
        finally:
            move = move_of(self._slice.get(dataset))
            seconds = self._clock.seconds() - started
            ended(self._mind(dataset), step, outcome, move, seconds)
        return in_a_moment(self._mind(dataset), outcome, self._clock.seconds())

    def _slow_step(self, dataset: DatasetID, step: Work, seconds: float) -> None:
        self._mind(dataset).slow = under_way(step, seconds)
        self._said(self._state([dataset]))

    async def _send(self, dataset: DatasetID, step: Send) -> Outcome:
        """Bring the target up to date, and remember what it has confirmed."""
        peer = peer_of(self._slice.get(dataset), step.target)
        if peer is None:
            return TryAgain(no_peer(step.target))
        seen = await self._pool.threads.run(look_at, self._pool.api, dataset)
        here, mind = self._here(dataset, seen), self._mind(dataset)
        shipment = ship(here, seen.copy, step, mind.following)
        if shipment is None:
            return Done()  # what is to be sent now, the next round says
        started = self._clock.seconds()
        try:
            got = await self._rig.carrier.carry(
                self._pool,
                peer,
                shipment,
                lambda progress: self._progressed(dataset, progress),
                lambda cancel: self._begun(dataset, cancel),
            )
        except AgentUnreachable as error:
            cause = Cause("agent-unreachable", str(error), SEE_TO_IT)
            return TryAgain(cause, jittered(STARTING, self._chance))
        except NotTaken as error:
            wait = SOON if error.soon else None
            return TryAgain(Cause("target-refused", str(error)), wait)
        finally:
            progress, mind.progress, mind.cancel = mind.progress, None, None
            mind.shown = None
        if got != step.head:
            words = f"node {step.target} has {got}, and {step.head} was sent"
            return TryAgain(Cause("target-differs", words))
        size = 0 if progress is None else progress.done
        seconds = self._clock.seconds() - started
        mind.following = followed(mind, step, size, seconds)
        mind.followed_at = self._clock.seconds()
        mind.confirmation = Confirmation(step.move, step.target, got)
        return Done()

    def _begun(self, dataset: DatasetID, cancel: Cancel) -> None:
        self._mind(dataset).cancel = cancel
        self._stop_sending(dataset)

    def _stop_sending(self, dataset: DatasetID) -> None:
        """End a stream for a move that is no more."""
        mind, step = self._mind(dataset), self._running.doing(dataset)
        if mind.cancel is None or not isinstance(step, Send):
            return
        if not goes_on(self._slice.get(dataset), step.move):
            mind.cancel("the move is over")

    def _progressed(self, dataset: DatasetID, progress: Progress) -> None:
        mind, now = self._mind(dataset), self._clock.seconds()
        mind.progress = progress
        if now - mind.shown_at >= TOLD_EVERY:
            mind.shown, mind.shown_at = progress, now
            self._said(self._state([dataset]))

    def _mind(self, dataset: DatasetID) -> Mind:
        return self._minds.setdefault(dataset, Mind())

    # Facts

    def _fact(self, dataset: DatasetID) -> Fact | None:
        """Say what is known of it, if there is something to say."""
        seen, mind = self._seen.get(dataset), self._mind(dataset)
        doing = self._running.doing(dataset)
        if not wanted_at_all(self._slice.get(dataset), seen) and doing is None:
            return None
        phase = None if doing is None else doing.phase
        noted = Noted(
            Phase.COPYING if dataset in self._visits else phase,
            mind.slow or self._running.trouble(dataset) or self._hidden or mind.waits,
            mind.following,
            mind.shown,
            self._snapshots(dataset),
            mind.heard,
            mind.under,
            dataset in self._watch.dead,
            mind.skipped,
        )
        here = self._here(dataset, seen or PoolSeen().of(dataset))
        place = str(self._rig.place(dataset))
        return fact(dataset, here, seen, self._pool.name, place, noted)
