"""Tests of events that go on over breaks, against the real REST API and its clock."""

from uuid import UUID

import pytest
from twisted.internet.defer import Deferred

from flocker.client.interface import Event, NewDataset, RequestRefused
from flocker.client.watching import Connected, Heard, Interrupted, watch
from flocker.model.ids import DatasetID, NodeID
from flocker.testing.fakes.memory_control import MemoryControl

DATASET = DatasetID(UUID("11111111-1111-4111-8111-111111111111"))
NODE = NodeID(UUID("aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"))


class Diary:
    """What was heard, in words."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def __call__(self, heard: Heard) -> None:
        """Write it down."""
        match heard:
            case Event(kind=kind):
                self.words.append(kind)
            case Connected():
                self.words.append("connected")
            case Interrupted():
                self.words.append("interrupted")


def pass_time(control: MemoryControl, seconds: float) -> None:
    """Let the cluster's time go by."""
    waited: Deferred[None] = Deferred()
    control.clock.callLater(seconds, waited.callback, None)

    async def wait() -> None:
        await waited

    control.run(wait())


def test_goes_on_after_a_break() -> None:
    """What happened while the connection was down is heard after it, once."""
    control, diary = MemoryControl(), Diary()
    watching = Deferred.fromCoroutine(watch(control.client(), control.clock, diary))
    pass_time(control, 1.0)
    control.reachable = False
    control.hang_up()
    control.connected(NODE, "10.0.0.1")
    pass_time(control, 5.0)
    control.reachable = True
    pass_time(control, 10.0)
    watching.cancel()
    seen = list(dict.fromkeys(diary.words))
    assert seen == ["connected", "reset", "interrupted", "node"]
    assert [diary.words.count(word) for word in ("connected", "reset", "node")] == [
        2,
        1,
        1,
    ]


def test_from_an_id() -> None:
    """Watching can begin after an event that is known."""
    control, diary = MemoryControl(), Diary()
    control.connected(NODE, "10.0.0.1")
    control.run(control.client().create(NewDataset(DATASET, NODE)))
    after = f"{control.events.boot}.1"
    watching = Deferred.fromCoroutine(
        watch(control.client(), control.clock, diary, after)
    )
    pass_time(control, 1.0)
    watching.cancel()
    assert diary.words == ["connected", "configuration", "status"]


def test_old_server() -> None:
    """A server without events is not asked again and again."""
    control = MemoryControl()
    control.has_events = False
    with pytest.raises(RequestRefused):
        control.run(watch(control.client(), control.clock, Diary()))
