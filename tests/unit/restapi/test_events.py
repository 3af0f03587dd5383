"""Server-sent events as they go over the wire, and who is closed when."""

import gc
import json
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.error import ConnectionDone
from twisted.logger import LogLevel, capturedLogs
from twisted.python.failure import Failure

from flocker.control.events import Events
from flocker.model.ids import NodeID
from flocker.restapi.events import AT_ONCE, COMMENT_EVERY, resume

A = NodeID(UUID("5d7a0000-0000-4000-8000-00000000000a"))
STORE = UUID("57000000-0000-4000-8000-000000000000")
PATH = "/v1/configuration/datasets"
RESET = "reset"


class Watching:
    """A client that holds a stream open."""

    def __init__(self, api, last: str | None = None, method: str = "GET") -> None:
        self.protocol, self.transport = api.dial()
        sent = f"{method} /v1/events HTTP/1.1\r\nHost: control\r\n"
        if last is not None:
            sent += f"Last-Event-ID: {last}\r\n"
        self.protocol.dataReceived(sent.encode("utf-8") + b"\r\n")

    @property
    def text(self) -> str:
        """All that came, without the chunks it came in."""
        _, _, body = self.transport.value().partition(b"\r\n\r\n")
        text = b""
        while body:
            size, _, body = body.partition(b"\r\n")
            text += body[: int(size, 16)]
            body = body[int(size, 16) + 2 :]
        return text.decode()

    @property
    def head(self) -> str:
        return self.transport.value().partition(b"\r\n\r\n")[0].decode()

    @property
    def events(self) -> list[tuple[str, str]]:
        """The id and the kind of each event; comments are none."""
        found = []
        for block in self.text.split("\n\n"):
            fields = dict(line.split(": ", 1) for line in block.splitlines() if line)
            if "event" in fields:
                json.loads(fields["data"])
                found.append((fields["id"], fields["event"]))
        return found

    def numbers(self) -> list[int]:
        return [int(i.rpartition(".")[2]) for i, kind in self.events if kind != RESET]

    def hang_up(self) -> None:
        self.protocol.connectionLost(Failure(ConnectionDone()))


def happen(api, times: int) -> None:
    """Let a node connect so many times: each is an event."""
    for _ in range(times):
        api.connect(A)


def short(api, length: int) -> None:
    """Keep that many events only."""
    api.events._ring = type(api.events._ring)(maxlen=length)


def test_first_is_reset(api) -> None:
    """A client that knows nothing is told so first, and then all that happens."""
    happen(api, 3)
    client = Watching(api)
    assert client.events == [(f"{STORE}.3", RESET)]
    api.post(PATH, {"primary": str(A)})
    assert client.events[1:] == [
        (f"{STORE}.4", "configuration"),
        (f"{STORE}.5", "status"),
    ]


def test_head(api) -> None:
    """It is an event stream, which nobody is to keep."""
    lines = Watching(api).head.splitlines()
    assert lines[0] == "HTTP/1.1 200 OK"
    assert "Content-Type: text/event-stream" in lines
    assert "Cache-Control: no-store" in lines


def test_head_request(api) -> None:
    """HEAD says what it would be, ends, and leaves nothing behind."""
    client = Watching(api, method="HEAD")
    assert "Content-Type: text/event-stream" in client.head.splitlines()
    assert client.transport.value().endswith(b"\r\n\r\n")
    assert api.events._watchers == []
    happen(api, 1)
    assert client.transport.value().endswith(b"\r\n\r\n")


@pytest.mark.parametrize("known", [0, 1, 4, 5])
def test_resumes(api, known) -> None:
    """Who says what it has got is given what followed, and no reset."""
    happen(api, 5)
    client = Watching(api, f"{STORE}.{known}")
    assert RESET not in [kind for _, kind in client.events]
    assert client.numbers() == list(range(known + 1, 6))
    happen(api, 1)
    assert client.numbers() == list(range(known + 1, 7))


@pytest.mark.parametrize(
    "last",
    [
        "",
        "junk",
        "5",
        f"{STORE}",
        f"{STORE}.",
        f"{STORE}.-1",
        f"{STORE}.6",
        f"{STORE}.1",
        f"{STORE}.5.5",
        f"{STORE}.\N{ARABIC-INDIC DIGIT FIVE}",
        f"{STORE}.{'9' * 6000}",
        f"{UUID(int=9)}.5",
        "é.5",
    ],
)
def test_cannot_resume(api, last) -> None:
    """Where it cannot be known what was missed the first event is reset."""
    short(api, 3)
    happen(api, 5)
    assert Watching(api, last).events == [(f"{STORE}.5", RESET)]


