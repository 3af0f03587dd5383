"""Brings a volume to this node for a container, or says why it does not come.

The lease comes first: from then on no other node can have the volume, and a volume
that another one uses is refused. A mount that fails gives its lease back.
"""

from collections.abc import Callable
from pathlib import Path

from attrs import frozen
from twisted.internet.interfaces import IReactorTime

from flocker.client.interface import IFlockerClient, RequestRefused
from flocker.client.ringing import Bell, Bells
from flocker.docker_plugin.holders import Held, Here
from flocker.docker_plugin.holding import Holding
from flocker.docker_plugin.patience import patiently
from flocker.docker_plugin.refusals import CONFLICT, in_use
from flocker.docker_plugin.volumes import (
    MountedHere,
    Move,
    Refused,
    Waiting,
    decide,
    with_host,
)
from flocker.model.errors import FlockerError
from flocker.model.ids import DatasetID
from flocker.wire.answers import DatasetInFull

LOOK_AGAIN = 0.5
"""Seconds between two looks while no events come."""
LOOK_ANYWAY = 10.0
"""Seconds between two looks while events come."""
BACKEND_WITHIN = 3.0
"""Seconds in which a lease of a silent node may end: control has its backend asked."""
TRIES = 3
"""How often a lease is asked for that was held, and was held no more on a look."""


@frozen
class NotMounted(FlockerError):
    """A volume did not come to this node."""

    name: str
    why: str

    def words(self) -> str:
        """Name the volume and the cause."""
        return f"volume {self.name} is not mounted here: {self.why}"


@frozen
class Wanted:
    """What Docker wants: a volume, on this node, for one mount; until a time.

    `until` is in seconds on the clock of the reactor; `who` is the container, if known.
    """

    dataset: DatasetID
    name: str
    here: Here
    mount: str
    until: float
    who: str | None = None


class Mounting:
    """Mounts volumes; any number at once."""

    def __init__(
        self,
        client: IFlockerClient,
        clock: IReactorTime,
        bells: Bells,
        holding: Holding,
        mounted: Callable[[str], bool],
    ) -> None:
        self._client = client
        self._clock = clock
        self._bells = bells
        self._holding = holding
        self._mounted = mounted

    async def mount(self, wanted: Wanted) -> str:
        """Give the path where the volume is mounted.

        Raises `InUse`, `NotMounted`, and what a client raises.
        """
        held = await self._take(wanted)
        bell = self._bells.hang(wanted.dataset)
        try:
            path = await self._arrive(wanted, bell)
        except FlockerError:
            await self._holding.end(held)
            raise
        except BaseException:
            # Nobody waits any more: Docker is gone, or its time is over.
            self._holding.end_soon(held)
            raise
        finally:
            self._bells.take_down(bell)
        self._holding.answered(held, Path(path))
        return path

    async def _take(self, wanted: Wanted) -> Held:
        volume, left = (wanted.dataset, wanted.name), TRIES
        patient = True
        while True:
            try:
                return await self._holding.take(
                    volume, wanted.here, wanted.mount, wanted.who
                )
            except RequestRefused as error:
                if error.status != CONFLICT:
                    raise
                user = await in_use(
                    self._client, wanted.name, wanted.dataset, wanted.here.node
                )
                if user is not None:
                    if not (patient and user.is_silent):
                        raise user from error
                    if not await self._ends(wanted.dataset):
                        raise user from error
                    patient = False
                left -= 1
                if not left:
                    raise NotMounted(wanted.name, error.description) from error

    async def _ends(self, dataset: DatasetID) -> bool:
        """Wait for the end of a silent node's lease; say whether it came.

        If its backend knows that the machine is off, control marks the node dead.
        """
        bell = self._bells.hang(dataset)
        try:
            until = self._clock.seconds() + BACKEND_WITHIN
            while (left := until - self._clock.seconds()) > 0:
                _ = await bell.rings_within(min(left, LOOK_AGAIN))
                seen = await self._client.dataset(dataset)
                if seen.lease is None:
                    return True
        finally:
            self._bells.take_down(bell)
        return False

    async def _arrive(self, wanted: Wanted, bell: Bell) -> str:
        moved = False
        while True:
            left = wanted.until - self._clock.seconds()
            seen = await self._look(wanted.dataset, left)
            match decide(seen, wanted.here.node, self._mounted):
                case MountedHere(path):
                    return path
                case Refused(why):
                    raise await self._not_mounted(wanted, seen, why)
                case Move() if moved:
                    why = f"it was moved to node {seen.primary} meanwhile"
                    raise NotMounted(wanted.name, why)
                case Move():
                    _ = await self._client.move(wanted.dataset, wanted.here.node)
                    moved = True
                    continue
                case Waiting(why):
                    if left <= 0:
                        raise await self._not_mounted(wanted, seen, why)
            pause = LOOK_ANYWAY if self._bells.listening else LOOK_AGAIN
            _ = await bell.rings_within(max(0.0, min(left, pause)))

    async def _not_mounted(
        self, wanted: Wanted, seen: DatasetInFull, why: str
    ) -> NotMounted:
        hosts = {node.uuid: node.host for node in await self._client.nodes()}
        return NotMounted(wanted.name, with_host(why, seen.node, hosts))

    async def _look(self, dataset: DatasetID, within: float) -> DatasetInFull:
        return await patiently(
            self._clock, within, lambda: self._client.dataset(dataset)
        )
