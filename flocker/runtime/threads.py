"""Blocking calls, kept out of the reactor's thread, in a pool of their own.

A call may never return: a driver's, to a service that hangs. Stopping waits for such a
one only so long, and the process ends without it.
"""

from collections.abc import Callable
from threading import Thread
from typing import Any, ParamSpec, TypeVar

from attrs import frozen
from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from flocker.model.errors import FlockerError
from flocker.runtime import logging
from flocker.runtime.reactor import IReactor

P = ParamSpec("P")
T = TypeVar("T")

STOP_WITHIN = 45.0
"""Seconds that calls under way have to end when a pool is stopped."""


@frozen
class ThreadsStopped(FlockerError):
    """A call came when the program was stopping: it was not begun."""

    name: str

    def words(self) -> str:
        """Name the pool."""
        return f"the threads {self.name} have been stopped"


class _Leavable(Thread):
    """A thread that does not keep its process from ending."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named, daemon=True)


class Threads:
    """A pool of at most `most` threads; what is called first runs first."""

    def __init__(self, reactor: IReactor, name: str, most: int) -> None:
        self._reactor = reactor
        self._name = name
        self._stopped = False
        self._pool = ThreadPool(0, most, name)
        self._pool.threadFactory = _Leavable
        self._under_way: dict[object, str] = {}
        self._idle: Deferred[None] | None = None

    def start(self) -> None:
        """Accept calls."""
        self._pool.start()

    async def stop(self) -> None:
        """Accept no more calls, and wait for those under way, at most `STOP_WITHIN`.

        Those that have not ended then are named in the log and left to themselves.
        """
        self._stopped = True
        if self._under_way:
            self._idle = Deferred()
            try:
                await self._idle.addTimeout(STOP_WITHIN, self._reactor)
            except TimeoutError:
                left = sorted(self._under_way.values())
                logging.message("flocker:threads:left", threads=self._name, calls=left)
                return
        others = self._reactor.getThreadPool()
        await deferToThreadPool(self._reactor, others, self._pool.stop)

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call in a thread; give its result or raise what it raises.

        Raises `ThreadsStopped` after `stop`: the pool would never answer.
        """
        if self._stopped:
            raise ThreadsStopped(self._name)
        this = object()
        self._under_way[this] = getattr(call, "__qualname__", repr(call))
        try:
            result: T = await deferToThreadPool(
                self._reactor, self._pool, call, *args, **kwargs
            )
        finally:
            del self._under_way[this]
            if self._idle is not None and not self._under_way:
                idle, self._idle = self._idle, None
                idle.callback(None)
        return result
