"""Control, and nodes with pools that follow the real rules."""

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from flocker.control import leases, nodes
from flocker.control.datasets import (
    NewDataset,
    Wishes,
    cancel_move,
    change,
    create,
    delete,
)
from flocker.control.observations import Observations
from flocker.control.operations import Decide, Operations, Timing
from flocker.control.pool_wishes import ANY_TERMS, Terms
from flocker.model.configuration import Configuration
from flocker.model.datasets import Mounting
from flocker.model.leases import Holder
from flocker.model.nodes import Evidence
from flocker.model.pools import PoolOwnership
from flocker.testing.builders import dataset_id, node_id
from flocker.testing.fakes.memory_pool_nodes import MemoryPoolNodes
from flocker.testing.fakes.stores import MemoryStore

DATASET = dataset_id()
A, B, C = (node_id(number) for number in (1, 2, 3))
NOW = 1000.0


class Cluster:
    """Control, and three nodes with pools; `asks` raises what refuses a change."""

    def __init__(
        self, configuration: Configuration | None = None, clock: Clock | None = None
    ) -> None:
        self.clock = clock or Clock()
        if clock is None:
            self.clock.advance(NOW)
        self.observations = Observations()
        store = MemoryStore()
        store.stored = configuration or store.stored
        self.operations = Operations(
            store,
            store.stored,
            self.observations,
            self.clock,
            Timing(self.clock.seconds),
        )
        self.nodes = MemoryPoolNodes(self.operations, self.clock)
        self.nodes.connect(1, 2, 3)

    def asks(self, decide: Decide) -> None:
        results: list[object] = []
        Deferred.fromCoroutine(self.operations.change(decide)).addBoth(results.append)
        (result,) = results
        if isinstance(result, Failure):
            result.raiseException()
        assert isinstance(result, Configuration), result

    def creates(self, on: int = 1, mount: Mounting = Mounting.ALWAYS) -> None:
        new = NewDataset(DATASET, node_id(on), mount=mount)
        self.asks(lambda found: create(found, new, NOW))
        self.nodes.settle()

    def wants(self, on: int, terms: Terms = ANY_TERMS) -> None:
        wishes = Wishes(node_id(on), terms=terms)
        self.asks(lambda found: change(found, DATASET, wishes, NOW))

    def moves(self, to: int, terms: Terms = ANY_TERMS) -> None:
        self.wants(to, terms)
        self.nodes.settle()

    def leases(self, on: int, name: str = "user") -> None:
        holder = Holder(name)
        self.asks(lambda found: leases.acquire(found, DATASET, node_id(on), holder))
        self.nodes.settle()

    def ends_lease(self) -> None:
        self.asks(lambda found: leases.release(found, DATASET))
        self.nodes.settle()

    def cancels(self) -> None:
        self.asks(lambda found: cancel_move(found, DATASET, NOW))
        self.nodes.settle()

    def deletes(self) -> None:
        self.asks(lambda found: delete(found, DATASET, NOW))
        self.nodes.settle()

    def passes(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.nodes.settle()

    def marks_dead(self, number: int) -> None:
        mark = Evidence.OPERATOR, "alice", "it is off"
        sight = self.observations.sight
        self.asks(
            lambda found: nodes.declare_dead(found, sight, node_id(number), mark, NOW)
        )
        self.nodes.settle()

    @property
    def row(self) -> PoolOwnership:
        return self.operations.configuration.pools[DATASET]

    @property
    def primary(self) -> object:
        return self.operations.configuration.datasets[DATASET].primary

    def is_served(self, on: int) -> bool:
        """Whether it is where it is wanted, on record and for real."""
        row = self.row
        at_rest = row.owner == node_id(on) and row.acquired and row.move is None
        return at_rest and self.nodes.serves(on, DATASET) and self.primary == row.owner
