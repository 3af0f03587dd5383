"""Which volumes there are: every dataset of the cluster that has a name."""

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

from flocker.client.interface import Configured, IFlockerClient
from flocker.docker_plugin.patience import patiently
from flocker.docker_plugin.volumes import NoSuchVolume, choose, named
from flocker.model.ids import DatasetID
from flocker.runtime.logging import message
from flocker.wire.answers import ConfiguredAnswer

CONTROL_WITHIN = 20.0
"""Seconds that a call waits for a control service that cannot be reached."""


class Catalogue:
    """Asks control, which answers in a few bytes while nothing has changed."""

    def __init__(
        self,
        client: IFlockerClient,
        clock: IReactorTime,
        local: Callable[[DatasetID], bool],
    ) -> None:
        self.last: Configured | None = None
        """What control said last."""
        self._client = client
        self._clock = clock
        self._local = local

    async def look(self, within: float = CONTROL_WITHIN) -> Configured:
        """Give what is configured now. Raises what a client raises."""
        found = await patiently(
            self._clock, within, lambda: self._client.configured(self.last)
        )
        self.last = found
        return found

    async def find(self, name: str, within: float = CONTROL_WITHIN) -> ConfiguredAnswer:
        """Give the dataset that is a volume. Raises `NoSuchVolume`."""
        return self.among(await self.look(within), name)

    def remember(self, name: str) -> ConfiguredAnswer | None:
        """Give the dataset that was a volume when control was last heard."""
        if self.last is None:
            return None
        try:
            return self.among(self.last, name)
        except NoSuchVolume:
            return None

    def among(self, configured: Configured, name: str) -> ConfiguredAnswer:
        """Give the dataset that is a volume. Raises `NoSuchVolume`."""
        found = named(configured.datasets, name)
        chosen = choose(found, self._local)
        if chosen is None:
            raise NoSuchVolume(name)
        if len(found) > 1:
            message(
                "flocker:docker-plugin:several-of-a-name",
                name=name,
                datasets=[each.dataset_id for each in found],
                taken=chosen.dataset_id,
            )
        return chosen
