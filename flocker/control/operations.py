"""The one writer: decide, commit with the expected revision, apply, announce.

Doors and upkeep bring a pure function `configuration -> Change`. One decides at a time,
on what the one before it proposed; those that come together are stored together
(`flocker.control.proposals`). When a commit meets somebody else's write the same
function decides again.
"""

from collections.abc import Callable, Iterable
from typing import Protocol

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from flocker.control.deadlines import Deadlines
from flocker.control.leases import leased_to
from flocker.control.observations import Observations
from flocker.control.persistence.interface import (
    IConfigurationStore,
    RevisionConflict,
    StoreUnavailable,
)
from flocker.control.pool_rows import bound_for
from flocker.control.proposals import Proposals
from flocker.control.slices import Placement
from flocker.control.upkeep import RETENTION, Times, due, upkeep
from flocker.model.changes import Change
from flocker.model.configuration import Configuration
from flocker.model.errors import FlockerError
from flocker.model.ids import DatasetID, NodeID
from flocker.runtime import logging, metrics
from flocker.runtime.crash_points import crash_point

DECIDED = crash_point("decided")

Decide = Callable[[Configuration], Change]

ATTEMPTS = 10
"""How often a decision is taken again when others write between."""

LONGEST_ALARM = 3600.0
"""Seconds after which deadlines are looked at again, however far the first is."""

UPKEEP_RETRY = 1.0
"""Seconds until upkeep tries again what the store refused."""

DOUBT = 1.0
"""Seconds until the store is asked what became of a commit that failed, and again."""


class Listener(Protocol):
    """Whoever must know of each change: the agents' side, the event stream."""

    def changed(self, change: Change, configuration: Configuration) -> None:
        """`change` was committed and led to `configuration`."""


@frozen
class TooContended(FlockerError):
    """Others wrote between every decision and its commit."""

    attempts: int

    def words(self) -> str:
        """Give the number of attempts."""
        return f"others changed the configuration {self.attempts} times meanwhile"


@frozen
class Timing:
    """What time it is (control's steady clock), and what depends on it, in seconds."""

    now: Callable[[], float]
    retention: float = RETENTION


