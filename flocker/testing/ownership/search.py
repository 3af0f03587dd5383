"""Breadth-first search through all that can happen, so that what is found is short.

Knows nothing of datasets: `Space` says what follows on what, and what must hold.
"""

from collections.abc import Iterable, Sequence
from random import Random
from typing import Generic, Protocol, TypeVar

from attrs import field, frozen

S = TypeVar("S")


@frozen
class Edge(Generic[S]):
    """Something that can happen in a state, and leads to the next.

    `progress` says that it comes by itself if nothing hinders it; what users, faults
    and the network do is none. `wrong` is what it violates, if anything.
    """

    label: str
    to: S
    progress: bool = True
    wrong: str | None = None


class Space(Protocol[S]):
    """All that can happen, from `start` on."""

    start: S

    def edges(self, state: S) -> Iterable[Edge[S]]:
        """Give what can happen in a state."""

    def wrong(self, state: S) -> str | None:
        """Say what a state violates, if anything."""

    def well(self, state: S) -> bool:
        """Whether this is where progress alone should lead."""


@frozen
class Explored:
    """How a search ended: `wrong` is the first violation, `trace` the way to it.

    `stuck` counts the states from which progress alone never leads to a good one.
    """

    states: int
    transitions: int
    depth: int
    wrong: str | None = None
    trace: tuple[str, ...] = ()
    stuck: int = 0
    complete: bool = True

    def __str__(self) -> str:
        found = self.wrong or ("all is well" if self.complete else "well so far")
        count = f"{self.states} states, {self.transitions} transitions"
        lines = [f"{found}: {count}, depth {self.depth}"]
        lines += [f"{n:>4}. {label}" for n, label in enumerate(self.trace, 1)]
        return "\n".join(lines)


LONGEST_QUIET = 5000
"""Steps of progress, taken at random, within which all should be well."""

STUCK = "L1: no way leads to one mounted owner any more"


@frozen
class _Search(Generic[S]):
    space: Space[S]
    states: list[S] = field(factory=list)
    number: dict[S, int] = field(factory=dict)
    parents: list[tuple[int, str]] = field(factory=list)
    depths: list[int] = field(factory=list)
    back: list[list[int]] = field(factory=list)

    def add(self, state: S, parent: int, label: str) -> bool:
        """Take a state in; say whether it is a new one."""
        if state in self.number:
            return False
        self.number[state] = len(self.states)
        self.states.append(state)
        self.parents.append((parent, label))
        self.depths.append(0 if parent < 0 else self.depths[parent] + 1)
        self.back.append([])
        return True

    def trace(self, at: int) -> tuple[str, ...]:
        """Give the shortest way to a state."""
        labels: list[str] = []
        while self.parents[at][0] >= 0:
            parent, label = self.parents[at]
            labels.append(label)
            at = parent
        return tuple(reversed(labels))


def explore(
    space: Space[S], start: S | None = None, *, most: int, lively: bool = True
) -> Explored:
    """Search all states, or `most` of them, for the first violation.

    With `lively`, a complete search also asks whether progress leads to a good state
    from wherever faults have led.
    """
    search = _Search(space)
    _ = search.add(space.start if start is None else start, -1, "")
    transitions = 0
    at = 0
    while at < len(search.states):
        if len(search.states) > most:
            return _ended(search, transitions, complete=False)
        for edge in space.edges(search.states[at]):
            transitions += 1
            wrong = edge.wrong
            if wrong is None and search.add(edge.to, at, edge.label):
                wrong = space.wrong(edge.to)
            if wrong is not None:
                trace = (*search.trace(at), edge.label)
                count = len(search.states)
                return Explored(count, transitions, len(trace), wrong, trace)
            if edge.progress:
                search.back[search.number[edge.to]].append(at)
        at += 1
    stuck = _stuck(search) if lively else []
    if stuck:
        first = stuck[0]
        trace = search.trace(first)
        count = len(search.states)
        return Explored(count, transitions, len(trace), STUCK, trace, len(stuck))
    return _ended(search, transitions, complete=True)


def play(space: Space[S], start: S, script: Sequence[str]) -> tuple[S, str | None]:
    """Let happen what a script says; give where it leads, and what that violates.

    Raises `NotPossible` where something cannot happen.
    """
    state = start
    for number, label in enumerate(script):
        possible = {each.label: each for each in space.edges(state)}
        if label not in possible:
            raise NotPossible(label, number, tuple(possible))
        edge = possible[label]
        state = edge.to
        wrong = edge.wrong or space.wrong(state)
        if wrong is not None:
            return state, wrong
    return state, None


def wander(space: Space[S], seed: int, steps: int) -> Explored:
    """Go some steps at random; then progress alone must lead to a good state.

    For worlds that are too large to be searched. Progress is taken at random, too.
    """
    chance = Random(seed)
    state, wrong = space.start, None
    trace: list[str] = []
    while wrong is None and (len(trace) < steps or not space.well(state)):
        quiet = len(trace) >= steps
        edges = [each for each in space.edges(state) if each.progress or not quiet]
        if not edges and space.well(state):
            break
        if not edges or len(trace) == steps + LONGEST_QUIET:
            wrong = STUCK
            break
        edge = chance.choice(edges)
        trace.append(edge.label)
        state = edge.to
        wrong = edge.wrong or space.wrong(state)
    return Explored(len(trace), len(trace), len(trace), wrong, tuple(trace))


@frozen
class NotPossible(Exception):
    """What a script says cannot happen there."""

    label: str
    line: int
    possible: tuple[str, ...]

    def __str__(self) -> str:
        possible = "\n".join(f"  {each}" for each in sorted(self.possible))
        return f"{self.label!r} (line {self.line}) is none of\n{possible}"


def _ended(search: _Search[S], transitions: int, *, complete: bool) -> Explored:
    depth = max(search.depths)
    return Explored(len(search.states), transitions, depth, complete=complete)


def _stuck(search: _Search[S]) -> list[int]:
    """Give the states from which no way of progress leads to a good one."""
    reached = [search.space.well(state) for state in search.states]
    pending = [number for number, good in enumerate(reached) if good]
    while pending:
        for before in search.back[pending.pop()]:
            if not reached[before]:
                reached[before] = True
                pending.append(before)
    return [number for number, good in enumerate(reached) if not good]
