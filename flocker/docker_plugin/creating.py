"""Creates volumes: of one name one dataset, whoever creates it at once.

Note [One of a name]: a create that rests on a look at all names is refused with 412 if
any dataset was changed since. So of two nodes that create one name at once one is
refused, looks again, and finds the other's.
"""

from collections.abc import Callable

from attrs import frozen
from twisted.internet.defer import DeferredLock
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from flocker.client.interface import (
    AnswerLost,
    Configured,
    IFlockerClient,
    NewDataset,
    RequestRefused,
)
from flocker.docker_plugin.catalogue import Catalogue
from flocker.docker_plugin.options import NAME
from flocker.docker_plugin.patience import pauses
from flocker.docker_plugin.volumes import named
from flocker.model.errors import FlockerError
from flocker.runtime.backoff import Chance, jittered
from flocker.runtime.logging import message
from flocker.wire.answers import ConfiguredAnswer

CONTENDED = 0.25
"""How much shorter than for a control that is away one waits for others to be done."""
_CHANGED = 412


@frozen
class TooBusy(FlockerError):
    """Others changed datasets all the time, so a name could not be made sure of."""

    name: str

    def words(self) -> str:
        """Name the volume."""
        return (
            f"volume {self.name} could not be created: others changed the"
            " configuration all the time; try again"
        )


class Creating:
    """Creates volumes one after the other: those of one node need not contend."""

    def __init__(
        self,
        client: IFlockerClient,
        clock: IReactorTime,
        catalogue: Catalogue,
        chance: Chance,
    ) -> None:
        self._client = client
        self._clock = clock
        self._catalogue = catalogue
        self._chance = chance
        self._turn = DeferredLock()

    async def create(
        self, name: str, new: Callable[[], NewDataset], until: float
    ) -> ConfiguredAnswer:
        """Create a dataset of this name, unless there is one; see Note [One of a name].

        Gives the one that is there then. `until` is in seconds on the clock of the
        reactor. Raises `TooBusy`, and what a client raises.
        """
        async with self._turn:
            pause = pauses()
            while True:
                configured = await self._catalogue.look()
                if named(configured.datasets, name):
                    return self._catalogue.among(configured, name)
                made = await self._created(new(), configured)
                if made is not None:
                    return made
                wait = jittered(pause() * CONTENDED, self._chance)
                if self._clock.seconds() + wait > until:
                    raise TooBusy(name)
                await deferLater(self._clock, wait)

    async def _created(
        self, new: NewDataset, configured: Configured
    ) -> ConfiguredAnswer | None:
        try:
            made = await self._client.create(new, configured.tag)
        except AnswerLost as error:
            message("flocker:docker-plugin:create-unanswered", why=str(error))
            return None
        except RequestRefused as error:
            if error.status == _CHANGED:
                return None
            raise
        message(
            "flocker:docker-plugin:created",
            name=new.metadata[NAME],
            dataset=new.id,
            size=new.maximum_size,
        )
        return made
