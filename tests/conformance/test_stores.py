"""The stores of the configuration, the real one and the fake, keep the promise."""

from collections.abc import Callable
from pathlib import Path
from queue import Queue

import pytest
from twisted.internet.defer import Deferred

from flocker.control.persistence.interface import (
    IConfigurationStore,
    StoreUnavailable,
)
from flocker.control.persistence.opening import open_store
from flocker.testing.conformance.stores import (
    ConfigurationStoreConformance,
    a_creation,
)
from flocker.testing.fakes.stores import MemoryStore

PATIENCE = 30.0
"""Seconds until an answer of the writer's thread is missed."""


class TestMemoryStore(ConfigurationStoreConformance):
    """The fake."""

    def make(self) -> IConfigurationStore:
        return MemoryStore()

    def reopen(self, store: IConfigurationStore) -> IConfigurationStore:
        return store


class Turns:
    """The one thing of a reactor that a store needs, turned by hand."""

    def __init__(self) -> None:
        self._calls: Queue[Callable[[], object]] = Queue()

    def callFromThread(self, function, *args, **kwargs) -> None:
        self._calls.put(lambda: function(*args, **kwargs))

    def take(self) -> None:
        self._calls.get(timeout=PATIENCE)()


class TestSQLiteStore(ConfigurationStoreConformance):
    """The real one, with its thread and its file."""

    @pytest.fixture(autouse=True)
    def _directories(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        self._new_directory = lambda: tmp_path_factory.mktemp("data")
        self._turns = Turns()

    def pump(self) -> None:
        self._turns.take()

    def make(self) -> IConfigurationStore:
        self._directory: Path = self._new_directory()
        return open_store(self._directory, self._turns)

    def reopen(self, store: IConfigurationStore) -> IConfigurationStore:
        self.complete(store.close())
        return open_store(self._directory, self._turns)

    def test_closed_store_answers(self) -> None:
        """Who comes too late is refused and does not wait for ever."""
        store = self.make()
        last = Deferred.fromCoroutine(store.commit([a_creation(1)], 0))
        self.complete(store.close())
        self.complete(last)
        with pytest.raises(StoreUnavailable) as caught:
            self.complete(store.commit([a_creation(2)], 1))
        assert "it is closed" in str(caught.value)
        self.complete(store.close())
