"""Tests of `flockerctl events`, against the REST API."""

import json
from collections.abc import Callable
from uuid import UUID

import pytest
from click.testing import Result

from flocker.cli.event_commands import Place
from flocker.model.ids import DatasetID, NodeID
from flocker.testing.fakes.memory_control import MemoryControl, NeverDone

OTHER = NodeID(UUID("bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"))
BOOT = UUID(int=2)

Run = Callable[..., Result]


def ids(result: Result) -> list[str]:
    """The ids of events that were printed as JSON."""
    return [json.loads(line)["id"] for line in result.stdout.splitlines()]


def test_past(run: Run, dataset: DatasetID) -> None:
    """What has happened is said, a line an event."""
    result = run("events")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[:3] == [
        "node           node aaaaaaaa (10.0.0.1) is connected",
        "node           node bbbbbbbb (10.0.0.2) is connected",
        "configuration  11111111 (pg) is wanted on node aaaaaaaa (10.0.0.1)",
    ]


def test_last(run: Run, dataset: DatasetID) -> None:
    """Only so many are shown as were asked for, the latest."""
    every = ids(run("events", "-o", "json"))
    assert ids(run("events", "-n", "2", "-o", "json")) == every[-2:]
    assert run("events", "-n", "0").stdout == ""


def test_after(run: Run, dataset: DatasetID) -> None:
    """Events go on after one that is known."""
    every = ids(run("events", "-o", "json"))
    assert ids(run("events", "--after", every[0], "-o", "json")) == every[1:]


def test_after_what_is_forgotten(run: Run, dataset: DatasetID) -> None:
    """After an id of another life the first event says that some are missing."""
    result = run("events", "--after", f"{UUID(int=9)}.1", "-o", "json")
    assert json.loads(result.stdout.splitlines()[0])["kind"] == "reset"


def test_nothing_has_happened(control: MemoryControl, run: Run) -> None:
    """Without events nothing is printed."""
    assert (run("events", "-n", "0").exit_code, run("events", "-n", "0").stdout) == (
        0,
        "",
    )


def test_follow(run: Run, control: MemoryControl, dataset: DatasetID) -> None:
    """With --follow it goes on for ever, with what happens."""
    control.clock.callLater(5.0, control.disconnected, OTHER)
    result = run("events", "--follow", "-n", "0")
    assert isinstance(result.exception, NeverDone)
    assert result.stdout.splitlines()[0] == (
        "node           node bbbbbbbb (10.0.0.2) is not connected"
    )


def test_old_server(run: Run, control: MemoryControl) -> None:
    """A server without events refuses."""
    control.has_events = False
    assert run("events").exit_code == 5


@pytest.mark.parametrize(
    ("text", "back"), [(f"{BOOT}.7", f"{BOOT}.2"), (f"{BOOT}.3", f"{BOOT}.0")]
)
def test_place(text: str, back: str) -> None:
    """A place so many events before is never before the beginning."""
    place = Place.parse(text)
    assert place is not None
    assert place.back(5) == back


@pytest.mark.parametrize("text", ["", "7", "x.y", f"{BOOT}.-1"])
def test_no_place(text: str) -> None:
    """Other servers' ids are not understood, and nothing is made of them."""
    assert Place.parse(text) is None
