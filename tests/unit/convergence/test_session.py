"""The conversation with control: every input in every state in which it can come."""

import pytest
from attrs import define, field
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.error import ConnectingCancelledError
from twisted.internet.task import Clock

from flocker.convergence.dialling import ControlUnreachable
from flocker.convergence.session import Session, make_session
from flocker.wire.commands import BadPayload
from flocker.wire.protocol import Slice

NEWS = Slice(full=True)


class Transport:
    """Notes that it was closed."""

    closed = False

    def loseConnection(self) -> None:
        self.closed = True


@define(eq=False)
class FakeLink:
    """A connection as the session sees it."""

    transport: Transport = field(factory=Transport)
    aborted: list[str] = field(factory=list)

    def abort(self, why: str) -> None:
        self.aborted.append(why)

    def peer(self) -> str:
        return "control"


@define(eq=False)
class Bench:
    """A session whose dialling ends when the test says so, and its agent."""

    clock: Clock = field(factory=Clock)
    chance: float = 0.5
    turns: list[int] = field(factory=list)
    ears: list[object] = field(factory=list)
    dialled: list[Deferred[object]] = field(factory=list)
    events: list[object] = field(factory=list)
    session: Session = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.session = make_session(self._dial, self, self.clock, lambda: self.chance)

    async def _dial(self, turn, hearer):
        self.turns.append(turn)
        self.ears.append(hearer)
        self.dialled.append(Deferred())
        return await self.dialled[-1]

    # The agent.

    def talking(self, link) -> None:
        self.events.append(("talking", link))

    async def take(self, boot, number, what) -> bool:
        self.events.append(("take", number))
        return True

    def cut_off(self) -> None:
        self.events.append("cut off")

    # What happens.

    def connect(self) -> FakeLink:
        link = FakeLink()
        self.dialled[-1].callback(link)
        return link

    def fail(self, error: Exception | None = None) -> None:
        self.dialled[-1].errback(error or ControlUnreachable("control", 4524, "no"))

    def wait(self) -> float:
        """The seconds until it dials again, of its one timer."""
        [timer] = self.clock.getDelayedCalls()
        return timer.getTime() - self.clock.seconds()


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def dialling(bench) -> Bench:
    bench.session.start()
    return bench


@pytest.fixture
def talking(dialling) -> Bench:
    dialling.connect()
    dialling.events.clear()
    return dialling


def idle(bench) -> bool:
    """Whether nothing more will happen."""
    return bench.clock.getDelayedCalls() == []


def test_dials(bench):
    """A session begins by dialling the first host."""
    assert bench.turns == []
    bench.session.start()
    assert bench.turns == [0]


def test_talks(dialling):
    """The agent is told once control has accepted it."""
    link = dialling.connect()
    assert dialling.events == [("talking", link)]
    assert idle(dialling)


def test_updates(talking):
    """What control says reaches the agent."""
    answer = []
    ensureDeferred(talking.ears[0].updated("boot", 1, NEWS)).addCallback(answer.append)
    assert answer == [True]
    assert talking.events == [("take", 1)]


def test_hosts_in_turn_with_back_off(dialling):
    """Hosts that do not answer are tried in turn, less and less often."""
    waits = []
    for _ in range(6):
        dialling.fail()
        waits.append(dialling.wait())
        dialling.clock.advance(waits[-1])
    assert dialling.turns == [0, 1, 2, 3, 4, 5, 6]
    assert waits == pytest.approx([0.1, 0.4, 1.6, 6.4, 10.0, 10.0])


@pytest.mark.parametrize(("chance", "factor"), [(0.0, 0.8), (0.999999, 1.2)])
def test_jitter(chance, factor):
    """Agents do not dial in step: the wait is spread by 20 %."""
    bench = Bench(chance=chance)
    bench.session.start()
    bench.fail()
    assert bench.wait() == pytest.approx(0.1 * factor, rel=1e-4)


def test_success_ends_the_row_of_failures(dialling):
    """Once it was accepted, an agent begins with short waits again."""
    for _ in range(4):
        dialling.fail()
        dialling.clock.advance(dialling.wait())
    dialling.connect()
    dialling.ears[-1].lost("gone")
    assert dialling.wait() == pytest.approx(0.1)


