"""Blocking calls, kept out of the reactor's thread, in a pool of their own."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from attrs import frozen
from twisted.internet.interfaces import IReactorThreads
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from flocker.model.errors import FlockerError

P = ParamSpec("P")
T = TypeVar("T")


@frozen
class ThreadsStopped(FlockerError):
    """A call came when the program was stopping: it was not begun."""

    name: str

    def words(self) -> str:
        """Name the pool."""
        return f"the threads {self.name} have been stopped"


class Threads:
    """A pool of at most `most` threads; what is called first runs first."""

    def __init__(self, reactor: IReactorThreads, name: str, most: int) -> None:
        self._reactor = reactor
        self._name = name
        self._stopped = False
        self._pool = ThreadPool(0, most, name)

    def start(self) -> None:
        """Accept calls."""
        self._pool.start()

    async def stop(self) -> None:
        """Accept no more calls, and wait for those under way."""
        self._stopped = True
        others = self._reactor.getThreadPool()
        await deferToThreadPool(self._reactor, others, self._pool.stop)

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call in a thread; give its result or raise what it raises.

        Raises `ThreadsStopped` after `stop`: the pool would never answer.
        """
        if self._stopped:
            raise ThreadsStopped(self._name)
        result: T = await deferToThreadPool(
            self._reactor, self._pool, call, *args, **kwargs
        )
        return result
