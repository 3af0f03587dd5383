"""The agents that are connected, and what each has been told.

Each is sent the edits of its slice as soon as it is idle, one update in flight; what
changes meanwhile is merged. Reports become observations; what they imply, upkeep does.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol
from uuid import UUID

from attrs import Factory, define
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from flocker.control.operations import Operations
from flocker.control.slices import (
    assignment,
    dead_holder,
    is_in_pool,
    touched_by,
    wanted_where,
)
from flocker.model.changes import Change, NodeEdit
from flocker.model.cluster import AgentIdentity, Assignment, Fact, Volume
from flocker.model.configuration import Configuration
from flocker.model.errors import FlockerError
from flocker.model.forecasts import FirstRound, Forecast
from flocker.model.ids import BackendName, DatasetID, InstanceID, NodeID
from flocker.model.nodes import find_instance
from flocker.runtime import logging
from flocker.runtime.crash_points import crash_point
from flocker.wire.protocol import Report, Slice

BEFORE_TELLING = crash_point("before telling")
TOLD = crash_point("told")
HEARD = crash_point("heard")


class Clock(Protocol):
    """Control's steady clock."""

    def seconds(self) -> float:
        """Seconds since the epoch, never stepped."""


class ConnectionGone(Exception):
    """The connection ended before the agent answered."""


class AgentConnection(Protocol):
    """How an agent is reached; `flocker.control.agent_protocol` is one over AMP."""

    identity: AgentIdentity

    async def update(self, boot: UUID, number: int, what: Slice) -> bool:
        """Send a slice; tell whether it was applied (else the agent wants all).

        Raises `ConnectionGone`, `FlockerError`.
        """

    async def volumes(self, backend: BackendName) -> tuple[Volume, ...]:
        """Ask for all volumes of a backend.

        Raises `ConnectionGone`, and `FlockerError` with the agent's reason.
        """

    async def forecast(self, question: FirstRound) -> Forecast | None:
        """Ask how much a move would send; None if its pool cannot say.

        Raises `ConnectionGone`, and `FlockerError` with the agent's reason.
        """

    async def lives(self) -> bool:
        """Ask for a sign of life; False when none comes soon."""

    def abort(self, why: str) -> None:
        """End the connection."""

    def peer_host(self) -> str:
        """Say where it comes from."""


@define
class Told:
    """What one agent has been told, and what it is still to be told.

    `number` is that of the last update that it applied. One that has just connected
    is `waiting` for an update, be it empty: only then may it act.
    """

    number: int = 0
    knows_all: bool = False
    dirty: set[DatasetID] = Factory(set)
    told: set[DatasetID] = Factory(set)
    connection: AgentConnection | None = None
    sending: bool = False
    waiting: bool = False


