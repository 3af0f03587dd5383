"""The ways between the agents of a simulated cluster, on which snapshots travel.

As on TCP what is sent arrives in order or not at all: once something was lost, nothing
more arrives on that connection, and whoever waits gives up after a time of silence.
What is said is the real protocol's; only bytes are left out.
"""

from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from attrs import define, field
from twisted.internet.defer import Deferred

from flocker.dataset_agent.pool_carrying import Door
from flocker.dataset_agent.transfer.channel import PATIENCE, TransferCut
from flocker.model.ids import NodeID
from flocker.testing.simulation.clocks import SimulatedClock
from flocker.testing.simulation.processes import ProcessClock, SimulatedThreads

T = TypeVar("T")

Pace = Callable[[], float]
"""Gives the seconds that something takes to the other end."""

SILENT = "the other agent said nothing for 20 s"
RESET = "connection reset"
CLOSED = "the other agent closed the connection"


@define(eq=False)
class Station:
    """One life of an agent, as others reach it; `threads` are its disk's."""

    node: NodeID
    process: ProcessClock
    threads: SimulatedThreads
    door: Door | None = None


class Paths:
    """All connections between agents, and which ways are cut.

    `mute` has the ways, from a node to another, on which everything is lost. The next
    streams that enter a `doomed` node break after so many parts.
    """

    def __init__(self, clock: SimulatedClock, pace: Pace) -> None:
        self.clock = clock
        self.pace = pace
        self.mute: set[tuple[NodeID, NodeID]] = set()
        self.doomed: dict[NodeID, list[int]] = {}
        self.stations: dict[NodeID, Station] = {}
        self.pipes: list[Pipe] = []

    def open(self, source: Station, target: NodeID) -> "Pipe | None":
        """Connect two agents; None if nobody answers."""
        there = self.stations.get(target)
        ways = {(source.node, target), (target, source.node)}
        if there is None or self.mute & ways:
            return None
        self.pipes = [pipe for pipe in self.pipes if not pipe.over]
        pipe = Pipe(self, source, there)
        self.pipes.append(pipe)
        return pipe

    def cut(self, way: tuple[NodeID, NodeID]) -> None:
        """Lose all that is sent on a way, from now on."""
        self.mute.add(way)
        for end in self._ends():
            if (end.station.node, end.other.station.node) == way:
                end.lose()

    def next_doom(self, target: NodeID) -> int | None:
        """Say after how many parts the next stream to a node breaks, if it does."""
        planned = self.doomed.get(target)
        return planned.pop(0) if planned else None

    def reset(self, node: NodeID) -> None:
        """Break the connections of a node; both sides notice."""
        for end in self._ends():
            if end.station.node == node:
                end.over_in(0.0, RESET)
                end.other.over_in(self.pace(), "connection reset")

    def leave(self, node: NodeID, *, silently: bool) -> None:
        """The agent of a node was killed; or its machine went off, and says nothing."""
        _ = self.stations.pop(node, None)
        for end in self._ends():
            if end.station.node != node:
                continue
            if silently:
                end.lose()
            else:
                end.close()

    def _ends(self) -> list["PipeEnd"]:
        return [end for pipe in self.pipes for end in (pipe.source, pipe.target)]


class Pipe:
    """A connection between two agents."""

    def __init__(self, paths: Paths, source: Station, target: Station) -> None:
        self.source = PipeEnd(paths, source)
        self.target = PipeEnd(paths, target)
        self.source.other, self.target.other = self.target, self.source

    @property
    def over(self) -> bool:
        """Whether neither side has it open."""
        ends = (self.source, self.target)
        return all(end.broken is not None or end.station.process.killed for end in ends)


@define(eq=False)
class PipeEnd:
    """One end; `broken` says why it is over."""

    paths: Paths
    station: Station
    broken: str | None = None
    _inbox: deque[object] = field(factory=deque)
    _waiting: Deferred[None] | None = None
    _lost: bool = False
    _held_until: float = 0.0
    other: "PipeEnd" = field(init=False)

    def send(self, what: object) -> None:
        """Say something. Raises `TransferCut`."""
        if self.broken is not None:
            raise TransferCut(self.broken)
        self._arrives(self.other.came, what)

    async def receive(self) -> Any:  # noqa: ANN401  (whatever the other side says)
        """Wait for what the other side says. Raises `TransferCut`."""
        while not self._inbox:
            if self.broken is not None:
                raise TransferCut(self.broken)
            await self.turn()
        return self._inbox.popleft()

    @property
    def heard_more(self) -> bool:
        """Whether there is something to receive."""
        return bool(self._inbox)

    async def turn(self) -> None:
        """Wait until the other side says something, or it is over."""
        self._waiting = Deferred()
        try:
            await self._waiting
        except GeneratorExit:  # the run is over, and who waited is closed
            self._waiting = None
            raise

    def close(self) -> None:
        """End it; what was sent before arrives."""
        if self.broken is None:
            self._arrives(self.other.over, CLOSED)
            self.broken = "it is closed here"
            self._wake()

    def came(self, what: object) -> None:
        """Take what the other side sent."""
        if self.broken is None and not self.station.process.killed:
            self._inbox.append(what)
            self._wake()

    def over(self, why: str) -> None:
        """It is over for this end."""
        if self.broken is None and not self.station.process.killed:
            self.broken = why
            self._wake()
            self._arrives(self.other.over, why)

    def reset(self) -> None:
        """Break the connection; both sides notice, and what was sent before arrives."""
        self._arrives(self.other.over, RESET)
        self.over_in(0.0, RESET)

    def hear(self, take: Callable[[T], None], what: T) -> None:
        """Let the process at this end know something, when it can."""
        self.station.process.when_awake(take, what)

    def over_in(self, seconds: float, why: str) -> None:
        """It is over for this end after a while."""
        _ = self.paths.clock.callLater(seconds, self.hear, self.over, why)

    def lose(self) -> None:
        """Let nothing more arrive of what this end sends."""
        if not self._lost:
            self._lost = True
            self.other.over_in(PATIENCE.dead_after, SILENT)

    def _arrives(self, take: Callable[[T], None], what: T) -> None:
        def deliver() -> None:
            way = (self.station.node, self.other.station.node)
            if way in self.paths.mute:
                self.lose()
            if not self._lost:
                self.other.hear(take, what)

        now = self.paths.clock.seconds()
        self._held_until = max(self._held_until, now + self.paths.pace())
        _ = self.paths.clock.callLater(self._held_until - now, deliver)

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.called:
            waiting.callback(None)