@pytest.mark.parametrize(
    "error", [ZeroDivisionError("a fault"), ConnectingCancelledError("control")]
)
def test_any_failure_is_tried_again(dialling, error):
    """No exception while dialling is the end."""
    dialling.fail(error)
    dialling.clock.advance(dialling.wait())
    assert dialling.turns == [0, 1]


def test_lost(talking):
    """An agent whose connection ended is cut off, once, and dials again."""
    talking.ears[0].lost("gone")
    talking.ears[0].lost("gone again")
    assert talking.events == ["cut off"]
    talking.clock.advance(talking.wait())
    assert talking.turns == [0, 1]


def test_no_updates_after_lost(talking):
    """A connection that is over brings no updates."""
    talking.ears[0].lost("gone")
    talking.events.clear()
    failed = ensureDeferred(talking.ears[0].updated("boot", 1, NEWS))
    failures = []
    failed.addErrback(failures.append)
    assert failures[0].check(BadPayload)
    assert talking.events == []


def test_lost_while_dialling(dialling):
    """A connection that ends before Hello is answered fails to be dialled, no more."""
    dialling.ears[0].lost("gone")
    assert (dialling.events, idle(dialling)) == ([], True)
    dialling.fail()
    assert dialling.wait() == pytest.approx(0.1)


def test_end_of_an_older_connection(dialling):
    """The end of a connection that was given up does not touch the one in use."""
    dialling.fail()
    dialling.clock.advance(dialling.wait())
    dialling.connect()
    dialling.events.clear()
    dialling.ears[0].lost("control got tired of it")
    assert (dialling.events, idle(dialling)) == ([], True)


def test_stopped_before_it_began(bench):
    """A session that has not begun may be stopped."""
    bench.session.stop()
    assert (bench.turns, idle(bench)) == ([], True)


def test_stopped_while_dialling(dialling):
    """Dialling is given up, and nothing follows."""
    dialling.session.stop()
    assert dialling.dialled[0].called
    assert (dialling.events, idle(dialling)) == ([], True)


def test_connected_too_late(bench):
    """A connection that comes about though dialling was given up is closed."""
    link = FakeLink()

    async def dial(turn, hearer):
        stubborn = Deferred(lambda cancelled: cancelled.callback(link))
        return await stubborn

    session = make_session(dial, bench, bench.clock, lambda: 0.5)
    session.start()
    session.stop()
    assert len(link.aborted) == 1
    assert bench.events == []


def test_stopped_while_pausing(dialling):
    """No timer is left, and a host is not dialled any more."""
    dialling.fail()
    dialling.session.stop()
    assert idle(dialling)
    dialling.clock.advance(100)
    assert dialling.turns == [0]


def test_stopped_while_talking(dialling):
    """The agent is cut off first, then the connection is closed."""
    link = dialling.connect()
    dialling.events.clear()
    dialling.session.stop()
    assert dialling.events == ["cut off"]
    assert link.transport.closed
    dialling.ears[0].lost("closed")
    assert (dialling.events, idle(dialling)) == (["cut off"], True)


def test_no_updates_after_stop(talking):
    """What control says while the connection closes does not wake the agent."""
    talking.session.stop()
    talking.events.clear()
    ensureDeferred(talking.ears[0].updated("boot", 1, NEWS)).addErrback(lambda _: None)
    assert talking.events == []


def test_stopped_twice(talking):
    """Stopping again changes nothing."""
    talking.session.stop()
    talking.session.stop()
    assert talking.events == ["cut off"]


def test_dialling_that_takes_no_time(bench):
    """A dial that fails at once is a failure like others."""

    async def dial(turn, hearer):
        bench.turns.append(turn)
        raise ControlUnreachable("control", 4524, "no")

    session = make_session(dial, bench, bench.clock, lambda: 0.5)
    session.start()
    bench.clock.advance(0.1)
    assert bench.turns == [0, 1]
    session.stop()
    assert idle(bench)