class Agents:
    """Everyone who keeps a node in shape, seen from control.

    Note [Still acting]: a node from which a dataset was taken may be in the middle of
    a step for it. Until it has confirmed the update that says so (and reported what it
    does), it counts among the holders, so that its successor waits. A node that is
    not connected cannot be waited for; there the backend's attachment decides. Of
    datasets in pools nobody waits so: the records on the nodes know better.

    Note [Told to let go]: a dataset that was taken for another node, and given back
    before the first has confirmed either, is still mounted by its last words, and may
    be unmounted this moment. It counts as mounted again when the node has confirmed
    all that it was told; also where the connection was lost between.

    Note [Witnesses]: what a silent node leases nobody else is told of, so that no
    agent finds out what the backend says of that node's machine. Whoever is refused a
    lease because of it makes its own node a witness: its agent is told of the dataset
    until the lease ends or its node is back, does nothing but look where the volume
    is, and looks anew each time somebody is refused.

    Note [Standing down]: a node that comes back in a life that was marked dead is told
    one thing, to let go of everything. When it confirms, upkeep takes the mark off, and
    it is told all that is wanted of it.
    """

    def __init__(self, operations: Operations, boot: UUID, clock: Clock) -> None:
        self.boot = boot
        self._operations = operations
        self._observations = operations.observations
        self._clock = clock
        self._told: dict[NodeID, Told] = {}
        self._witnesses: dict[DatasetID, set[NodeID]] = {}
        operations.listen(self)

    def connection_of(self, node: NodeID) -> AgentConnection | None:
        """The live connection of the node's dataset agent, if there is one."""
        told = self._told.get(node)
        return None if told is None else told.connection

    def look(self, node: NodeID, dataset: DatasetID) -> None:
        """Let a node say where the volume is of which it was refused a lease.

        Only if a silent node has that; see Note [Witnesses].
        """
        lease = self._operations.configuration.leases.get(dataset)
        if lease is None or self.connection_of(node) is None:
            return
        if lease.node != node and self.connection_of(lease.node) is None:
            self._witnesses.setdefault(dataset, set()).add(node)
            self._of(node).dirty.add(dataset)
            self._tell(node)

    def _dismiss(self, datasets: Iterable[DatasetID]) -> None:
        """Tell the witnesses that they need not look any more."""
        for dataset in datasets:
            for node in self._witnesses.pop(dataset, ()):
                self._of(node).dirty.add(dataset)
                self._tell(node)

    def connected(self, connection: AgentConnection, boot: str, number: int) -> None:
        """An agent was accepted; (`boot`, `number`) is the slice it says it has."""
        node = connection.identity.node
        told = self._of(node)
        # An update that was under way may be lost, and what it told is not noted.
        told.knows_all = (
            told.knows_all
            and not told.sending
            and (boot, number) == (str(self.boot), told.number)
        )
        told.connection = connection
        told.sending = False
        told.waiting = True
        with self._telling_of_holders(self._observations.reported_by(node)):
            touched = self._observations.connected(connection.identity, self._now())
        self._operations.heard_of(touched, (node,))
        leases = self._operations.configuration.leases
        self._dismiss(
            [d for d in self._witnesses if d in leases and leases[d].node == node]
        )
        self._tell(node)

    def disconnected(self, connection: AgentConnection) -> None:
        """A connection is gone; one that was replaced before does not matter."""
        node = connection.identity.node
        if self.connection_of(node) is not connection:
            return
        self._told[node].connection = None
        acting = self._observations.unconfirmed(node)
        with self._telling_of_holders(
            acting.union(self._observations.reported_by(node))
        ):
            touched = self._observations.disconnected(node, self._now())
            self._observations.acts_no_more(node, acting)
        self._operations.heard_of(touched | acting, (node,))

    def reported(self, connection: AgentConnection, report: Report) -> None:
        """An agent has said what it sees; words of an old connection are void."""
        node = connection.identity.node
        if self.connection_of(node) is not connection:
            return
        facts = [(aged.fact, aged.age) for aged in report.changed]
        now = self._now()
        said_of = {fact.dataset for fact, _ in facts}.union(report.gone)
        if report.full:
            said_of.update(self._observations.reported_by(node))
        with self._telling_of_holders(said_of), self._telling_of_dead(node, said_of):
            if report.full:
                touched = self._observations.replace(node, facts, now)
            else:
                touched = self._observations.edit(node, facts, report.gone, now)
        self._tell_of_graves(node, touched)
        self.heard(connection)
        self._operations.heard_of(touched)
        HEARD()
        self._doubt([aged.fact for aged in report.changed if aged.fact.off])

    def _tell_of_graves(self, node: NodeID, datasets: Iterable[DatasetID]) -> None:
        """Tell a node of copies that it has though their dataset is no more.

        And that it may forget them, when they are gone.
        """
        configuration, told = self._operations.configuration, self._of(node)
        for dataset in datasets:
            row = configuration.pools.get(dataset)
            if row is None or not row.deleted:
                continue
            if (self._assignment(node, dataset) is None) == (dataset in told.told):
                told.dirty.add(dataset)
                self._tell(node)

    def _doubt(self, facts: Iterable[Fact]) -> None:
        """Ask nodes for a sign of life of which a backend says that they are off.

        Otherwise a machine without power would count as connected for some time.
        """
        nodes = self._operations.configuration.nodes
        for fact in facts:
            if fact.backend is None or fact.instance is None:
                continue
            node = find_instance(nodes, fact.backend, fact.instance)
            connection = None if node is None else self.connection_of(node.id)
            if connection is not None:
                _ = Deferred.fromCoroutine(self._ask_for_life(connection))

    async def _ask_for_life(self, connection: AgentConnection) -> None:
        if not await connection.lives():
            connection.abort("its backend says that it is off, and it does not answer")
            self.disconnected(connection)

    def heard(self, connection: AgentConnection) -> None:
        """An agent has shown that it lives."""
        self._observations.heard(connection.identity.node, self._now())

    def changed(self, change: Change, configuration: Configuration) -> None:
        """Tell whom a committed change concerns (`operations.Listener`)."""
        touched = tuple(touched_by(change, configuration, self._observations.held_by))
        for node, dataset in touched:
            told = self._of(node)
            told.dirty.add(dataset)
            wanted = wanted_where(configuration, dataset)
            taken = not is_in_pool(configuration, dataset) and wanted != node
            if taken and dataset in told.told and told.connection is not None:
                others = wanted is not None
                self._observations.may_act(node, dataset, lets_go=others)
        known = [edit for edit in change.nodes if edit.marks or edit.before is None]
        for edit in known:
            self._marked(edit)
        for node in {node for node, _ in touched}:
            self._tell(node)
        self._dismiss(set(self._witnesses).difference(configuration.leases))
        if known:
            for node, fact in tuple(self._observations.elsewhere()):
                self._of(node).dirty.add(fact.dataset)
                self._tell(node)

    def _marked(self, edit: NodeEdit) -> None:
        """A node is to stand down, or need not any more: it is told all anew."""
        told = self._of(edit.node)
        if edit.before is None or told.connection is None:
            return
        told.knows_all = False
        if told.sending:
            told.connection.abort("it was marked dead, or is so no more")
        else:
            self._tell(edit.node)

    def _stands_down(self, node: NodeID) -> bool:
        """Say whether the connected node is marked dead in the life it is in."""
        found = self._operations.configuration.nodes.get(node)
        sight = self._observations.sight(node)
        mark = None if found is None else found.dead
        return mark is not None and sight is not None and mark.era == sight.identity.era

    @contextmanager
    def _telling_of_dead(
        self, node: NodeID, datasets: Iterable[DatasetID]
    ) -> Iterator[None]:
        """Tell a node what it may take from the dead, as it has just found out."""
        before = {dataset: self._dead(node, dataset) for dataset in datasets}
        yield
        found = {d for d, dead in before.items() if self._dead(node, d) != dead}
        if found:
            self._of(node).dirty |= found
            self._tell(node)

    def _dead(self, node: NodeID, dataset: DatasetID) -> tuple[InstanceID, ...]:
        observed = self._observations.facts(dataset).get(node)
        fact = None if observed is None else observed.fact
        return dead_holder(self._operations.configuration.nodes, node, fact)

    @contextmanager
    def _telling_of_holders(self, datasets: Iterable[DatasetID]) -> Iterator[None]:
        """Tell those to whom it matters whose holders became others meanwhile."""
        configuration = self._operations.configuration
        before = {
            dataset: set(self._observations.held_by(dataset))
            for dataset in datasets
            if not is_in_pool(configuration, dataset)
        }
        yield
        for dataset, held in before.items():
            holds = set(self._observations.held_by(dataset))
            wanted = wanted_where(self._operations.configuration, dataset)
            concerned = held | holds if held != holds else set()
            if wanted is not None and held - {wanted} != holds - {wanted}:
                concerned.add(wanted)
            elif wanted is not None:
                concerned.discard(wanted)
            for node in concerned:
                self._of(node).dirty.add(dataset)
                self._tell(node)

    def _of(self, node: NodeID) -> Told:
        return self._told.setdefault(node, Told())

    def _now(self) -> float:
        return self._clock.seconds()

    def _tell(self, node: NodeID) -> None:
        told = self._of(node)
        if told.connection is None or told.sending:
            return
        if told.knows_all and self._stands_down(node):
            told.dirty.clear()
        if not _due(told):
            return
        told.sending = True
        _ = Deferred.fromCoroutine(self._send(node, told, told.connection))

    async def _send(
        self, node: NodeID, told: Told, connection: AgentConnection
    ) -> None:
        while told.connection is connection and _due(told):
            what = self._next(node, told)
            applied = await self._update(node, told.number + 1, what, connection)
            if told.connection is not connection:
                return
            told.knows_all = bool(applied)
            if applied is None:
                break
            if applied:
                self._acknowledged(node, told, what)
        told.sending = False

    async def _update(
        self, node: NodeID, number: int, what: Slice, connection: AgentConnection
    ) -> bool | None:
        """Send a slice; None when the connection is over, or is ended for it."""
        BEFORE_TELLING()
        try:
            with logging.action(
                "flocker:control:tell",
                node=str(node),
                full=what.full,
                changed=[str(each.id) for each in what.changed],
                gone=[str(each) for each in what.gone],
            ):
                applied = await connection.update(self.boot, number, what)
                TOLD()
        except ConnectionGone:
            return None
        except FlockerError as error:
            connection.abort(f"the agent could not take its slice: {error}")
            return None
        except Exception:  # noqa: BLE001  (a fault of ours must not leave it untold)
            logging.failure("flocker:control:tell:fault", Failure())
            connection.abort("its slice could not be sent")
            return None
        if what.full and not applied:
            connection.abort("the agent does not take all that there is for it")
            return None
        return applied

    def _next(self, node: NodeID, told: Told) -> Slice:
        """Take what is to be told; after this it counts as under way."""
        if self._stands_down(node):
            told.dirty.clear()
            told.told = set()
            return Slice(full=True, stand_down=True)
        full = not told.knows_all
        ids = set(told.dirty)
        if full:
            ids.update(
                self._operations.placement.on(node),
                self._observations.reported_by(node),
            )
        told.dirty.clear()
        found = [self._assignment(node, dataset) for dataset in sorted(ids, key=str)]
        changed = tuple(each for each in found if each is not None)
        kept = {each.id for each in changed}
        gone = set() if full else (ids - kept) & told.told
        told.told = kept if full else (told.told | kept) - gone
        return Slice(full, changed, tuple(sorted(gone, key=str)))

    def _assignment(self, node: NodeID, dataset: DatasetID) -> Assignment | None:
        observed = self._observations.facts(dataset).get(node)
        looks = (node,) if node in self._witnesses.get(dataset, ()) else ()
        return assignment(
            self._operations.configuration,
            node,
            dataset,
            (*self._observations.held_by(dataset), *looks),
            self._dead(node, dataset),
            None if observed is None else observed.fact,
        )

    def _acknowledged(self, node: NodeID, told: Told, what: Slice) -> None:
        told.waiting = False
        told.number += 1
        if what.stand_down:
            self._observations.stood_down(node)
        settled = {each.id for each in what.changed}.union(what.gone)
        if what.full:
            settled = self._observations.unconfirmed(node)
        settled -= told.dirty
        settled &= self._observations.unconfirmed(node)
        with self._telling_of_holders(settled):
            self._observations.confirmed(node, settled)
        self._operations.heard_of(settled, (node,) if what.stand_down else ())


def _due(told: Told) -> bool:
    """Say whether there is anything to tell."""
    return bool(told.dirty) or told.waiting or not told.knows_all
