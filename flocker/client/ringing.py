"""Rings when something may have happened to a dataset; for whoever waits for one.

`Bells` listens to the events of a cluster; each `Bell` is one dataset's, for one
waiter.
"""

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as Late
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from flocker.client.interface import RESET, Event, IFlockerClient
from flocker.client.watching import Connected, Heard, Interrupted, watch
from flocker.model.errors import FlockerError
from flocker.model.ids import DatasetID

TRY_AGAIN = 10.0
"""Seconds until a server that gives no events is asked for them again."""


class Bell:
    """Rung by `Bells`; one waiter at a time."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._rung = False
        self._waiting: Deferred[None] | None = None

    async def rings_within(self, seconds: float) -> bool:
        """Wait for a ring, at most so long; one that nobody waited for counts."""
        if not self._rung:
            self._waiting = Deferred()
            try:
                await self._waiting.addTimeout(seconds, self._clock)
            except Late:
                return False
        self._rung = False
        return True

    def ring(self) -> None:
        """Something may have happened."""
        self._rung = True
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.called:
            waiting.callback(None)


class Bells:
    """Listens to events for all bells; where there are none, no bell ever rings."""

    def __init__(self, client: IFlockerClient, clock: IReactorTime) -> None:
        self.listening = False
        """Whether events come at present."""
        self._client = client
        self._clock = clock
        self._bells: dict[Bell, str] = {}
        self._task: Deferred[None] | None = None

    def start(self) -> None:
        """Begin to listen."""
        self._task = Deferred.fromCoroutine(self._listen())

    def stop(self) -> None:
        """Listen no more."""
        if self._task is not None:
            self._task.cancel()

    def hang(self, dataset: DatasetID) -> Bell:
        """Give a bell that rings for a dataset, until it is taken down."""
        bell = Bell(self._clock)
        self._bells[bell] = str(dataset)
        return bell

    def take_down(self, bell: Bell) -> None:
        """Ring a bell no more."""
        _ = self._bells.pop(bell, None)

    async def _listen(self) -> None:
        try:
            while True:
                try:
                    await watch(self._client, self._clock, self._hear)
                except FlockerError:
                    # An older server, or one that cannot be talked to: whoever waits
                    # asks it himself, and says what is wrong with it.
                    self.listening = False
                await deferLater(self._clock, TRY_AGAIN)
        except CancelledError:
            self.listening = False

    def _hear(self, heard: Heard) -> None:
        match heard:
            case Connected():
                self.listening = True
            case Interrupted():
                self.listening = False
            case Event(kind=kind, value=value):
                about = value.get("dataset_id") if isinstance(value, dict) else None
                for bell, dataset in tuple(self._bells.items()):
                    if kind == RESET or about == dataset:
                        bell.ring()
