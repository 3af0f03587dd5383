"""Operations over a store that a test lets go on, or fail, and what it asks of them."""

from collections.abc import Callable

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface import implementer

from flocker.control.datasets import NewDataset, Wishes, change, create
from flocker.control.observations import Observations
from flocker.control.operations import Operations, Timing
from flocker.control.persistence.interface import IConfigurationStore, StoreUnavailable
from flocker.model.changes import Change
from flocker.model.configuration import Configuration
from flocker.model.ids import DatasetID
from flocker.testing.builders import an_identity, dataset_id, node_id
from flocker.testing.fakes.stores import MemoryStore

BROKEN = StoreUnavailable("in memory", "disk full")
Decision = Callable[[Configuration], Change]


@implementer(IConfigurationStore)
class SlowStore(MemoryStore):
    """A store whose commits wait until a test lets them go on."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[Deferred[None]] = []

    async def commit(self, changes, expected_revision: int) -> None:
        gate: Deferred[None] = Deferred()
        self.waiting.append(gate)
        await gate
        await super().commit(changes, expected_revision)

    def go_on(self) -> None:
        """Let the oldest commit that waits be carried out."""
        self.waiting.pop(0).callback(None)

    def forget(self) -> None:
        """Let it fail, and nothing be stored."""
        self.waiting.pop(0).errback(Failure(BROKEN))


@implementer(IConfigurationStore)
class ForgetfulStore(MemoryStore):
    """A store that says of a commit that it failed when it did not."""

    lies = False

    async def commit(self, changes, expected_revision: int) -> None:
        await super().commit(changes, expected_revision)
        if self.lies:
            self.lies = False
            raise BROKEN


@frozen
class Heard:
    """Notes what it is told of."""

    told: list[tuple[Change, int]]

    def changed(self, change: Change, configuration: Configuration) -> None:
        self.told.append((change, configuration.revision))


class Setup:
    """Operations over a store, a clock, and a listener."""

    def __init__(self, store: MemoryStore) -> None:
        self.store, self.clock = store, Clock()
        self.observations = Observations()
        self.operations = Operations(
            store,
            store.stored,
            self.observations,
            self.clock,
            Timing(self.clock.seconds),
        )
        self.heard = Heard([])
        self.operations.listen(self.heard)

    def change(self, decide: Decision) -> list[object]:
        """Ask for a change; its result or error comes into the list."""
        results: list[object] = []
        Deferred.fromCoroutine(self.operations.change(decide)).addBoth(results.append)
        return results

    def say(self, *facts) -> None:
        """Node 1 reports facts, and upkeep hears of them."""
        self.observations.connected(an_identity(), 0.0)
        said = [(fact, 0.0) for fact in facts]
        self.operations.heard_of(self.observations.replace(node_id(), said, 0.0))


def creating(number: int) -> Decision:
    """The wish for dataset `number`."""
    new = NewDataset(dataset_id(number), node_id())
    return lambda configuration: create(configuration, new, 1000.0)


def moving(number: int, to: int) -> Decision:
    """The wish to have dataset `number` on node `to`."""
    wishes = Wishes(node_id(to))
    return lambda configuration: change(
        configuration, dataset_id(number), wishes, 1000.0
    )


def ids(configuration: object) -> set[DatasetID]:
    """The datasets of a configuration."""
    assert isinstance(configuration, Configuration), configuration
    return set(configuration.datasets)


def error(results: list[object]) -> BaseException:
    """What was raised."""
    (failure,) = results
    assert isinstance(failure, Failure), failure
    return failure.value
