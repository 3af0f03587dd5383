"""Tests of reading server-sent events."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flocker.client.interface import Event
from flocker.client.server_sent import LONGEST, EventParser, NotEvents

TWO = (
    b'id: b.1\nevent: reset\ndata: {}\n\n: \n\nid: b.2\nevent: lease\ndata: {"a":1}\n\n'
)
EVENTS = [Event("b.1", "reset", {}), Event("b.2", "lease", {"a": 1})]


def read(*parts: bytes) -> list[Event]:
    """All events of these parts."""
    parser = EventParser()
    return [event for part in parts for event in parser.feed(part)]


@given(st.sets(st.integers(1, len(TWO) - 1)), st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_cut_anywhere(cuts: set[int], line_end: bytes) -> None:
    """However the bytes are cut, and whatever ends lines, the events are the same.

    The last line's end may be half of one, so more follows.
    """
    text = TWO.replace(b"\n", line_end) + b":"
    places = [0, *sorted(cuts), len(text)]
    parts = [text[a:b] for a, b in pairwise(places)]
    assert read(*parts) == EVENTS


def test_half_an_event_is_none() -> None:
    """What has not ended is not given."""
    assert read(b"id: b.1\ndata: {}\n") == []


def test_data_over_several_lines() -> None:
    """Lines of data are one text; without a kind it is a message."""
    assert read(b"data: [1,\ndata:2]\n\n") == [Event("", "message", [1, 2])]


def test_id_lasts() -> None:
    """An event without an id has that of the one before."""
    assert [event.id for event in read(TWO, b"data: 1\n\n")] == ["b.1", "b.2", "b.2"]


@pytest.mark.parametrize(
    "text",
    [b"data: {\n\n", b"x" * (LONGEST + 1), b"data: 12345678\n" * (LONGEST // 8 + 1)],
)
def test_no_events(text: bytes) -> None:
    """What is no JSON, or has no end, is refused."""
    with pytest.raises(NotEvents):
        read(text)
