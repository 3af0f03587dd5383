"""Nodes with pools in memory, for tests of control: real rules, no agents.

What a node does is decided by the real guards (`flocker.dataset_agent`), on the values
of `flocker.testing.ownership`. It is told what control would send to it, and says what
an agent would. Nothing happens but in `settle`.
"""

from collections.abc import Callable, Iterable

from attrs import evolve
from twisted.internet.interfaces import IReactorTime

from flocker.control.operations import Operations
from flocker.control.slices import assignment
from flocker.dataset_agent import pool_peers, pool_transitions
from flocker.dataset_agent.pool_rollbacks import is_missing, under_way
from flocker.dataset_agent.pool_states import Confirmation, Question
from flocker.dataset_agent.pool_steps import (
    Answer,
    Mount,
    Reason,
    Repeat,
    Save,
    Unmount,
)
from flocker.model.cluster import (
    AgentIdentity,
    Assignment,
    BackendReport,
    Cause,
    Condition,
    Fact,
    Want,
)
from flocker.model.datasets import DEFAULT_BACKEND, Mounting
from flocker.model.ids import DatasetID, NodeID, SnapshotID
from flocker.model.pools import (
    Buried,
    Copying,
    Move,
    Record,
    Stage,
)
from flocker.model.snapshots import kept_as
from flocker.testing.builders import an_identity, node_id
from flocker.testing.ownership.history import history_of, lineage_of
from flocker.testing.ownership.world import Machine, distinct, perform, with_marks

PORT = 4525
SIZE = 2**30
"""Bytes that each dataset may have."""
_TURNS = 200
"""More than anything that is told leads to."""


class Unsettled(AssertionError):
    """Control and nodes do not come to rest."""


