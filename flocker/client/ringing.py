"""Rings when something may have happened to a dataset; for `flocker.client.waiting`."""

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as Late
from twisted.internet.interfaces import IReactorTime

from flocker.client.interface import RESET, Event, IFlockerClient
from flocker.client.watching import Connected, Heard, Interrupted, watch
from flocker.model.errors import FlockerError
from flocker.model.ids import DatasetID


class Bell:
    """Listens to events; where there are none, it never rings."""

    def __init__(
        self, client: IFlockerClient, clock: IReactorTime, dataset: DatasetID
    ) -> None:
        self.listening = False
        """Whether events come at present."""
        self._client = client
        self._clock = clock
        self._dataset = str(dataset)
        self._rung = False
        self._waiting: Deferred[None] | None = None
        self._task: Deferred[None] | None = None

    def start(self) -> None:
        """Begin to listen."""
        self._task = Deferred.fromCoroutine(self._listen())

    def stop(self) -> None:
        """Listen no more."""
        if self._task is not None:
            self._task.cancel()

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

    async def _listen(self) -> None:
        try:
            await watch(self._client, self._clock, self._hear)
        except (CancelledError, FlockerError):
            # An older server, or one that cannot be talked to: whoever waits asks
            # it himself, and says what is wrong with it.
            self.listening = False

    def _hear(self, heard: Heard) -> None:
        match heard:
            case Connected():
                self.listening = True
            case Interrupted():
                self.listening = False
            case Event(kind=kind, value=value):
                if kind == RESET or self._concerns(value):
                    self._ring()

    def _concerns(self, value: object) -> bool:
        return isinstance(value, dict) and value.get("dataset_id") == self._dataset

    def _ring(self) -> None:
        self._rung = True
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.called:
            waiting.callback(None)