class Operations:
    """The wanted configuration of the cluster, and the only way to change it.

    Note [Failed and durable]: a commit may be on the disk though its end was an error.
    Nobody is told of it then; so the store is read again as soon as it works.
    """

    def __init__(
        self,
        store: IConfigurationStore,
        configuration: Configuration,
        observations: Observations,
        clock: IReactorTime,
        timing: Timing,
    ) -> None:
        self.observations = observations
        self.placement = Placement(configuration)
        self.upkeep_trouble: FlockerError | None = None
        """Why the last thing upkeep wanted could not be stored, until it is."""
        self._store = store
        self._clock = clock
        self._listeners: list[Listener] = []
        self._proposals = Proposals(store, configuration, self._follow)
        self._heard_of: set[DatasetID] = set()
        self._heard_of_nodes: set[NodeID] = set()
        self._keeping_up = False
        self._timing = timing
        self._started = timing.now()
        self._deadlines = Deadlines()
        self._doubt: IDelayedCall | None = None
        self._alarm: IDelayedCall | None = None
        self._alarm_for: float | None = None
        for leased in configuration.leases:
            self._note_deadline(leased)
        for dataset in configuration.datasets.itervalues():
            if dataset.destroyed:  # without a lease nothing else has a deadline
                self._note_deadline(dataset.id)
        for row in configuration.pools.itervalues():
            if row.move is not None:  # but a move
                self._note_deadline(row.dataset)
        self.observations.recall(configuration.nodes.values())
        self._set_alarm()

    @property
    def configuration(self) -> Configuration:
        """What is wanted, as it is durable."""
        return self._proposals.committed

    def stop(self) -> None:
        """Ask for no more upkeep."""
        self._be_sure()
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def listen(self, listener: Listener) -> None:
        """Tell `listener` of every change from now on, in order."""
        self._listeners.append(listener)

    async def change(self, decide: Decide) -> Configuration:
        """Carry out what `decide` wants; give the configuration it led to.

        It is durable when this returns. Raises what `decide` raises, and
        `StoreUnavailable`, `TooContended`; then nothing has changed.
        """
        for _ in range(ATTEMPTS):
            try:
                change, configuration = await self._attempt(decide)
            except RevisionConflict:
                continue
            if change:
                self.heard_of(self._concerned(change))
            return configuration
        raise TooContended(ATTEMPTS)

    async def check_store(self) -> None:
        """Raises `StoreUnavailable`, `StoreUnreadable` if nothing can be stored now."""
        await self._store.check()

    def heard_of(
        self, datasets: Iterable[DatasetID], nodes: Iterable[NodeID] = ()
    ) -> None:
        """Facts about datasets, or nodes, are others: let upkeep look at them, soon."""
        self._heard_of.update(datasets)
        self._heard_of_nodes.update(nodes)
        if (self._heard_of or self._heard_of_nodes) and not self._keeping_up:
            self._keeping_up = True
            _ = Deferred.fromCoroutine(self._keep_up())

    async def _keep_up(self) -> None:
        try:
            while self._heard_of or self._heard_of_nodes:
                heard_of = tuple(self._heard_of)
                nodes = tuple(self._heard_of_nodes)
                self._heard_of.clear()
                self._heard_of_nodes.clear()
                await self._upkeep(heard_of, nodes)
        finally:
            self._keeping_up = False

    async def _upkeep(
        self, heard_of: tuple[DatasetID, ...], nodes: tuple[NodeID, ...]
    ) -> None:
        seen = self.configuration
        found = [self._ask_upkeep(seen, heard_of, nodes)]
        if not found[0]:
            self.upkeep_trouble = None
            return

        def decide(configuration: Configuration) -> Change:
            # The first time nothing has happened since: it would find the same.
            first = found.pop() if found else None
            if first is not None and configuration is seen:
                return first
            return self._ask_upkeep(configuration, heard_of, nodes)

        try:
            _ = await self.change(decide)
            self.upkeep_trouble = None
        except FlockerError as error:
            self.upkeep_trouble = error
            logging.message("flocker:control:upkeep-failed", why=str(error))
            _ = self._clock.callLater(UPKEEP_RETRY, self.heard_of, heard_of, nodes)

    def _ask_upkeep(
        self,
        configuration: Configuration,
        heard_of: tuple[DatasetID, ...],
        nodes: tuple[NodeID, ...],
    ) -> Change:
        times = self._times()
        return upkeep(configuration, self.observations, heard_of, times, nodes)

    def _concerned(self, change: Change) -> set[DatasetID]:
        """Give the datasets that upkeep must look at after a change."""
        found = set(change.datasets)
        for edit in change.nodes:
            if edit.marks or edit.reborn:
                found.update(
                    self.placement.on(edit.node),
                    self.observations.reported_by(edit.node),
                    leased_to(self.configuration, edit.node),
                )
            if edit.welcomes or edit.after is None:
                found.update(self.placement.on(edit.node))
                found.update(bound_for(self.configuration, edit.node))
        return found

    async def _attempt(self, decide: Decide) -> tuple[Change, Configuration]:
        """Decide, and give the change with what it led to when all is durable.

        Raises `RevisionConflict`: decide again.
        """
        before = self._proposals.proposed
        try:
            change = decide(before)
        except FlockerError:
            await self._proposals.settled()
            raise
        if not change:
            await self._proposals.settled()
            return change, before
        with logging.action(
            "flocker:control:commit",
            revision=before.revision + 1,
            datasets=[str(dataset) for dataset in change.datasets],
            nodes=[str(edit.node) for edit in change.nodes],
        ):
            DECIDED()
            try:
                with metrics.commit():
                    return change, await self._proposals.add(change)
            except StoreUnavailable:
                self._doubt_it()
                raise

    def _doubt_it(self) -> None:
        """Look soon what became of a commit; see Note [Failed and durable]."""
        if self._doubt is None:
            self._doubt = self._clock.callLater(DOUBT, self._look_again)

    def _be_sure(self) -> None:
        """The store was read, or took a commit: what it has is known."""
        if self._doubt is not None:
            self._doubt.cancel()
            self._doubt = None

    def _look_again(self) -> None:
        self._doubt = None
        _ = Deferred.fromCoroutine(self._read_again())

    async def _read_again(self) -> None:
        try:
            change = await self._proposals.look_again()
        except FlockerError:
            self._doubt_it()  # who asks for anything is told what is wrong
            return
        self.heard_of(self._concerned(change))

    def _follow(self, change: Change, after: Configuration) -> None:
        self._be_sure()
        self.placement.follow(change, after)
        for dataset in change.datasets:
            self._note_deadline(dataset)
        for edit in change.nodes:
            if edit.after is None:
                self.observations.forget(edit.node)
        self._set_alarm()
        for listener in self._listeners:
            listener.changed(change, after)

    def _times(self) -> Times:
        return Times(self._timing.now(), self._started, self._timing.retention)

    def _note_deadline(self, dataset: DatasetID) -> None:
        self._deadlines.set(dataset, due(self.configuration, dataset, self._times()))

    def _set_alarm(self) -> None:
        """See to it that upkeep runs when the first deadline is over."""
        first = self._deadlines.next()
        if self._alarm is not None and first == self._alarm_for:
            return
        self._alarm_for = first
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if first is not None:
            wait = min(max(0.0, first - self._timing.now()), LONGEST_ALARM)
            self._alarm = self._clock.callLater(wait, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self.heard_of(self._deadlines.pop(self._timing.now()))
        self._set_alarm()
