"""Eliot's messages as people read them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flocker.runtime.readable import COLOURS, HELD, Reader

START = {
    "timestamp": 1.5,
    "task_uuid": "u",
    "task_level": [2, 1],
    "action_type": "flocker:step",
    "action_status": "started",
    "dataset": "d",
}
END = {
    "timestamp": 1.75,
    "task_uuid": "u",
    "task_level": [2, 5],
    "action_type": "flocker:step",
    "action_status": "succeeded",
}
FAILED = {
    **END,
    "action_status": "failed",
    "exception": "builtins.OSError",
    "reason": "no space",
}


def message(**fields: object) -> dict[str, Any]:
    """A message of eliot."""
    return {
        "timestamp": 2.0,
        "task_uuid": "v",
        "task_level": [1],
        "message_type": "flocker:m",
        **fields,
    }


def lines(*entries: object, reader: Reader | None = None) -> list[str]:
    """What a reader makes of messages."""
    reader = reader or Reader()
    return [line for entry in entries for line in reader.read(json.dumps(entry))]


def test_action_is_one_line() -> None:
    """The start and the end of an action are one line with the time it took."""
    assert lines(START, END) == ["00:00:01.750Z step dataset=d in 250 ms"]


def test_failed_action() -> None:
    """A failed action ends with its reason."""
    expected = ["00:00:01.750Z step dataset=d failed after 250 ms: no space"]
    assert lines(START, FAILED) == expected


def test_end_without_start() -> None:
    """The end of an action whose start was not read is a line without duration."""
    assert lines(END, FAILED) == [
        "00:00:01.750Z step",
        "00:00:01.750Z step failed: no space",
    ]


def test_long_action() -> None:
    """An action that takes long is told as it began when anything else is written."""
    reader = Reader()
    late = message(timestamp=10.0)
    assert lines(START, late, reader=reader) == [
        "00:00:10.000Z m",
        "00:00:01.500Z step dataset=d began",
    ]
    assert lines({**END, "timestamp": 11.0}, reader=reader) == ["00:00:11.000Z step"]


def test_rest() -> None:
    """What has not ended when the log does is told once."""
    reader = Reader()
    assert lines(START, reader=reader) == []
    assert list(reader.rest()) == ["00:00:01.500Z step dataset=d began"]
    assert list(reader.rest()) == []


def test_memory_is_bounded() -> None:
    """Of very many actions the oldest is told as it began, and forgotten."""
    starts = [{**START, "task_uuid": str(n)} for n in range(HELD + 1)]
    assert lines(*starts) == ["00:00:01.500Z step dataset=d began"]


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        (
            {"a": 1, "b": 0.1234567891, "c": None, "d": True},
            "a=1 b=0.123457 c=null d=true",
        ),
        ({"a": "two words", "b": ""}, 'a="two words" b=""'),
        ({"a": ["x", "y z"]}, 'a=[x, "y z"]'),
        ({"a": {"default": "aws"}}, "a={default: aws}"),
        ({"a": "\x1b[2J"}, 'a="\\u001b[2J"'),
    ],
)
def test_fields(fields: dict[str, object], line: str) -> None:
    """A field is name=value, quoted where it could be mistaken or do harm."""
    assert lines(message(**fields)) == [f"00:00:02.000Z m {line}"]


def test_cause_is_last() -> None:
    """What is wrong stands at the end, on the same line."""
    entry = message(why="it is\nso", attempts=3)
    assert lines(entry) == ["00:00:02.000Z m attempts=3: it is so"]


def test_traceback_is_a_place() -> None:
    """Of a traceback the innermost place is told."""
    text = 'Traceback:\n  File "a.py", line 1, in f\n  File "b.py", line 2, in g\n'
    entry = message(error="oh", traceback=text)
    assert lines(entry) == ["00:00:02.000Z m: oh, at b.py:2"]


def test_colours() -> None:
    """Time, name and cause stand out with the ink for terminals, and with no other."""
    (line,) = lines(message(why="oh"), reader=Reader(COLOURS))
    assert line == "\x1b[2m00:00:02.000Z\x1b[0m \x1b[1mm\x1b[0m: \x1b[31moh\x1b[0m"


@pytest.mark.parametrize("line", ["Traceback:", "", "[]", "3", '{"a": 1}', "{"])
def test_other_lines(line: str) -> None:
    """What is not a message of eliot stays as it is."""
    assert list(Reader().read(line)) == [line]


@given(st.dictionaries(st.text(), st.text() | st.lists(st.text()) | st.floats()))
def test_one_printable_line(fields: dict[str, object]) -> None:
    """Whatever is logged, a terminal gets one line it cannot be harmed by."""
    entry = {**fields, "timestamp": 1.0, "message_type": "m", "action_status": None}
    (line,) = lines(entry)
    assert line.isprintable()
