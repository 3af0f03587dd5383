"""Whether what a pool serves still answers, asked much more often than a round is due.

A mount of zfs-fuse outlives the program behind it, and nothing tells: no mount table
changes. Used by `pool_keeping`, for pools that say of themselves that this may be.
"""

from collections.abc import Callable, Set

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure

from flocker.backends.pool_interface import IMortalMounts
from flocker.dataset_agent.pool_rig import Pool
from flocker.model.ids import DatasetID
from flocker.runtime import logging
from flocker.runtime.threads import ThreadsStopped

EVERY = 2.0
"""Seconds between two looks; each costs a system call a mount, in a thread."""

Died = Callable[[Set[DatasetID]], None]


class MountWatch:
    """Looks for mounts that answer nobody, and says so as long as there are any."""

    def __init__(self, pool: Pool, clock: IReactorTime, died: Died) -> None:
        self.dead: Set[DatasetID] = frozenset()
        self._pool = pool
        self._mortal: IMortalMounts | None = IMortalMounts(pool.api, None)
        self._died = died
        self._calls = LoopingCall(self._look)
        self._calls.clock = clock

    def start(self) -> None:
        """Look from now on."""
        if self._mortal is not None and not self._calls.running:
            _ = self._calls.start(EVERY, now=False)

    def stop(self) -> None:
        """Look no more."""
        if self._calls.running:
            self._calls.stop()

    def _look(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._find())

    async def _find(self) -> None:
        if self._mortal is None:
            return
        before = self.dead
        try:
            self.dead = await self._pool.threads.run(self._mortal.find_dead)
        except ThreadsStopped:
            return  # the agent is ending
        except Exception:  # noqa: BLE001  (a fault of ours must not end the looks)
            logging.failure(
                "flocker:pool:watch-failed", Failure(), pool=self._pool.name
            )
            return
        if self.dead or before:
            self._died(self.dead | before)
