"""One connection between two agents, over which snapshots move and questions go.

A conversation runs in a thread; the reactor only calls `abort` and `finish`.

Note [Backpressure]: who writes waits for room on the wire, and who cannot put away what
came reads no more. So nobody holds more of a stream in memory than a belt takes.

Note [Rooms]: what a stream brings is put into rooms of the longest frame, which whoever
has put it away gives back: new memory for each would cost more than to copy it twice.

Note [Silence]: both sides say every `alive_every` seconds that they live, also while a
disk or their agent lets them wait. One that hears nothing for `dead_after` seconds
gives up. While we do not read, silence is ours; between two conversations too.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition
from time import monotonic
from typing import Final, NoReturn, TypeVar

from attrs import frozen
from OpenSSL import SSL

from flocker.backends.pool_resuming import Unfinished
from flocker.dataset_agent.transfer.belts import Part
from flocker.dataset_agent.transfer.frames import (
    HEAD_SIZE,
    LONGEST_DATA,
    Frame,
    Garbage,
    Kind,
    Packing,
    head,
    parse_head,
)
from flocker.dataset_agent.transfer.secured import Ended, SecureSocket
from flocker.model.errors import FlockerError
from flocker.wire import json_codec

T = TypeVar("T")


@frozen
class Patience:
    """How long the two sides wait for each other, in seconds."""

    alive_every: float = 5.0
    dead_after: float = 20.0
    idle_after: float = 60.0
    """Between two conversations on one connection; see `Sender.meanwhile`."""
    reached_within: float = 10.0
    """For a connection to be there and both to know each other."""
    lingers: float = 5.0
    """For a refusal to be read, before the connection is closed."""

    @property
    def turn(self) -> float:
        """Seconds after which who waits looks at everything anew."""
        return min(1.0, self.alive_every)


PATIENCE: Final = Patience()


@frozen
class TransferCut(FlockerError):
    """The connection to the other agent ended before the snapshot was there."""

    why: str

    def words(self) -> str:
        """Give the reason."""
        return f"the transfer was cut: {self.why}"


@frozen
class Interrupted(FlockerError):
    """The other side spoke while we did: what it said is to be received."""

    def words(self) -> str:
        """Say so."""
        return "the other agent spoke out of turn"


class Channel:
    """One end; see the Notes above. `wire` has shaken hands.

    All but `abort` and `finish` wait, so they are called in a thread, inside of
    `conversation`: one at a time.
    """

    def __init__(self, wire: SecureSocket, patience: Patience = PATIENCE) -> None:
        self.changed = Condition()
        """Whoever changes what a thread waits for in `wait_for` notifies it."""
        self.patience = patience
        self.packings: tuple[Packing, ...] = ()
        """What the other side can unpack, as far as it has said."""
        self.unfinished: Unfinished | None = None
        """What it has the beginning of, as far as it has said."""
        self._wire = wire
        self._why: str | None = None
        self._users = 0
        self._met = False
        self._inbox: Frame | None = None
        self._head = bytearray(HEAD_SIZE)
        self._kind: Kind | None = None
        self._payload: bytearray | memoryview = bytearray()
        self._rooms: list[bytearray] = []
        self._into = memoryview(self._head)
        self._heard = self._said = monotonic()

    # What any thread calls

    def abort(self, why: str) -> None:
        """Cut the connection, at once, whoever waits for it; again is fine."""
        self._end(why)
        self._wire.cut()
        self._close()

    def finish(self) -> None:
        """Close the connection, with a last word if nobody uses it; again is fine."""
        with self.changed:
            idle = self._users == 0 and self._why is None
        if idle:
            self._wire.say_last()
        self.abort("it is closed here")

    @contextmanager
    def conversation(self) -> Iterator[None]:
        """Use the connection: it is not taken away until this ends."""
        with self.changed:
            self._users += 1
        self._heard = monotonic()
        try:
            yield
        finally:
            with self.changed:
                self._users -= 1
            if self._why is not None:
                self._close()

    # What a conversation calls

    def greet(self) -> None:
        """Let the other side know that it is admitted. Raises `TransferCut`."""
        self.send(Kind.ALIVE)

    def meet(self) -> Frame | None:
        """Wait until the other side greets, or give what else it says.

        Raises `TransferCut`, `Garbage`.
        """
        started = monotonic()
        while not self.heard_more and not self._met:
            if monotonic() - started >= self.patience.reached_within:
                self._give_up("the other agent did not greet")
            _ = self._listen(self.patience.turn)
        return self._taken() if self._inbox is not None else None

    def send(self, kind: Kind, *parts: Part) -> None:
        """Send a frame, waiting for room. Raises `TransferCut`, `Interrupted`."""
        self._put(head(kind, sum(map(len, parts))), *parts)

    def say(self, kind: Kind, message: object) -> None:
        """Send a message. Raises `TransferCut`, `Interrupted`."""
        self.send(kind, json_codec.encode(message))

    def receive(self) -> Frame:
        """Give the next frame. Raises `TransferCut`, `Garbage`."""
        self._heard = monotonic()
        while not self.heard_more:
            self._turn(self.patience.dead_after)
        return self._taken()

    def receive_next(self) -> Frame:
        """Give the frame that begins another conversation, if there is to be one.

        Raises `TransferCut`, `Garbage`.
        """
        self._heard = monotonic()
        while not self.heard_more:
            self._turn(self.patience.idle_after)
        return self._taken()

    @property
    def heard_more(self) -> bool:
        """Whether there is a frame. Raises `TransferCut`, `Garbage`."""
        self._check()
        while self._inbox is None and (self._understand() or self._listen(0)):
            pass
        return self._inbox is not None

    def wait_for(self, ready: Callable[[], bool]) -> None:
        """Wait until it is `ready`, or until the other side says something.

        Raises `TransferCut`, `Garbage`.
        """
        while True:
            with self.changed:
                self._wait(ready)
                is_ready = ready()
            self._check()
            if is_ready or self.heard_more:
                return
            self._live(self.patience.dead_after)

    def wait_until(self, ready: Callable[[], bool]) -> None:
        """Wait until it is `ready`, without listening: silence is ours meanwhile.

        Raises `TransferCut`.
        """
        while True:
            with self.changed:
                self._wait(ready)
                is_ready = ready()
            self._check()
            self._heard = monotonic()
            if is_ready:
                return
            self._live(self.patience.dead_after)

    def give_back(self, payload: Part) -> None:
        """Let what a frame brought be overwritten. From any thread; Note [Rooms]."""
        if isinstance(payload, memoryview) and isinstance(payload.obj, bytearray):
            self._rooms.append(payload.obj)

    def pause(self, seconds: float) -> None:
        """Wait so long, or until the other side says something."""
        until = monotonic() + seconds
        while (left := until - monotonic()) > 0 and not self.heard_more:
            with self.changed:
                self.changed.wait_for(
                    lambda: bool(self._why), min(left, self.patience.turn)
                )
            self._live(self.patience.dead_after)

    def linger(self) -> None:
        """Let the other side read what was said last, though it sends still."""
        self._end("it is closed here")
        self._wire.say_last()
        until = monotonic() + self.patience.lingers
        forgotten = memoryview(bytearray(HEAD_SIZE * 1024))
        try:
            while (left := until - monotonic()) > 0:
                if not self._wire.read(forgotten):
                    _ = self._wire.listen(left)
        except (Ended, OSError, SSL.Error):  # it has read it, or never will
            return

    # What these are made of

    def _wait(self, ready: Callable[[], bool]) -> None:
        """Wait for one turn, with the lock held."""
        over = self.patience.turn
        _ = self.changed.wait_for(lambda: ready() or bool(self._why), over)

    def _taken(self) -> Frame:
        frame, self._inbox = self._inbox, None
        if frame is None:
            raise AssertionError("nothing was received")
        return frame

    def _turn(self, longest: float) -> None:
        """Listen for a while."""
        _ = self._listen(self.patience.turn)
        self._live(longest)

    def _live(self, longest: float) -> None:
        """Say that we live if it is time to, and ask whether the other side does."""
        now = monotonic()
        silent = now - self._heard
        if silent >= longest:
            self._give_up(f"the other agent said nothing for {silent:.0f} s")
        if now - self._said >= self.patience.alive_every:
            self._put(head(Kind.ALIVE, 0))

    def _give_up(self, why: str) -> None:
        self.abort(why)
        self._check()

    def _put(self, *parts: Part) -> None:
        self._check()
        self._said = monotonic()
        try:
            self._wire.write(parts, self._wait_for_room)
        except (Ended, OSError, SSL.Error) as error:
            if self._has_last_word():
                raise Interrupted from error
            self._lost(error)

    def _has_last_word(self) -> bool:
        """Whether the other side, which hears no more, said why."""
        try:
            return self.heard_more
        except FlockerError:
            return False

    def _wait_for_room(self) -> float:
        """Before a wait for room: what the other side says meanwhile is not lost."""
        if self.heard_more:
            raise Interrupted
        silent = monotonic() - self._heard
        if silent >= self.patience.dead_after:
            self._give_up(f"the other agent said nothing for {silent:.0f} s")
        return self.patience.turn

    def _listen(self, seconds: float) -> bool:
        try:
            came = self._wire.listen(seconds)
        except (Ended, OSError, SSL.Error) as error:
            self._lost(error)
        if came:
            self._heard = monotonic()
        return came

    def _understand(self) -> bool:
        """Go on with the frame that is coming; say whether that was possible."""
        try:
            size = self._wire.read(self._into)
        except (Ended, OSError, SSL.Error) as error:
            self._lost(error)
        self._into = self._into[size:]
        if self._into:
            return False
        self._next()
        return True

    def _next(self) -> None:
        """Go on with the payload, or the next frame."""
        if self._kind is None:
            try:
                self._kind, length = parse_head(self._head)
            except Garbage as error:
                self.abort(str(error))
                raise
            self._payload = self._room(length)
            if length:
                self._into = memoryview(self._payload)
                return
        self._met = True
        if self._kind is not Kind.ALIVE:
            self._inbox = Frame(self._kind, self._payload)
        self._kind = None
        self._into = memoryview(self._head)

    def _room(self, length: int) -> bytearray | memoryview:
        """Give memory for a payload; see Note [Rooms]."""
        if self._kind is not Kind.DATA or length < LONGEST_DATA // 2:
            return bytearray(length)
        room = self._rooms.pop() if self._rooms else bytearray(LONGEST_DATA)
        return memoryview(room)[:length]

    def _lost(self, error: Exception) -> NoReturn:
        self.abort(_words(error))
        raise TransferCut(self._why or "") from error

    def _end(self, why: str) -> None:
        with self.changed:
            if self._why is None:
                self._why = why
            self.changed.notify_all()

    def _close(self) -> None:
        with self.changed:
            if self._users == 0:
                self._wire.close()

    def _check(self) -> None:
        if self._why is not None:
            raise TransferCut(self._why)


def _words(error: Exception) -> str:
    if isinstance(error, Ended):
        return "the other agent closed the connection"
    return str(error) or type(error).__name__


def understand(kind: type[T], frame: Frame) -> T:
    """Read the message of a frame. Raises `Garbage`."""
    try:
        return json_codec.decode(kind, bytes(frame.payload))
    except json_codec.Undecodable as error:
        raise Garbage(str(error)) from error