@given(st.text(max_size=60) | st.integers().map(lambda n: f"{STORE}.{n}"))
def test_resume_of_anything(new_api, given_id) -> None:
    """Whatever is given, reading goes on within the ring or begins anew."""
    api = new_api()
    happen(api, 3)
    found = resume(given_id, api.events)
    assert found is None or api.events.first - 1 <= found <= api.events.last


def test_edge_of_the_ring(api) -> None:
    """The oldest event that is kept can be the first that was missed."""
    short(api, 3)
    happen(api, 5)
    assert Watching(api, f"{STORE}.2").numbers() == [3, 4, 5]


def test_comments(api) -> None:
    """At once and every 15 seconds comes a comment, which is no event."""
    client = Watching(api)
    assert client.text.count(": \n\n") == 1
    for count in (2, 3, 4):
        api.clock.advance(COMMENT_EVERY)
        assert client.text.count(": \n\n") == count
    assert len(client.events) == 1


def test_many_at_once(api) -> None:
    """All that was missed comes, in order, however much it is."""
    many = 3 * AT_ONCE + 7
    happen(api, many)
    assert Watching(api, f"{STORE}.0").numbers() == list(range(1, many + 1))


def test_slow_reader_catches_up(api) -> None:
    """A reader that stops and goes on misses nothing, and nothing is kept for it."""
    client = Watching(api, f"{STORE}.0")
    client.transport.producer.pauseProducing()
    before = client.transport.value()
    happen(api, 500)
    api.clock.advance(COMMENT_EVERY)
    assert client.transport.value() == before
    client.transport.producer.resumeProducing()
    assert client.numbers() == list(range(1, 501))


def test_reader_that_is_too_slow(api) -> None:
    """A reader that falls off the ring is cut off, without waiting for it."""
    short(api, 10)
    client = Watching(api)
    client.transport.producer.pauseProducing()
    happen(api, 11)
    assert not client.transport.disconnected
    api.clock.advance(COMMENT_EVERY)
    assert client.transport.disconnected


def test_reader_that_comes_back_too_late(api) -> None:
    """A reader that goes on behind the ring is cut off, and never given a gap."""
    short(api, 10)
    client = Watching(api)
    client.transport.producer.pauseProducing()
    happen(api, 11)
    client.transport.producer.resumeProducing()
    assert client.transport.disconnected
    assert client.numbers() == []


def test_stops_when_full(api) -> None:
    """A reader that takes a little is given a little, not all there is."""
    happen(api, 10 * AT_ONCE)
    protocol, transport = api.dial()

    def write_and_stop(parts: list[bytes]) -> None:
        transport.write(b"".join(parts))
        if b"event: " in b"".join(parts):
            transport.producer.pauseProducing()

    transport.writeSequence = write_and_stop
    client = Watching.__new__(Watching)
    client.protocol, client.transport = protocol, transport
    request = f"GET /v1/events HTTP/1.1\r\nHost: x\r\nLast-Event-ID: {STORE}.0\r\n\r\n"
    protocol.dataReceived(request.encode())
    assert client.numbers() == list(range(1, AT_ONCE + 1))


def test_hangs_up(api) -> None:
    """When a client goes nothing is left of it, and nothing went wrong."""
    client = Watching(api)
    with capturedLogs() as logged:
        client.hang_up()
        _ = gc.collect()  # what nobody handles is logged when it is thrown away
    assert [each for each in logged if each["log_level"] >= LogLevel.error] == []
    assert api.events._watchers == []
    assert api.clock.getDelayedCalls() == []
    happen(api, 3)


def test_many_readers(api) -> None:
    """One that goes while events are told does not keep others from them."""
    clients = [Watching(api) for _ in range(3)]
    clients[1].hang_up()
    happen(api, 2)
    assert [client.numbers() for client in clients] == [[1, 2], [], [1, 2]]


def test_not_for_other_methods(api) -> None:
    """Nothing can be posted there."""
    assert api.post("/v1/events", {}).code == 405


def test_ring_is_configurable(api) -> None:
    """How many events are kept can be said."""
    events = Events(api.operations, STORE, api.clock.seconds, length=2)
    happen(api, 5)
    assert (events.first, events.last) == (4, 5)
