"""What fails again and again."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flocker.runtime.repeating import LONGEST, QUIET, REMEMBERED, Repeats, unrepeated


def said(moments: list[float]) -> list[tuple[float, int]]:
    """When the same failure at these moments is said, and with which count."""
    repeats = Repeats()
    counted = [(now, repeats.happened("x", now)) for now in moments]
    return [(now, times) for now, times in counted if times]


def test_growing_intervals() -> None:
    """A failure every five seconds is said at growing intervals, with counts."""
    moments = [5.0 * n for n in range(32)]
    assert said(moments) == [(0, 1), (10, 2), (30, 4), (70, 8), (150, 16)]


def test_never_silent_for_ever() -> None:
    """However long it goes on, it is said every hour."""
    moments = [10.0 * n for n in range(3000)]
    told = [now for now, _ in said(moments)]
    gaps = [b - a for a, b in pairwise(told)]
    assert max(gaps) == LONGEST


def test_new_after_quiet() -> None:
    """A failure that has not come for two minutes is said, with what was not said."""
    assert said([0, 1, 2, 2 + QUIET]) == [(0, 1), (2 + QUIET, 3)]


def test_clock_set_back() -> None:
    """A clock that is set back silences nothing."""
    assert said([1000, 1]) == [(1000, 1), (1, 1)]


def test_memory_is_bounded() -> None:
    """Of very many failures the first is forgotten, and new when it comes again."""
    repeats = Repeats()
    told = [repeats.happened(n, 0.0) for n in [*range(REMEMBERED + 1), 0]]
    assert told == [1] * (REMEMBERED + 2)


def entry(now: float, **fields: object) -> dict[str, Any]:
    """A message of eliot."""
    return {"timestamp": now, "task_uuid": str(now), "message_type": "m", **fields}


def test_numbers_make_no_difference() -> None:
    """A failure is the same with other numbers, and another with other words."""
    repeats = Repeats()
    first, again = entry(0, why="a", attempts=1), entry(1, why="a", attempts=2)
    other = entry(1, why="b", attempts=3)
    assert [unrepeated(each, repeats) for each in (first, again, other)] == [
        first,
        None,
        other,
    ]


@pytest.mark.parametrize("address", ["10.0.0.1", "[fe80::1]"])
def test_ports_make_no_difference(address: str) -> None:
    """Whoever is refused comes again from another port; another address is another."""
    repeats = Repeats()
    first, again = (
        entry(0, why=f"{address}:{port} presented no certificate")
        for port in (40000, 40001)
    )
    other = entry(1, why="10.0.0.2:40000 presented no certificate")
    assert [unrepeated(each, repeats) for each in (first, again, other)] == [
        first,
        None,
        other,
    ]


def test_count_is_a_field() -> None:
    """The count of what was not said is the field `times`."""
    repeats = Repeats()
    entries = [entry(now, why="a") for now in (0, 5, 10)]
    assert [unrepeated(each, repeats) for each in entries] == [
        entries[0],
        None,
        {**entries[2], "times": 2},
    ]


@given(st.lists(st.floats(min_value=0, max_value=1e6)))
def test_nothing_without_cause_is_held_back(moments: list[float]) -> None:
    """What does not fail is always written, and so are actions."""
    repeats = Repeats()
    entries = [entry(now, answer=200) for now in moments]
    actions = [{"timestamp": now, "action_type": "a", "why": "w"} for now in moments]
    for each in entries + actions:
        assert unrepeated(each, repeats) is each
