"""Tests for `admin.benchmarks.figures`."""

from admin.benchmarks.figures import (
    RATIO,
    Notes,
    at_least,
    at_most,
    kept,
    last_time,
    plain,
    remembered,
    shown,
    summary,
    table,
)

WANTED = {
    "time": at_most(2.0, "by the clock"),
    "rate": at_least(100, "of requests"),
}
MACHINE = {"cpu": "a good one", "cores": 2, "GiB": 8}


def notes(time: float, rate: float) -> Notes:
    found = Notes(WANTED)
    found.figure("time", time, "ms")
    found.figure("rate", rate, "")
    return found


def test_limits_include_their_bound() -> None:
    """What is exactly at its limit keeps it."""
    assert [figure.met for figure in notes(2.0, 100).figures] == [True, True]
    assert [figure.met for figure in notes(2.1, 99).figures] == [False, False]


def test_kept_needs_all_that_is_wanted() -> None:
    """One missed value is enough, and so is one that was not measured."""
    assert kept(notes(1.0, 200))
    assert not kept(notes(3.0, 200))
    some = Notes(WANTED)
    some.figure("time", 1.0, "ms")
    assert some.missing() == ["rate"]
    assert not kept(some)


def test_numbers_have_three_digits() -> None:
    """Small numbers keep decimals, large ones mark thousands, none ends in a point."""
    assert [shown(n, "ms") for n in (0.256, 2.0, 12.34, 1234.5)] == [
        "0.26 ms",
        "2 ms",
        "12.3 ms",
        "1,234 ms",
    ]
    assert shown(3, "") == "3"


def test_table_aligns_texts_and_numbers() -> None:
    """Texts begin at the left of their column, numbers end at its right."""
    assert table([{"what": "a", "n": 1_000}, {"what": "longer", "n": 2.5}]) == [
        "what        n",
        "a       1,000",
        "longer    2.5",
    ]


def test_summary_says_what_is_missed_and_missing() -> None:
    """Each figure stands beside its limit, the verdict, and what it was before."""
    found = Notes({**WANTED, "memory": at_most(300, "resident")})
    found.figure("time", 3.0, "ms")
    found.figure("rate", 200, "")
    found.figure("beside", 1.0, "s")
    lines = [line.split("  ") for line in summary(found, {"time": 2.5})]
    assert [[word.strip() for word in line if word] for line in lines] == [
        ["what", "measured", "wanted", "last time"],
        ["time", "3 ms", "<= 2 ms", "MISSED", "2.5 ms"],
        ["rate", "200", ">= 100", "met"],
        ["beside", "1 s"],
        ["memory", "not measured", "MISSING"],
    ]


def test_history_keeps_ratios_and_what_has_a_limit() -> None:
    """A number that says something of the machine only is not remembered."""
    found = notes(1.23456, 200)
    found.figure("by the way", 7.0, "ms")
    found.figure("few and many", 1.04, RATIO)
    assert remembered(found) == {"time": 1.235, "rate": 200.0, "few and many": 1.04}


def test_json_names_limits_and_verdicts() -> None:
    """Whoever reads the JSON needs no other file."""
    found = notes(3.0, 200)
    found.row("details", {"n": 1, "ms": 0.5})
    assert plain(found) == {
        "figures": [
            {
                "name": "time",
                "value": 3.0,
                "unit": "ms",
                "wanted": "<= 2 ms",
                "met": False,
                "how": "by the clock",
            },
            {
                "name": "rate",
                "value": 200,
                "unit": "",
                "wanted": ">= 100",
                "met": True,
                "how": "of requests",
            },
        ],
        "not measured": [],
        "tables": {"details": [{"n": 1, "ms": 0.5}]},
    }


def test_last_time_is_of_the_same_machine_and_sizes() -> None:
    """Figures of another machine, or of small sizes, are no comparison."""
    ours = {"machine": MACHINE, "quick": False}
    history = [
        {**ours, "parts": {"rest": {"time": 1.0}, "cli": {"start": 0.3}}},
        {**ours, "parts": {"rest": {"time": 2.0}}},
        {**ours, "quick": True, "parts": {"rest": {"time": 3.0}}},
        {"machine": {}, "quick": False, "parts": {"rest": {"time": 4.0}}},
    ]
    assert last_time(history, MACHINE, quick=False) == {
        "rest": {"time": 2.0},
        "cli": {"start": 0.3},
    }
