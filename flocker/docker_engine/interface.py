"""What is asked of a container engine of this node, and how it can fail.

`flocker.docker_engine.client` asks Docker, or Podman's socket that speaks as Docker's.
"""

from collections.abc import Awaitable
from enum import Enum

from attrs import frozen
from zope.interface import Interface

from flocker.model.errors import FlockerError


@frozen
class EngineUnreachable(FlockerError):
    """No engine answers at its socket."""

    socket: str
    why: str

    def words(self) -> str:
        """Name the socket and the cause."""
        return f"no container engine answers at {self.socket}: {self.why}"


@frozen
class EngineRefused(FlockerError):
    """The engine answered what it should not."""

    asked: str
    status: int
    said: str

    def words(self) -> str:
        """Name the question and the answer."""
        said = f"{self.status}: {self.said}"
        return f"the container engine answered {self.asked} with {said}"


class State(Enum):
    """In which state a container is: the Engine API's words."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    REMOVING = "removing"
    EXITED = "exited"
    DEAD = "dead"
    OTHER = "other"
    """One that this version does not know."""


USING = frozenset({State.RUNNING, State.PAUSED, State.RESTARTING, State.OTHER})
"""The states in which a container may use its volumes; of an unknown one it may."""


@frozen
class Volume:
    """A volume of a container, by its name, and whose it is."""

    name: str
    driver: str


@frozen
class Container:
    """A container and the volumes that it has."""

    id: str
    name: str
    state: State
    volumes: frozenset[Volume] = frozenset()

    @property
    def uses(self) -> bool:
        """Whether it may be using its volumes now."""
        return self.state in USING

    def of(self, driver: str) -> frozenset[str]:
        """Give the names of its volumes that are a driver's."""
        return frozenset(each.name for each in self.volumes if each.driver == driver)


@frozen
class Happened:
    """Something happened to a container: ``start``, ``die``, ``destroy`` and others."""

    what: str
    container: str


class IHappenings(Interface):
    """What happens from now on, in order, for one reader."""

    def next() -> Awaitable[Happened]:
        """Wait for the next event; raises `EngineUnreachable` when they end."""

    def close() -> None:
        """End it; nothing more may be asked of it."""


class IDockerEngine(Interface):
    """A container engine. Every method raises `EngineUnreachable`, `EngineRefused`."""

    def containers(volume: str | None = None) -> Awaitable[tuple[Container, ...]]:
        """Give all containers, or those that have a volume; those that stopped too."""

    def happenings() -> Awaitable[IHappenings]:
        """Begin to hear what happens to containers."""
