"""What a node does when another brings it a snapshot: the target's side of a *visit*.

A visit is all that one connection brings. Meanwhile the dataset is the visit's: no
step of the node's own is taken about it. Synchronous, in one of the pool's threads;
the guards are those of `flocker.dataset_agent.pool_peers`.
"""

from collections.abc import Callable
from functools import partial
from typing import Final, ParamSpec, TypeVar

from attrs import evolve, frozen

from flocker.backends.pool_interface import Announced, IIncoming
from flocker.backends.pool_resuming import CannotResume, IResumingPool, Unfinished
from flocker.dataset_agent.pool_looking import Seen, look_at
from flocker.dataset_agent.pool_peers import Denial, Steps, confirm, receive
from flocker.dataset_agent.pool_performing import write
from flocker.dataset_agent.pool_rig import Pool
from flocker.dataset_agent.pool_states import Here, Offer, Question
from flocker.dataset_agent.pool_steps import (
    Answer,
    Follow,
    Promise,
    SetAside,
    Sync,
    TakeStream,
)
from flocker.dataset_agent.transfer.hosting import Welcome
from flocker.model.errors import FlockerError
from flocker.model.ids import DatasetID, NodeID, SnapshotID
from flocker.runtime.crash_points import crash_point
from flocker.wire import pool_records

P = ParamSpec("P")
T = TypeVar("T")

TURNS: Final = 4
"""How often what stands here is looked at: each time something was made ready."""

WORDS = {
    Denial.NOT_TOLD: "control has not told this node that it is to come",
    Denial.OUTDATED: "the sender's epoch is over",
    Denial.TAKEN: "this node has a copy that may be in use",
    Denial.UNRECORDED: "this node has a copy that nothing is on record of",
    Denial.NOTHING_NEW: "this node has it already",
    Denial.NO_COPY: "this node has no copy of it that is whole",
}

CAME = crash_point("snapshot came")
CONFIRMED = crash_point("snapshot confirmed")


@frozen
class Denied(FlockerError):
    """This node does not do what another one asks about a dataset."""

    dataset: DatasetID
    why: str

    def words(self) -> str:
        """Give the reason."""
        return f"dataset {self.dataset} is not taken: {self.why}"


@frozen
class NotYet(Denied):
    """This node cannot take it at this moment."""


@frozen
class Taking:
    """A dataset that is brought here; `here` says what is decided from."""

    pool: Pool
    node: NodeID
    dataset: DatasetID
    here: Callable[[Seen], Here]

    def prepare(self, offer: Offer) -> SnapshotID | None:
        """Make ready for a stream; give what it is to continue.

        Raises `Denied`.
        """
        for _ in range(TURNS):
            answer = receive(self._here(), offer)
            if answer is Denial.NOTHING_NEW:
                return offer.snapshot
            for step in self._allowed(answer):
                if isinstance(step, TakeStream):
                    return step.since
                self._write(step)
        raise Denied(self.dataset, "it could not be made ready")

    def unfinished(self, offer: Offer, since: SnapshotID | None) -> Unfinished | None:
        """Give what there is of a stream that was cut, if the rest may be offered."""
        api = self.pool.api
        if not IResumingPool.providedBy(api):
            return None
        there: Unfinished | None = api.unfinished(self.dataset)
        if there is None or there.base != since:
            return None
        return there if there.identity in offer.lineage else None

    def admit(
        self, offer: Offer, announced: Announced, *, rest: bool = False
    ) -> Welcome:
        """Begin to take one stream of those offered, or the rest of it.

        Raises `Denied`, and `CannotResume` where there is nothing that the rest is of.
        """
        if announced.identity not in offer.lineage:
            raise Denied(self.dataset, "another snapshot was offered")
        answer = receive(self._here(), evolve(offer, snapshot=announced.identity))
        for step in self._allowed(answer):
            if not isinstance(step, TakeStream):
                self._write(step)
            elif step.since == announced.base:
                record = pool_records.encode(self._here().record)
                return Welcome(self._receive(announced, rest=rest), record)
        raise Denied(self.dataset, f"{announced.base} is not what stands here")

    def _receive(self, announced: Announced, *, rest: bool) -> IIncoming:
        api = self.pool.api
        if not rest:
            return api.receive(self.dataset, announced)
        if not IResumingPool.providedBy(api):
            raise CannotResume(self.dataset, "this pool keeps no beginnings")
        return api.receive_rest(self.dataset, announced)

    def confirm(self, question: Question) -> SnapshotID:
        """Say what is on the disk, which is a promise that it stays there.

        What was received is on the disk since it is in its place: pools promise that.
        Raises `Denied`.
        """
        CAME()
        for step in self._allowed(confirm(self._here(), question)):
            match step:
                case Answer(snapshot):
                    CONFIRMED()
                    return snapshot
                case Sync():
                    pass
                case _:
                    self._write(step)
        raise Denied(self.dataset, WORDS[Denial.NO_COPY])

    def _here(self) -> Here:
        now = look_at(self.pool.api, self.dataset)
        if now.unreadable is not None:
            raise Denied(self.dataset, f"its record here: {now.unreadable}")
        return self.here(now)

    def _allowed(self, answer: Steps | Denial) -> Steps:
        if isinstance(answer, Denial):
            kind = NotYet if answer is Denial.NOT_TOLD else Denied
            raise kind(self.dataset, WORDS[answer])
        return answer

    def _write(self, step: object) -> None:
        if not isinstance(step, Follow | SetAside | Promise):
            raise TypeError(step)
        write(self.pool, self.dataset, step, self.node)


class Visit:
    """One visit, as the transfer sees it; `since` is what the streams are to continue.

    `unfinished` is what there is of the first of them.

    It must be `ended`, whatever happens.
    """

    def __init__(self, taking: Taking, offer: Offer, left: Callable[[], None]) -> None:
        self.since: SnapshotID | None = None
        self.unfinished: Unfinished | None = None
        self._taking = taking
        self._offer = offer
        self._left: Callable[[], None] | None = left

    async def prepare(self) -> None:
        """Make ready; if that fails the visit is over. Raises `Denied`, pool errors."""
        try:
            since = await self._run(self._taking.prepare, self._offer)
            there = await self._run(self._taking.unfinished, self._offer, since)
            self.since, self.unfinished = since, there
        except BaseException:
            self.ended()
            raise

    async def admit(self, announced: Announced, *, rest: bool = False) -> Welcome:
        """Let one of the offered snapshots come. Raises `Denied`, pool errors."""
        admit = partial(self._taking.admit, rest=rest)
        return await self._run(admit, self._offer, announced)

    async def confirm(self) -> SnapshotID:
        """Say what is on the disk. Raises `Denied`, pool errors."""
        question = Question(self._offer.source, self._offer.epoch)
        return await self._run(self._taking.confirm, question)

    def ended(self) -> None:
        """Give the dataset back to the node; again is fine."""
        left, self._left = self._left, None
        if left is not None:
            left()

    async def _run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._taking.pool.threads.run(call, *args, **kwargs)
