"""What a plugin learns at its start: which node this is, and what it holds.

It begins to listen before it knows; a call that needs it waits.
"""

from collections.abc import Callable

from attrs import frozen
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from flocker.client.interface import IFlockerClient, RequestRefused
from flocker.docker_plugin.holders import Here
from flocker.docker_plugin.holding import Holding
from flocker.docker_plugin.patience import Eventually, pauses
from flocker.model.errors import FlockerError
from flocker.model.ids import Era
from flocker.runtime.logging import message

_NOT_FOUND = 404


@frozen
class NotStarted(FlockerError):
    """The plugin has just started."""

    def words(self) -> str:
        """Say so."""
        return "the plugin has just started and has not spoken to control yet"


@frozen
class NodeNotKnown(FlockerError):
    """Control has not heard of this node in its present life."""

    era: Era

    def words(self) -> str:
        """Name the life, and whose word is missing."""
        return (
            "control does not know this node yet: its dataset agent has not connected"
            f" since it booted (boot id {self.era})"
        )


async def find_out(
    client: IFlockerClient,
    clock: IReactorTime,
    era: Callable[[], Era],
    holding: Holding,
    here: Eventually[Here],
) -> None:
    """Ask until it is known, and let everybody who waits know."""
    pause = pauses()
    while True:
        try:
            found = await _who(client, era())
            await holding.load(found)
        except FlockerError as error:
            here.trouble = error
            message("flocker:docker-plugin:not-ready", why=str(error))
            await deferLater(clock, pause())
        else:
            break
    message("flocker:docker-plugin:ready", node=found.node)
    here.learn(found)


async def _who(client: IFlockerClient, era: Era) -> Here:
    try:
        return Here(await client.node_of_era(era), era)
    except RequestRefused as error:
        if error.status == _NOT_FOUND:
            raise NodeNotKnown(era) from error
        raise
