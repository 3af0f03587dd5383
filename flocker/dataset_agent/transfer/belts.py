"""What goes on beside a conversation: a disk is read or written in another thread.

The conversation waits with its channel (`Channel.wait_for`), which goes on saying that
we live; the disk's thread just waits.
"""

from collections import deque
from collections.abc import Callable
from threading import Condition, Thread
from typing import Final, Generic, TypeVar

T = TypeVar("T")
Part = bytes | bytearray | memoryview

MOST_WAITING: Final = 4 * 1024 * 1024
"""Bytes that are on a belt at most, and one load more."""


class Work(Generic[T]):
    """A call in a thread of its own, which does not keep the process from ending."""

    def __init__(self, changed: Condition, name: str, call: Callable[[], T]) -> None:
        self._changed = changed
        self._call = call
        self._result: list[T] = []
        self._raised: BaseException | None = None
        Thread(target=self._run, name=name, daemon=True).start()

    def _run(self) -> None:
        try:
            self._result.append(self._call())
        except BaseException as error:  # noqa: BLE001  (whoever asks is told)
            self._raised = error
        with self._changed:
            self._changed.notify_all()

    def is_done(self) -> bool:
        """Whether it has ended."""
        return bool(self._result) or self._raised is not None

    def join(self) -> None:
        """Wait until it has ended."""
        with self._changed:
            _ = self._changed.wait_for(self.is_done)

    def result(self) -> T:
        """Give what it gave, or raise what it raised, once it has ended."""
        if self._raised is not None:
            raise self._raised
        return self._result[0]


class Dropped(Exception):
    """Nobody wants what is on the belt any more."""


class Belt:
    """Loads of parts on their way from one thread to another."""

    def __init__(self, changed: Condition) -> None:
        self._changed = changed
        self._loads: deque[tuple[Part, ...]] = deque()
        self._size = 0
        self._ended = False
        self._dropped = False

    def has_room(self) -> bool:
        """Whether something can be put on it."""
        return self._size < MOST_WAITING

    def has_more(self) -> bool:
        """Whether something, or the end, can be taken from it."""
        return bool(self._loads) or self._ended

    def put(self, *load: Part) -> None:
        """Put something on it, waiting for room. Raises `Dropped`."""
        with self._changed:
            self._changed.wait_for(lambda: self.has_room() or self._dropped)
            if self._dropped:
                raise Dropped
            self._loads.append(load)
            self._size += sum(map(len, load))
            self._changed.notify_all()

    def take(self) -> tuple[Part, ...]:
        """Wait for something and take it; nothing is the end. Raises `Dropped`."""
        with self._changed:
            self._changed.wait_for(lambda: self.has_more() or self._dropped)
            if self._dropped:
                raise Dropped
            if not self._loads:
                return ()
            load = self._loads.popleft()
            self._size -= sum(map(len, load))
            self._changed.notify_all()
            return load

    def end(self) -> None:
        """Say that nothing more is put on it."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def drop(self) -> None:
        """Let nobody wait for it any more; again is fine."""
        with self._changed:
            self._dropped = True
            self._loads.clear()
            self._changed.notify_all()
