"""A real Docker keeps the promise of a container engine, as the fake does."""

from collections.abc import Coroutine, Iterator
from threading import Thread
from typing import Any, TypeVar

import pytest
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import blockingCallFromThread

from flocker.docker_engine.client import engine_at
from flocker.docker_engine.interface import IDockerEngine, Volume
from flocker.sandbox.blueprint import ENGINE
from flocker.sandbox.engines import engine_socket
from flocker.testing.conformance.engines import DockerEngineConformance
from tests.acceptance.engines import FOREVER, ONE, Engines, engines_of

T = TypeVar("T")


@pytest.fixture(scope="module")
def _engines() -> Iterator[Engines]:
    """A node with Docker, and a reactor that runs until this process ends."""
    if not reactor.running:
        turning = {"installSignalHandlers": False}
        Thread(target=reactor.run, kwargs=turning, daemon=True).start()
    with engines_of(1) as made:
        made.load("busybox", ONE)
        yield made


class TestDocker(DockerEngineConformance):
    """Docker, asked over its own socket."""

    @pytest.fixture(autouse=True)
    def _docker(self, _engines: Engines) -> None:
        self.engines = _engines
        socket = engine_socket(_engines.cluster.sandbox.layout, ONE)
        self.asked = engine_at(socket, reactor)

    def engine(self) -> IDockerEngine:
        return self.asked

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        found: T = blockingCallFromThread(reactor, Deferred.fromCoroutine, work)
        return found

    def create(self, name: str, volume: Volume | None = None) -> str:
        mounted = [] if volume is None else ["--volume", f"{volume.name}:/data"]
        made = ("create", "--name", name, *mounted, "busybox", *FOREVER)
        return self.engines.cluster.docker(ONE, *made)

    def start(self, container: str) -> None:
        self.engines.cluster.docker(ONE, "start", container)

    def stop(self, container: str) -> None:
        self.engines.cluster.docker(ONE, "stop", container)

    def remove(self, container: str) -> None:
        self.engines.cluster.docker(ONE, "rm", container)

    def kill(self) -> None:
        self.engines.cluster.kill_program(ONE, ENGINE)