class MemoryPoolNodes:
    """Nodes by their number; each has one pool, the backend ``default``.

    A source says that it has `sent` so many bytes, that it is `ready` when its target
    has all there is, and that the last step will take `downtime` seconds. Nodes that
    are `away` do and say nothing. Those that are `stuck` can roll nothing back, and say
    why. `names` gives their ids.
    """

    def __init__(
        self,
        operations: Operations,
        clock: IReactorTime,
        names: Callable[[int], NodeID] = node_id,
    ) -> None:
        self.ready = True
        self.downtime: float | None = 0.2
        self.sent = SIZE // 4
        self.away: set[NodeID] = set()
        self.causes: dict[NodeID, Cause] = {}
        self.stuck: dict[NodeID, Cause] = {}
        self.asides: dict[NodeID, tuple[str, ...]] = {}
        self.machines: dict[tuple[NodeID, DatasetID], Machine] = {}
        self.served: list[tuple[NodeID, ...]] = []
        """Who has had datasets mounted, one after the other."""
        self._operations = operations
        self._clock = clock
        self._names = names
        self._nodes: list[NodeID] = []

    def connect(self, *numbers: int, driver: str = "memory") -> None:
        """Let the agents of nodes connect."""
        for number in numbers:
            node = self._names(number)
            if node not in self._nodes:
                self._nodes.append(node)
            self.away.discard(node)
            report = BackendReport(DEFAULT_BACKEND, driver, "pool", port=PORT)
            self._connected(evolve(an_identity(number), node=node, backends=(report,)))

    def _connected(self, identity: AgentIdentity) -> None:
        observations = self._operations.observations
        touched = observations.connected(identity, self._clock.seconds())
        self._operations.heard_of(touched, (identity.node,))

    def disconnect(self, number: int) -> None:
        """A node is not heard any more; what is mounted there stays so."""
        node = self._names(number)
        self.away.add(node)
        observations = self._operations.observations
        touched = observations.disconnected(node, self._clock.seconds())
        self._operations.heard_of(touched, (node,))

    def serves(self, number: int, dataset: DatasetID) -> bool:
        """Whether a node has it mounted."""
        found = self.machines.get((self._names(number), dataset))
        return found is not None and found.mounted

    def write(self, number: int, dataset: DatasetID, what: int) -> None:
        """Write something to a dataset that is mounted."""
        node = self._names(number)
        found = self.machines[node, dataset]
        if not found.mounted or found.disk is None:
            raise AssertionError(f"not mounted on node {number}")
        disk = evolve(found.disk, data=found.disk.data | 1 << what)
        self.machines[node, dataset] = evolve(found, disk=disk)

    def lose_snapshots(self, number: int, dataset: DatasetID) -> None:
        """Somebody destroys the snapshots of a dataset in the pool itself."""
        node = self._names(number)
        found = self.machines[node, dataset]
        if found.disk is not None:
            disk = evolve(found.disk, marks=frozenset())
            self.machines[node, dataset] = evolve(found, disk=disk)

    def told(self, node: NodeID, dataset: DatasetID) -> Assignment | None:
        """Give what control would tell a node of a dataset."""
        operations = self._operations
        observed = operations.observations.facts(dataset).get(node)
        said = None if observed is None else observed.fact
        return assignment(operations.configuration, node, dataset, (), said=said)

    def speak(self, number: int) -> None:
        """A node says what it has, and does nothing."""
        node = self._names(number)
        for dataset in [found for n, found in self.machines if n == node]:
            told = self.told(node, dataset)
            if told is not None:
                self._say(node, told)

    def settle(self) -> None:
        """Let everybody act and say so until nothing changes any more."""
        for _ in range(_TURNS):
            if sum(self._turn(node) for node in self._nodes) == 0:
                return
        raise Unsettled

    def _turn(self, node: NodeID) -> bool:
        """Let a node do what it may, and say what it then has; tell if it was news."""
        if node in self.away:
            return False
        known = {dataset for _, dataset in self.machines}
        known.update(self._operations.configuration.datasets)
        return sum(self._about(node, dataset) for dataset in sorted(known)) > 0

    def _about(self, node: NodeID, dataset: DatasetID) -> bool:
        told = self.told(node, dataset)
        before = self.machines.get((node, dataset))
        if told is None or told.pool is None:
            return False
        machine = before or Machine(Record(dataset))
        self._put(node, evolve(machine, told=told.pool, wanted=told.snapshots))
        acted = self._act(node, told)
        self._keep(node, told)
        return self._say(node, told) or acted

    def _keep(self, node: NodeID, told: Assignment) -> None:
        """Take and destroy what users want, as agents do; see `pool_snapshots`."""
        machine = self.machines[node, told.id]
        disk = machine.disk
        if told.snapshots is None or disk is None:
            return
        for each in distinct(told.snapshots):
            there = {name for name, _ in disk.marks}
            if kept_as(told.id, each.id) is not None and each.deleted is None:
                continue  # that is taken by R2
            if each.deleted is not None:
                left = {mark for mark in disk.marks if mark[0] != each.in_pool}
                disk = evolve(disk, marks=frozenset(left))
            elif each.taken is None and machine.mounted and each.in_pool not in there:
                disk = disk.marked(each.in_pool)
        self._put(node, evolve(machine, disk=disk))

    def _put(self, node: NodeID, machine: Machine) -> None:
        dataset = machine.record.dataset
        self.machines[node, dataset] = machine
        serving = tuple(n for (n, d), m in self.machines.items() if m.mounted)
        if len({d for (n, d), m in self.machines.items() if m.mounted}) < len(serving):
            raise AssertionError(f"mounted twice: {serving}")
        if not self.served or self.served[-1] != serving:
            self.served.append(serving)

    def _act(self, node: NodeID, told: Assignment) -> bool:
        acted = False
        while (after := self._acted(node, told)) is not None:
            self._put(node, after)
            acted = True
        return self._exchange(node, told.id) or acted

    def _acted(self, node: NodeID, told: Assignment) -> Machine | None:
        machine = self.machines[node, told.id]
        here = machine.here(node)
        steps = [rule(here) for rule in pool_transitions.RULES]
        if _is_idle(node, told):
            steps = [step for step in steps if not isinstance(step, Mount)]
            if machine.mounted:
                steps.append(Unmount(Reason.FROZEN))
        step = next((each for each in steps if each is not None), None)
        if isinstance(step, Save | Repeat) and node in self.stuck:
            return None
        return None if step is None else perform(machine, step)

    def _exchange(self, node: NodeID, dataset: DatasetID) -> bool:
        """Send to the target of a move what it lacks, and ask what it has."""
        mine = self.machines[node, dataset]
        move = pool_transitions.move_asked(mine.here(node))
        if move is None or move.target in self.away:
            return False
        theirs = self.machines.get((move.target, dataset))
        if theirs is None:
            return False
        head = None if mine.disk is None else mine.disk.head
        offer = pool_peers.offer(mine.here(node), lineage_of(head))
        sent = False
        while offer is not None:
            steps = pool_peers.receive(theirs.here(move.target), offer)
            if not isinstance(steps, tuple):
                break
            for step in steps:
                theirs = perform(theirs, step)
            theirs = with_marks(theirs, mine)
            sent = True
        self._put(move.target, theirs)
        return self._ask(node, move, mine, theirs) or sent

    def _ask(self, node: NodeID, move: Move, mine: Machine, theirs: Machine) -> bool:
        if move.stage is not Stage.FREEZING:
            return False
        question = Question(node, mine.record.epoch)
        steps = pool_peers.confirm(theirs.here(move.target), question)
        if not isinstance(steps, tuple):
            return False
        for step in steps:
            theirs = perform(theirs, step)
            if isinstance(step, Answer):
                said = Confirmation(move.number, move.target, step.snapshot)
                mine = evolve(mine, confirmation=said)
        before = self.machines[node, mine.record.dataset]
        self._put(move.target, theirs)
        self._put(node, mine)
        return mine != before

    def _say(self, node: NodeID, told: Assignment) -> bool:
        found = self._fact(node, told)
        observations = self._operations.observations
        touched = observations.edit(node, [(found, 0.0)], [], self._clock.seconds())
        self._operations.heard_of(touched)
        return bool(touched)

    def says(self, node: NodeID, dataset: DatasetID) -> Fact:
        """Give what a node would say of a copy of which it was told nothing."""
        return self._fact(node, Assignment(dataset, None))

    def _fact(self, node: NodeID, told: Assignment) -> Fact:
        machine = self.machines[node, told.id]
        condition = Condition.DETACHED
        if machine.disk is None:
            condition = Condition.MISSING
        elif machine.mounted:
            condition = Condition.MOUNTED
        owner = told.pool is not None and told.pool.owner == node
        want = Want.MOUNTED if owner else Want.AWAY
        if isinstance(machine.record.standing, Buried):
            want = Want.DELETED
        copy = evolve(
            machine.fact,
            copying=self._copying(node, machine),
            asides=self.asides.get(node, ()),
            snapshots=tuple(sorted(lineage_of(machine.fact.head), key=history_of)),
        )
        return Fact(
            told.id,
            want,
            condition,
            backend=DEFAULT_BACKEND,
            size=SIZE,
            path=f"/flocker/{told.id}" if machine.mounted else None,
            cause=self._cause(node, machine),
            pool=copy,
        )

    def _cause(self, node: NodeID, machine: Machine) -> Cause | None:
        here = machine.here(node)
        stuck = self.stuck.get(node)
        if stuck is not None and (under_way(here) or is_missing(here)):
            return stuck
        return self.causes.get(node)

    def _copying(self, node: NodeID, machine: Machine) -> Copying | None:
        move = pool_transitions.move_asked(machine.here(node))
        if move is None or move.stage is not Stage.COPYING:
            return None
        theirs = self.machines.get((move.target, machine.record.dataset))
        head = None if machine.disk is None else machine.disk.head
        follows = theirs is not None and self._head(theirs) == head
        ready = self.ready and follows
        return Copying(
            move.number,
            done=self.sent,
            total=SIZE,
            rate=2.0**20,
            ready=ready,
            downtime=self.downtime if ready else None,
        )

    def _head(self, machine: Machine) -> SnapshotID | None:
        return None if machine.disk is None else machine.disk.head

    def holders(self, dataset: DatasetID) -> Iterable[NodeID]:
        """The nodes that have a copy."""
        return [
            node
            for (node, found), machine in sorted(self.machines.items())
            if found == dataset and machine.disk is not None
        ]


def _is_idle(node: NodeID, told: Assignment) -> bool:
    """Whether a node leaves unmounted what it owns, because nobody uses it there."""
    if told.dataset is None or told.dataset.mount is not Mounting.ON_USE:
        return False
    return told.lease is None or told.lease.node != node
