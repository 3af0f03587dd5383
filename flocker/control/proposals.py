"""What is decided and not yet durable: changes are stored in groups.

`flocker.control.operations` decides on what is *proposed* and shows what is
*committed*. While one group is being stored others gather for the next: many who come
at once share the cost of a commit, and one who comes alone does not wait.

Note [Resting on]: whoever decided, be it that nothing is to change or that it is
refused, has looked at what is proposed, and is answered only when all of that is
durable. A group that fails takes with it whatever was decided on it; then the proposed
is what is committed again.
"""

from collections.abc import Callable, Sequence
from contextvars import Context, copy_context

from attrs import define, field, frozen
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from flocker.control.persistence.interface import (
    IConfigurationStore,
    RevisionConflict,
)
from flocker.model.changes import Change, apply, between
from flocker.model.configuration import Configuration
from flocker.runtime import logging
from flocker.runtime.crash_points import crash_point

COMMITTED = crash_point("committed")

Follow = Callable[[Change, Configuration], None]
"""Takes in a change that is durable, and the configuration that it led to."""


@frozen
class _Proposal:
    """A change, what it leads to, and the logged task of whoever wants it."""

    change: Change
    after: Configuration
    context: Context


@define(eq=False)
class _Group:
    proposals: list[_Proposal] = field(factory=list)
    waiting: list[Deferred[None]] = field(factory=list)

    def end(self) -> Deferred[None]:
        """Fire when it is durable, or fail with what the store raised."""
        ended: Deferred[None] = Deferred()
        self.waiting.append(ended)
        return ended

    @property
    def changes(self) -> Sequence[Change]:
        return [proposal.change for proposal in self.proposals]


class Proposals:
    """The configuration as it is committed, and as it is proposed.

    `follow` is called for each change once it is durable, in their order.
    """

    def __init__(
        self, store: IConfigurationStore, configuration: Configuration, follow: Follow
    ) -> None:
        self.committed = configuration
        self.proposed = configuration
        self._store = store
        self._follow = follow
        self._gathering: _Group | None = None
        self._under_way: _Group | None = None
        self._storing = False

    async def add(self, change: Change) -> Configuration:
        """Propose a change; give what it led to when it is durable.

        Raises `RevisionConflict` when somebody else has written: decide again, on what
        is proposed then. Raises `StoreUnavailable`; then nothing has changed.
        """
        after = apply(change, self.proposed)
        if self._gathering is None:
            self._gathering = _Group()
        group = self._gathering
        group.proposals.append(_Proposal(change, after, copy_context()))
        ended = group.end()
        self.proposed = after
        self._begin()
        await ended
        return after

    async def settled(self) -> None:
        """Return when all that is proposed now is durable. Raises as `add`."""
        group = self._gathering or self._under_way
        if group is not None:
            await group.end()

    async def look_again(self) -> Change:
        """Take in what is stored though its commit failed; give what that changes.

        Raises as `IConfigurationStore.check` and `load` do. While a group is being
        stored there is nothing to do: it will find out.
        """
        if self._storing:
            return Change()
        self._storing = True
        try:
            await self._store.check()
            found = await self._store.load()
            known = self.committed.revision
            change = between(self.committed, found)
            if found.revision != known:
                self._become(change, found)
                self._fail(_Group(), RevisionConflict(known, found.revision))
        finally:
            self._storing = False
            self._begin()
        return change

    def _begin(self) -> None:
        if self._gathering is not None and not self._storing:
            self._storing = True
            _ = Deferred.fromCoroutine(self._store_groups())

    async def _store_groups(self) -> None:
        """Store group after group, until none has gathered."""
        try:
            while self._gathering is not None:
                group, self._gathering = self._gathering, None
                self._under_way = group
                try:
                    await self._store.commit(group.changes, self.committed.revision)
                    COMMITTED()
                except RevisionConflict as conflict:
                    await self._catch_up(group, conflict)
                except Exception as error:  # noqa: BLE001  (who waits must hear of it)
                    self._fail(group, error)
                else:
                    self._succeed(group)
        finally:
            self._storing = False

    def _succeed(self, group: _Group) -> None:
        self._under_way = None
        for proposal in group.proposals:
            proposal.context.run(self._become, proposal.change, proposal.after)
        for waiting in group.waiting:
            waiting.callback(None)

    def _fail(self, group: _Group, error: Exception) -> None:
        """Drop all that is proposed: what gathers was decided on what has failed."""
        gathered, self._gathering = self._gathering, None
        self._under_way = None
        self.proposed = self.committed
        for lost in (group, gathered):
            for waiting in [] if lost is None else lost.waiting:
                waiting.errback(Failure(error))

    async def _catch_up(self, group: _Group, conflict: RevisionConflict) -> None:
        """Take in what others wrote, or we did when it seemed to have failed."""
        try:
            found = await self._store.load()
        except Exception as error:  # noqa: BLE001  (who waits must hear of it)
            self._fail(group, error)
            return
        if found.revision != self.committed.revision:
            self._become(between(self.committed, found), found)
        self._fail(group, conflict)

    def _become(self, change: Change, after: Configuration) -> None:
        """Take in what is durable; whoever hears of it cannot undo that."""
        self.committed = after
        try:
            self._follow(change, after)
        except Exception:  # noqa: BLE001  (those who wait must hear of theirs)
            logging.failure("flocker:control:announce:fault", Failure())
