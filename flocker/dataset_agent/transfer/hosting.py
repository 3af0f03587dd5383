"""What the target of a transfer asks its agent, who decides in the reactor's thread."""

from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from threading import Condition
from typing import Any, Protocol, TypeVar

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.python.failure import Failure

from flocker.backends.pool_interface import IIncoming
from flocker.backends.pool_resuming import Unfinished
from flocker.dataset_agent.transfer.frames import Begin, Offer
from flocker.model.ids import NodeID, SnapshotID

T = TypeVar("T")


@frozen
class Welcome:
    """The agent allows a stream: where it goes, and the record it comes with."""

    stream: IIncoming
    record: bytes


class Visit(Protocol):
    """What the agent answers to the source of one offer.

    All is called in the reactor's thread, one after the other. What raises a
    `FlockerError` is refused with it: its class name is the code for programs. An
    answer may take as long as it takes, and is not cancelled when the connection ends
    meanwhile: then it is given back.
    """

    @property
    def since(self) -> SnapshotID | None:
        """The snapshot that what is offered should follow; None for the whole of it."""
        ...

    @property
    def unfinished(self) -> Unfinished | None:
        """What there is of a stream of what is offered, that was cut."""
        ...

    async def admit(self, begin: Begin) -> Welcome:
        """Open the pool for a stream; the transfer aborts or finishes that."""
        ...

    async def confirm(self) -> SnapshotID:
        """Give the snapshot that is on this disk, synced: a promise to keep it."""
        ...

    def ended(self) -> None:
        """The source has gone: called once, whatever happened."""
        ...


class Host(Protocol):
    """The agent of a target."""

    async def visit(self, source: NodeID, offer: Offer) -> Visit:
        """Keep the dataset for this source until its visit ends; or refuse, as above.

        Room is made here, where the copy that stands there continues nothing.
        """
        ...


def ask(
    reactor: IReactorFromThreads,
    changed: Condition,
    call: Callable[[], Coroutine[Any, Any, T]],
) -> Future[T]:
    """Call in the reactor's thread; `changed` is notified when the answer is there."""
    answer: Future[T] = Future()

    def notify(_: Future[T]) -> None:
        with changed:
            changed.notify_all()

    def fail(failure: Failure) -> None:
        answer.set_exception(failure.value)

    def begin() -> None:
        _ = Deferred.fromCoroutine(call()).addCallbacks(answer.set_result, fail)

    answer.add_done_callback(notify)
    reactor.callFromThread(begin)
    return answer
