"""What `IDockerEngine` promises, for the fake and for Docker itself.

Who runs it makes an engine without containers, and lets containers run in it.
"""

from abc import ABC, abstractmethod
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest

from flocker.docker_engine.interface import (
    Container,
    EngineUnreachable,
    IDockerEngine,
    IHappenings,
    State,
    Volume,
)

T = TypeVar("T")

LETTERS = Volume("letters", "local")


class DockerEngineConformance(ABC):
    """The suite; every test begins with an engine without containers."""

    @abstractmethod
    def engine(self) -> IDockerEngine:
        """Give the engine."""

    @abstractmethod
    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do work to its end."""

    @abstractmethod
    def create(self, name: str, volume: Volume | None = None) -> str:
        """Create a container, with a volume; its id."""

    @abstractmethod
    def start(self, container: str) -> None:
        """Let a container run."""

    @abstractmethod
    def stop(self, container: str) -> None:
        """End what runs in a container."""

    @abstractmethod
    def remove(self, container: str) -> None:
        """Remove a container that does not run."""

    @abstractmethod
    def kill(self) -> None:
        """Kill the engine; tests that do so are its last."""

    def only(self, volume: str | None = None) -> Container:
        """Give the one container that there is."""
        (found,) = self.run(self._containers(volume))
        return found

    async def _containers(self, volume: str | None = None) -> tuple[Container, ...]:
        return await self.engine().containers(volume)

    async def _happenings(self) -> IHappenings:
        return await self.engine().happenings()

    def _hears(self, heard: IHappenings, what: str, container: str) -> None:
        """Wait until something happened to a container."""

        async def listen() -> None:
            while True:
                found = await heard.next()
                if (found.what, found.container) == (what, container):
                    return

        self.run(listen())

    def test_no_containers(self) -> None:
        """Where there are no containers there are none."""
        assert self.run(self._containers()) == ()

    def test_life_of_a_container(self) -> None:
        """A container is listed in each state of its life, until it is removed."""
        made = self.create("web", LETTERS)
        found = self.only()
        assert (found.id, found.name, found.state) == (made, "web", State.CREATED)
        assert not found.uses
        self.start(made)
        assert (self.only().state, self.only().uses) == (State.RUNNING, True)
        self.stop(made)
        assert (self.only().state, self.only().uses) == (State.EXITED, False)
        self.remove(made)
        assert self.run(self._containers()) == ()

    def test_volumes(self) -> None:
        """A container has its volumes, and is found by them."""
        made = self.create("web", LETTERS)
        assert self.only("letters").volumes == {LETTERS}
        assert self.run(self._containers("other")) == ()
        other = self.create("plain")
        assert self.only("letters").id == made
        assert {each.id for each in self.run(self._containers())} == {made, other}
        self.remove(made)
        self.remove(other)

    def test_happenings(self) -> None:
        """What happens to a container is heard, in order, from the question on."""
        made = self.create("web")
        heard = self.run(self._happenings())
        self.start(made)
        self.stop(made)
        self.remove(made)
        for what in ("start", "die", "destroy"):
            self._hears(heard, what, made)
        heard.close()

    def test_killed(self) -> None:
        """When the engine is killed its events end, and questions fail."""
        heard = self.run(self._happenings())
        self.kill()

        async def next_one() -> object:
            return await heard.next()

        with pytest.raises(EngineUnreachable):
            self.run(next_one())
        with pytest.raises(EngineUnreachable):
            self.run(self._containers())
