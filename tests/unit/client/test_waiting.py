"""Tests of waiting for a dataset, against the real REST API and its clock."""

from itertools import pairwise
from uuid import UUID

import pytest
from attrs import evolve

from flocker.client.interface import NewDataset, RequestRefused, Unreachable
from flocker.client.waiting import (
    Destroyed,
    Goal,
    Mounted,
    Overtaken,
    Resized,
    Seen,
    Wait,
    WaitTimedOut,
    WentWrong,
    wait,
)
from flocker.model.cluster import Cause, Condition, Fact, Phase, Want
from flocker.model.ids import DatasetID, NodeID
from flocker.testing.fakes.memory_control import MemoryControl
from flocker.wire.answers import DatasetAnswer

DATASET = DatasetID(UUID("11111111-1111-4111-8111-111111111111"))
NODE = NodeID(UUID("aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"))
OTHER = NodeID(UUID("bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"))
ATTACHING = Fact(DATASET, Want.MOUNTED, Condition.DETACHED, doing=Phase.ATTACHING)
MOUNTED = Fact(DATASET, Want.MOUNTED, Condition.MOUNTED, path="/flocker/x")
STUCK = Cause("foreign", "it holds a swap signature", "wipe it", permanent=True)
FOREIGN = Fact(DATASET, Want.MOUNTED, Condition.FOREIGN, cause=STUCK)
GONE = Fact(DATASET, Want.DELETED, Condition.MISSING)


@pytest.fixture
def control() -> MemoryControl:
    """A control service with two nodes, and a dataset wanted on the first."""
    control = MemoryControl()
    control.connected(NODE, "10.0.0.1")
    control.connected(OTHER, "10.0.0.2")
    control.run(control.client().create(NewDataset(DATASET, NODE)))
    return control


