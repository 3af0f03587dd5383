"""An agent's status for `systemctl status`: connected to control, or why not."""

from attrs import frozen

from flocker.convergence.link import Hearer, Link
from flocker.convergence.session import Dial
from flocker.model.cluster import Volume
from flocker.model.errors import FlockerError
from flocker.model.forecasts import FirstRound, Forecast
from flocker.model.ids import BackendName
from flocker.runtime.service_manager import ServiceManager
from flocker.wire.protocol import Slice


def telling(dial: Dial, manager: ServiceManager) -> Dial:
    """Make a `dial` that also tells the service manager what became of it."""

    async def dial_and_tell(turn: int, hearer: Hearer) -> Link:
        try:
            link = await dial(turn, _Telling(hearer, manager))
        except FlockerError as error:
            manager.status(f"not connected: {error}")
            raise
        manager.status(f"connected to control at {link.peer()}")
        return link

    return dial_and_tell


@frozen
class _Telling:
    """Hears a connection and tells of its end."""

    hearer: Hearer
    manager: ServiceManager

    async def updated(self, boot: str, number: int, what: Slice) -> bool:
        """Pass an update on."""
        return await self.hearer.updated(boot, number, what)

    async def volumes(self, backend: BackendName) -> tuple[Volume, ...]:
        """Pass a question on."""
        return await self.hearer.volumes(backend)

    async def forecast(self, question: FirstRound) -> Forecast | None:
        """Pass a question on."""
        return await self.hearer.forecast(question)

    def lost(self, why: str) -> None:
        """Tell, and pass it on."""
        self.manager.status(f"not connected: {why}")
        self.hearer.lost(why)
