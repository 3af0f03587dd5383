"""Whether a backend takes snapshots: what its driver says, or does not say in time.

Control is told when the agent connects, and refuses what cannot be. A driver that does
not answer then, or fails, is asked again and again; once it says yes, control is told
by a new connection. Used by the dataset agent's service.
"""

from collections.abc import Callable

from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from flocker.backends.block_interface import ISnapshottingBlockDeviceAPI, NoSnapshots
from flocker.dataset_agent.rig import Backend
from flocker.runtime.logging import message

WITHIN = 5.0
"""Seconds that a driver has to answer before Hello is said without it."""
AGAIN = 30.0
"""Seconds after which one is asked again that gave no answer."""


class Snapshotting:
    """Asks one backend; `learnt` is called when it takes snapshots after all.

    There is one question at a time, however often the agent connects: a driver that
    hangs does not take up one thread after the other.
    """

    def __init__(
        self, backend: Backend, clock: IReactorTime, learnt: Callable[[], None]
    ) -> None:
        self._backend = backend
        self._clock = clock
        self._learnt = learnt
        self._api: ISnapshottingBlockDeviceAPI | None = ISnapshottingBlockDeviceAPI(
            backend.api, None
        )
        self._asking = False
        self._later: IDelayedCall | None = None
        self._awaited: Deferred[bool] | None = None
        self._stopped = False

    async def takes_any(self) -> bool:
        """Say what control is to be told now: whether it takes snapshots."""
        if self._api is None:
            return False
        self._awaited = Deferred()
        answer = self._awaited.addTimeout(WITHIN, self._clock)
        self._begin()
        try:
            return await answer
        except defer.TimeoutError:
            why = f"it has not answered within {WITHIN:g} s, and is asked again"
            self._log("flocker:dataset-agent:snapshots-unanswered", why)
            return False

    def stop(self) -> None:
        """Ask no more."""
        self._stopped = True
        if self._later is not None:
            self._later.cancel()
            self._later = None

    def _begin(self) -> None:
        if self._later is not None and self._later.active():
            self._later.cancel()
        self._later = None
        if not self._asking:
            self._asking = True
            _ = Deferred.fromCoroutine(self._ask())

    async def _ask(self) -> None:
        found = await self._answer()
        self._asking = False
        if found is None and not self._stopped:
            self._later = self._clock.callLater(AGAIN, self._begin)
        awaited, self._awaited = self._awaited, None
        if awaited is not None and not awaited.called:
            awaited.callback(found is True)
        elif found:
            self._learnt()

    async def _answer(self) -> bool | None:
        """Give what the driver says; None if that is neither yes nor no."""
        if self._api is None:
            return False
        try:
            await self._backend.threads.run(self._api.check_snapshots)
        except NoSnapshots as error:
            self._log("flocker:dataset-agent:no-snapshots", str(error))
            return False
        except Exception as error:  # noqa: BLE001  (drivers raise what they like)
            words = f"it failed, and is asked again: {type(error).__name__}: {error}"
            self._log("flocker:dataset-agent:snapshots-unanswered", words)
            return None
        return True

    def _log(self, event: str, why: str) -> None:
        message(event, backend=self._backend.name, why=why)