class Looks:
    """What a wait has shown."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, float]] = []

    def __call__(self, seen: Seen, elapsed: float) -> None:
        """Take one look."""
        what = seen.phase if isinstance(seen, DatasetAnswer) else type(seen).__name__
        self.seen.append((what, round(elapsed, 1)))


def waited(control: MemoryControl, goal: Goal, within: float = 30.0) -> Looks:
    """What is seen while waiting for the dataset to reach a goal."""
    looks = Looks()
    wish = Wait(DATASET, goal, within)
    control.run(wait(control.client(), wish, control.clock, looks))
    return looks


def later(control: MemoryControl, seconds: float, fact: Fact) -> None:
    """Let the first node report a fact after a time."""
    control.clock.callLater(seconds, control.says, NODE, fact)


def test_already_there(control: MemoryControl) -> None:
    """What is there already is not waited for."""
    control.says(NODE, MOUNTED)
    assert waited(control, Mounted(NODE)).seen == [("mounted", 0.0)]


@pytest.mark.parametrize("has_events", [True, False])
def test_phases_are_shown(control: MemoryControl, *, has_events: bool) -> None:
    """Each look is shown with the time it was waited."""
    control.has_events = has_events
    later(control, 1.0, ATTACHING)
    later(control, 5.0, MOUNTED)
    looks = waited(control, Mounted(NODE)).seen
    assert list(dict.fromkeys(phase for phase, _ in looks)) == [
        "waiting",
        "attaching",
        "mounted",
    ]
    assert looks[0][1] == 0.0
    assert looks[-1][1] == pytest.approx(5.5, abs=0.6)


def test_events_are_waited_for(control: MemoryControl) -> None:
    """Where there are events, a change is seen at once, however long it took."""
    later(control, 60.3, MOUNTED)
    assert waited(control, Mounted(NODE), 99.0).seen[-1] == ("mounted", 60.3)


def test_time_goes_by_while_nothing_happens(control: MemoryControl) -> None:
    """The time is shown every second although nobody is asked."""
    later(control, 20.0, MOUNTED)
    times = [time for _, time in waited(control, Mounted(NODE)).seen]
    steps = [after - before for before, after in pairwise(times)]
    assert max(steps) == pytest.approx(1.0, abs=0.15)


def test_broken_stream_is_no_harm(control: MemoryControl) -> None:
    """What happens while no events come is found by asking."""
    control.clock.callLater(5.0, control.hang_up)
    later(control, 5.1, MOUNTED)
    looks = waited(control, Mounted(NODE)).seen
    assert looks[-1] == ("mounted", pytest.approx(5.5, abs=0.6))


def test_looks_become_rare(control: MemoryControl) -> None:
    """Without events looks begin at once and come down to one a second."""
    control.has_events = False
    later(control, 60.0, MOUNTED)
    times = [time for _, time in waited(control, Mounted(NODE), 99.0).seen]
    assert times[-1] - times[-2] == pytest.approx(1.0, abs=0.11)
    assert len(times) < 70


@pytest.mark.parametrize(
    ("goal", "before", "after"),
    [(Resized(2048), 1024, 2048), (Resized(1024, smaller=True), 2048, 1024)],
)
def test_another_size(
    control: MemoryControl, goal: Goal, before: int, after: int
) -> None:
    """What is to become larger, or smaller, is waited for until it is, and stays so."""
    control.says(NODE, evolve(MOUNTED, size=before))
    later(control, 4.0, evolve(MOUNTED, size=after))
    assert waited(control, goal).seen[-1][1] > 4.0


def test_mounted_elsewhere_is_not_enough(control: MemoryControl) -> None:
    """A dataset that is still on its old node is waited for."""
    control.says(NODE, MOUNTED)
    control.run(control.client().move(DATASET, OTHER))
    with pytest.raises(WaitTimedOut) as raised:
        waited(control, Mounted(OTHER), 2.0)
    assert isinstance(raised.value.last, DatasetAnswer)
    assert raised.value.last.node == NODE


def test_timed_out_with_its_cause(control: MemoryControl) -> None:
    """A wait that ends in time says the last phase, why it lasts and what ends it."""
    control.disconnected(NODE)
    with pytest.raises(WaitTimedOut) as raised:
        waited(control, Mounted(NODE), 5.0)
    last = raised.value.last
    assert isinstance(last, DatasetAnswer)
    assert last.cause is not None
    assert str(raised.value) == (
        f"dataset {DATASET} is not mounted on node {NODE} after 5 s: it is waiting, "
        f"because {last.cause.words} (to release it: {last.cause.release})"
    )


def test_deadline_is_kept(control: MemoryControl) -> None:
    """The last look is at the deadline, not after it."""
    looks = Looks()
    with pytest.raises(WaitTimedOut):
        control.run(
            wait(
                control.client(),
                Wait(DATASET, Mounted(NODE), 4.0),
                control.clock,
                looks,
            )
        )
    assert looks.seen[-1] == ("waiting", 4.0)


def test_no_time_is_one_look(control: MemoryControl) -> None:
    """To wait for 0 seconds is to look once."""
    with pytest.raises(WaitTimedOut):
        waited(control, Mounted(NODE), 0.0)
    assert control.clock.seconds() == 0.0


def test_permanent_failure_ends_it(control: MemoryControl) -> None:
    """What cannot come right by itself is not waited for."""
    later(control, 1.0, FOREIGN)
    with pytest.raises(WentWrong) as raised:
        waited(control, Mounted(NODE))
    assert str(raised.value) == (
        f"dataset {DATASET} cannot be mounted on node {NODE}: it holds a swap "
        "signature (to release it: wipe it)"
    )


def test_overtaken_by_a_move(control: MemoryControl) -> None:
    """A wait ends when somebody moves the dataset elsewhere."""
    control.run(control.client().move(DATASET, OTHER))
    with pytest.raises(Overtaken) as raised:
        waited(control, Mounted(NODE))
    assert raised.value.how == f"it was moved to node {OTHER}"


def test_overtaken_by_a_deletion(control: MemoryControl) -> None:
    """A wait ends when somebody deletes the dataset."""
    control.run(control.client().destroy(DATASET))
    with pytest.raises(Overtaken) as raised:
        waited(control, Mounted(NODE))
    assert raised.value.how == "it was deleted"


def test_absent_control_is_waited_for(control: MemoryControl) -> None:
    """A control service that is away for a while does not end a wait."""
    control.reachable = False
    control.says(NODE, MOUNTED)
    control.clock.callLater(1.0, setattr, control, "reachable", True)  # noqa: FBT003
    looks = waited(control, Mounted(NODE)).seen
    assert (looks[0], looks[-1][0]) == (("Unreachable", 0.0), "mounted")


def test_absent_control_is_named(control: MemoryControl) -> None:
    """A wait that never reached control says so in the end."""
    control.reachable = False
    with pytest.raises(WaitTimedOut) as raised:
        waited(control, Mounted(NODE), 3.0)
    assert isinstance(raised.value.last, Unreachable)


def test_destroyed(control: MemoryControl) -> None:
    """A dataset is destroyed when its volume is confirmed to be gone."""
    control.run(control.client().destroy(DATASET))
    later(control, 1.0, GONE)
    assert waited(control, Destroyed()).seen[-1][0] == "destroyed"


def test_without_trace_is_destroyed(control: MemoryControl) -> None:
    """A dataset that nobody knows any more is destroyed."""
    unknown = Wait(DatasetID(UUID(int=1)), Destroyed(), 1.0)
    looks = Looks()
    found = control.run(wait(control.client(), unknown, control.clock, looks))
    assert (found, looks.seen) == (None, [])


def test_without_trace_is_not_mounted(control: MemoryControl) -> None:
    """A dataset that nobody knows cannot be waited for to be mounted."""
    unknown = Wait(DatasetID(UUID(int=1)), Mounted(NODE), 1.0)
    with pytest.raises(RequestRefused):
        control.run(wait(control.client(), unknown, control.clock, Looks()))
