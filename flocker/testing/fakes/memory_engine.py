"""A container engine in memory: containers that a test lets run and stop.

It passes `flocker.testing.conformance.engines`, as Docker does.
"""

from collections import deque

from attrs import evolve
from twisted.internet.defer import Deferred
from zope.interface import implementer

from flocker.docker_engine.interface import (
    Container,
    EngineUnreachable,
    Happened,
    IDockerEngine,
    IHappenings,
    State,
    Volume,
)

WHERE = "/run/memory.sock"


@implementer(IDockerEngine)
class MemoryEngine:
    """An engine; it may be not `reachable`."""

    def __init__(self) -> None:
        self.reachable = True
        self._containers: dict[str, Container] = {}
        self._readers: list[_Happenings] = []
        self._made = 0

    # --- what a test lets happen

    def create(self, name: str, *volumes: Volume) -> str:
        """Create a container; its id."""
        self._made += 1
        found = Container(f"{self._made:064x}", name, State.CREATED, frozenset(volumes))
        self._containers[found.id] = found
        self._happened("create", found.id)
        return found.id

    def start(self, container: str) -> None:
        """A container runs."""
        self._become(container, State.RUNNING)
        self._happened("start", container)

    def stop(self, container: str) -> None:
        """A container has ended."""
        self._become(container, State.EXITED)
        self._happened("die", container)

    def remove(self, container: str) -> None:
        """A container that does not run is no more."""
        del self._containers[container]
        self._happened("destroy", container)

    def killed(self) -> None:
        """The engine is gone, and says nothing more."""
        self.reachable = False
        readers, self._readers = self._readers, []
        for reader in readers:
            reader.end()

    # --- what is asked of it

    async def containers(self, volume: str | None = None) -> tuple[Container, ...]:
        """Give all containers, or those that have a volume."""
        self._demand()
        return tuple(
            each
            for each in self._containers.values()
            if volume is None or volume in {found.name for found in each.volumes}
        )

    async def happenings(self) -> IHappenings:
        """Begin to hear what happens."""
        self._demand()
        reader = _Happenings()
        self._readers.append(reader)
        return reader

    def _become(self, container: str, state: State) -> None:
        self._containers[container] = evolve(self._containers[container], state=state)

    def _happened(self, what: str, container: str) -> None:
        for reader in self._readers:
            reader.add(Happened(what, container))

    def _demand(self) -> None:
        if not self.reachable:
            raise EngineUnreachable(WHERE, "connection refused")


@implementer(IHappenings)
class _Happenings:
    """What one reader has not read yet."""

    def __init__(self) -> None:
        self._events: deque[Happened] = deque()
        self._ended = False
        self._waiting: Deferred[None] | None = None

    def add(self, event: Happened) -> None:
        """Something has happened."""
        self._events.append(event)
        self._wake()

    def end(self) -> None:
        """Nothing more comes."""
        self._ended = True
        self._wake()

    async def next(self) -> Happened:
        """Wait for the next event."""
        while not self._events:
            if self._ended:
                raise EngineUnreachable(WHERE, "its events ended")
            self._waiting = Deferred()
            await self._waiting
        return self._events.popleft()

    def close(self) -> None:
        """End it."""
        self.end()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.called:
            waiting.callback(None)
