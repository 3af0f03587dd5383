"""Ends what Docker has forgotten, and holds what it uses, by what the engine says.

Looked at when the engine begins to answer, when a container has stopped, and when a
mount has had its time to be used. While the engine does not answer everything stays.
"""

from collections.abc import Awaitable, Callable, Iterable

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from flocker.client.ringing import Bell
from flocker.docker_engine.interface import (
    Container,
    EngineRefused,
    EngineUnreachable,
    IDockerEngine,
)
from flocker.docker_plugin.holders import Held
from flocker.docker_plugin.holding import Holding
from flocker.docker_plugin.patience import pauses
from flocker.docker_plugin.using import (
    SETTLE,
    gone,
    next_look,
    starting,
    unheld,
    unused,
)
from flocker.model.errors import FlockerError
from flocker.model.ids import DatasetID
from flocker.runtime.logging import message

LOOK_ANYWAY = SETTLE
"""Seconds between two looks while nothing happens."""
AFTER = 1.0
"""Seconds that Docker has to unmount what a container that stopped has used."""
NAME_WITHIN = 1.0
"""Seconds that a Mount waits to learn for which container it is."""
ENDS = frozenset({"die", "destroy"})
"""What happens to a container that stops."""

Adopt = Callable[[str, Container], Awaitable[None]]
"""Holds a volume for a container that uses it."""
InUse = Callable[[DatasetID], Awaitable[bool]]
"""Says whether the kernel shows a dataset mounted elsewhere than at its mount point."""

NoAnswer = (EngineUnreachable, EngineRefused)


class Reconciling:
    """Keeps the mounts of this node what its engine uses."""

    def __init__(
        self,
        engine: IDockerEngine,
        driver: str,
        clock: IReactorTime,
        holding: Holding,
        adopt: Adopt,
        in_use: InUse,
    ) -> None:
        self._engine = engine
        self._driver = driver
        self._clock = clock
        self._holding = holding
        self._adopt = adopt
        self._in_use = in_use
        self._bell = Bell(clock)
        self._tasks: list[Deferred[None]] = []

    def start(self) -> None:
        """Begin; the mounts of an earlier plugin must be known."""
        for work in (self._listen, self._look_always):
            self._tasks.append(Deferred.fromCoroutine(_until_cancelled(work())))

    def stop(self) -> None:
        """End nothing more."""
        for task in self._tasks:
            task.cancel()

    def look_soon(self) -> None:
        """Something may have been forgotten."""
        self._bell.ring()

    async def who(self, volume: str) -> str | None:
        """Name the container for which a volume is mounted, if the engine tells."""
        asked = Deferred.fromCoroutine(self._containers(volume))
        try:
            return starting(await asked.addTimeout(NAME_WITHIN, self._clock))
        except Exception as error:  # noqa: BLE001 - a name is not worth a mount
            message("flocker:docker-plugin:container-unknown", why=str(error))
            return None

    async def _containers(self, volume: str) -> tuple[Container, ...]:
        return await self._engine.containers(volume)

    async def _listen(self) -> None:
        pause = pauses()
        while True:
            try:
                happening = await self._engine.happenings()
                pause = pauses()
                await self._take_up()
                self._bell.ring()
                try:
                    while True:
                        if (await happening.next()).what in ENDS:
                            self._bell.ring()
                finally:
                    happening.close()
            except NoAnswer as error:
                message("flocker:docker-plugin:no-engine", why=str(error))
            await deferLater(self._clock, pause())

    async def _look_always(self) -> None:
        while True:
            wait = next_look(self._holding.since, self._clock.seconds())
            if await self._bell.rings_within(LOOK_ANYWAY if wait is None else wait):
                await deferLater(self._clock, AFTER)
            try:
                await self._look()
            except NoAnswer as error:
                message("flocker:docker-plugin:no-engine", why=str(error))

    async def _take_up(self) -> None:
        """Hold what containers use and nothing holds."""
        containers = await self._engine.containers()
        found = unheld(self._holding.since, containers, self._driver)
        for volume, container in sorted(found.items()):
            try:
                await self._adopt(volume, container)
            except FlockerError as error:
                message(
                    "flocker:docker-plugin:used-and-not-held",
                    volume=volume,
                    container=container.name,
                    why=str(error),
                )

    async def _look(self) -> None:
        """End the mounts that nobody uses."""
        if not self._holding.since:
            return
        containers = await self._engine.containers()
        now, since = self._clock.seconds(), self._holding.since
        for held in _in_order(unused(since, containers, self._driver, now)):
            if not await self._in_use(held.dataset):
                await self._end(held)
        for held in _in_order(gone(since, containers, self._driver, now)):
            await self._end(held)

    async def _end(self, held: Held) -> None:
        message(
            "flocker:docker-plugin:mount-forgotten",
            volume=held.name,
            holder=held.mount.holder,
        )
        await self._holding.end(held)


def _in_order(found: Iterable[Held]) -> Iterable[Held]:
    return sorted(found, key=lambda each: each.mount.holder)


async def _until_cancelled(work: Awaitable[None]) -> None:
    try:
        await work
    except CancelledError:
        return
