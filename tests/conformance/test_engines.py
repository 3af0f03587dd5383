"""The container engine in memory keeps the promise; Docker does in tests/acceptance."""

from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from flocker.docker_engine.interface import IDockerEngine, Volume
from flocker.testing.conformance.engines import DockerEngineConformance
from flocker.testing.fakes.memory_engine import MemoryEngine

T = TypeVar("T")


class TestMemoryEngine(DockerEngineConformance):
    """The fake."""

    @pytest.fixture(autouse=True)
    def _memory(self) -> None:
        self.memory = MemoryEngine()

    def engine(self) -> IDockerEngine:
        return self.memory

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        done: list[T | Failure] = []
        task: Deferred[T] = Deferred.fromCoroutine(work)
        _ = task.addBoth(done.append)
        (result,) = done
        if isinstance(result, Failure):
            result.raiseException()
        return result

    def create(self, name: str, volume: Volume | None = None) -> str:
        return self.memory.create(name, *[each for each in (volume,) if each])

    def start(self, container: str) -> None:
        self.memory.start(container)

    def stop(self, container: str) -> None:
        self.memory.stop(container)

    def remove(self, container: str) -> None:
        self.memory.remove(container)

    def kill(self) -> None:
        self.memory.killed()
