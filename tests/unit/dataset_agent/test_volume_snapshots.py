"""Snapshots and clones of volumes, as one agent takes, makes and destroys them."""

from uuid import UUID

import pytest
from attrs import evolve
from twisted.internet.defer import ensureDeferred

from flocker.backends.block_interface import BlockSnapshot, NoSnapshots
from flocker.convergence.outcome import GiveUp
from flocker.dataset_agent.performing import perform
from flocker.dataset_agent.planning import Waiting, decide
from flocker.dataset_agent.states import Attached, Blank, Missing, Mounted
from flocker.dataset_agent.steps import (
    Create,
    Destroy,
    DropSnapshot,
    Mount,
    TakeSnapshot,
)
from flocker.dataset_agent.volume_snapshots import next_step, told
from flocker.model.cluster import Condition, Want
from flocker.model.datasets import DEFAULT_BACKEND
from flocker.model.ids import NodeID, SnapshotID, UserSnapshotID, VolumeID
from flocker.model.sizes import MEBIBYTE
from flocker.model.snapshots import (
    FoundSnapshot,
    Origin,
    Taken,
    UserSnapshot,
    UserSnapshots,
    VolumeSnapshots,
)
from flocker.testing.builders import a_dataset, an_assignment, an_ownership
from flocker.testing.rigs import HERE, FakeRig
from tests.unit.dataset_agent.test_agent import ONE, TWO, Bench

MONDAY, TUESDAY = (UserSnapshotID(UUID(int=number)) for number in (1, 2))
PLACE = FakeRig().rig.place(ONE)
MOUNTED = Mounted(ONE, VolumeID("v"), MEBIBYTE, PLACE, PLACE)


def a_wish(identifier=MONDAY, **more) -> UserSnapshot:
    """A snapshot that is wanted."""
    return UserSnapshot(identifier, "monday", 1.0, **more)


def wishes(*wanted: UserSnapshot, revision: int = 1) -> UserSnapshots:
    """What is wanted of the dataset."""
    return UserSnapshots(ONE, wanted, revision)


def a_snapshot(mark=MONDAY, of: str = "v") -> BlockSnapshot:
    """One that there is."""
    return BlockSnapshot(SnapshotID(f"s{mark.int}"), VolumeID(of), mark, MEBIBYTE)


def following(wanted, *there):
    """What is to be done next."""
    return next_step(MOUNTED, wanted, there, DEFAULT_BACKEND)


# What is to be done


def test_take():
    """What is wanted and not there is taken, the oldest first."""
    wanted = wishes(a_wish(MONDAY), a_wish(TUESDAY))
    take = TakeSnapshot(ONE, DEFAULT_BACKEND, VolumeID("v"), PLACE, MONDAY)
    assert following(wanted) == take
    assert following(wanted, a_snapshot()) == evolve(take, mark=TUESDAY)
    assert following(wanted, a_snapshot(of="other")) == take


def test_take_nothing():
    """What was taken is never taken again, though it be gone; nor what is deleted."""
    was = Taken(SnapshotID("s1"), 2.0)
    assert following(wishes(a_wish(taken=was))) is None
    assert following(wishes(a_wish(deleted=1))) is None
    assert following(wishes()) is None
    assert following(None, a_snapshot()) is None


def test_drop_first():
    """What is deleted goes first: what cannot be taken may need its room."""
    wanted = wishes(a_wish(TUESDAY), a_wish(MONDAY, deleted=2))
    drop = DropSnapshot(ONE, DEFAULT_BACKEND, VolumeID("v"), SnapshotID("s1"))
    assert following(wanted, a_snapshot()) == drop


def test_strangers_stay():
    """A snapshot that nobody here has asked for is left alone."""
    assert following(wishes(), a_snapshot()) is None


def test_told():
    """All that are wanted and there are told, deleted ones too, and no stranger."""
    wanted = wishes(a_wish(deleted=3), a_wish(TUESDAY), revision=3)
    stranger = a_snapshot(UserSnapshotID(UUID(int=9)))
    assert told(wanted, [a_snapshot(), stranger]) == VolumeSnapshots(
        (FoundSnapshot(MONDAY, SnapshotID("s1")),), 3
    )


# Clones


def a_clone():
    """A dataset that is to begin as a snapshot."""
    return evolve(a_dataset(), origin=Origin(TWO, SnapshotID("s1")))


def test_create_from_a_snapshot():
    """The volume of a clone is made of its snapshot."""
    assignment = evolve(an_assignment(), dataset=a_clone())
    step = decide(Want.MOUNTED, Missing(ONE), assignment, DEFAULT_BACKEND, 1)
    assert isinstance(step, Create)
    assert step.origin == SnapshotID("s1")


def test_clone_is_not_formatted():
    """A clone that is blank has lost its content: nobody makes it a new filesystem."""
    assignment = evolve(an_assignment(), dataset=a_clone())
    blank = Blank(ONE, VolumeID("v"), MEBIBYTE, PLACE)
    decision = decide(Want.MOUNTED, blank, assignment, DEFAULT_BACKEND, 1)
    assert isinstance(decision, Waiting)
    assert (decision.cause.code, decision.cause.permanent) == ("clone-blank", True)


@pytest.mark.parametrize("copy", [True, False])
def test_clone_is_mounted_as_a_copy(copy):
    """It may have the UUID of its source; others must have their own."""
    dataset = a_clone() if copy else a_dataset()
    found = Attached(ONE, VolumeID("v"), MEBIBYTE, PLACE, "xfs")
    assignment = evolve(an_assignment(), dataset=dataset)
    step = decide(Want.MOUNTED, found, assignment, DEFAULT_BACKEND, 1)
    assert step == Mount(ONE, DEFAULT_BACKEND, VolumeID("v"), PLACE, copy)


# The agent


@pytest.fixture
def bench() -> Bench:
    """An agent with a dataset that is mounted."""
    made = Bench()
    made.connect()
    made.fakes.mounted(ONE)
    return made


def the_volume(bench: Bench) -> VolumeID:
    """The volume of the dataset."""
    (found,) = [
        each.blockdevice_id
        for each in bench.fakes.service.volumes.values()
        if each.dataset_id == ONE
    ]
    return found


def tell(bench: Bench, wanted: UserSnapshots | None, **more) -> None:
    """Tell the agent what is wanted, and let it act."""
    own = an_ownership(volume=the_volume(bench), acquired=True)
    assignment = evolve(an_assignment(), ownership=own, snapshots=wanted, **more)
    bench.take(assignment, full=bench.number == 0)
    bench.fakes.clock.pump([0.1] * 50)


def there(bench: Bench) -> list[UserSnapshotID]:
    """The marks of all snapshots."""
    return [kept.mark for kept, _ in bench.fakes.service.snapshots.values()]


def test_taken_and_destroyed(bench):
    """What is wanted is taken once, told, and destroyed when it is not wanted."""
    tell(bench, wishes(a_wish()))
    assert there(bench) == [MONDAY]
    (found,) = bench.fact(ONE).kept.found
    assert (found.id, bench.fact(ONE).kept.heard) == (MONDAY, 1)
    assert bench.fakes.faults.calls["flush"] == 1
    was = Taken(found.identity, 2.0)
    tell(bench, wishes(a_wish(taken=was), revision=2))
    assert bench.fakes.faults.calls["take_snapshot"] == 1
    tell(bench, wishes(a_wish(taken=was, deleted=3), revision=3))
    assert there(bench) == []
    assert bench.fact(ONE).kept == VolumeSnapshots((), 3)
    assert bench.fact(ONE).condition is Condition.MOUNTED


def test_nothing_wanted(bench):
    """While nobody wants any, the backend is not asked, and nothing is said."""
    tell(bench, None)
    assert "list_snapshots" not in bench.fakes.faults.calls
    assert bench.fact(ONE).kept is None


def test_not_while_it_leaves(bench):
    """What is to go elsewhere goes; whoever has it then takes the snapshot."""
    other = NodeID(UUID(int=77))
    tell(bench, wishes(a_wish()), dataset=evolve(a_dataset(), primary=other))
    assert there(bench) == []
    assert bench.fact(ONE).kept is None


def test_why_not(bench):
    """What is in the way is the cause of the dataset, which stays mounted."""
    bench.fakes.service.why_no_snapshots = "the service has gone mad"
    tell(bench, wishes(a_wish()))
    said = bench.fact(ONE)
    assert said.condition is Condition.MOUNTED
    assert "the service has gone mad" in said.cause.words
    assert said.kept == VolumeSnapshots((), 1)


def done(fakes: FakeRig, step):
    """Do one step."""
    outcomes = []
    ensureDeferred(perform(step, fakes.rig)).addCallback(outcomes.append)
    fakes.clock.pump([0.1] * 5)
    return outcomes[0] if outcomes else None


def test_given_up(bench):
    """What would stop who writes for too long is given up, saying what to do."""
    bench.fakes.service.too_slow = "it is too large", "make it smaller"
    step = TakeSnapshot(ONE, DEFAULT_BACKEND, the_volume(bench), PLACE, MONDAY)
    outcome = done(bench.fakes, step)
    assert isinstance(outcome, GiveUp)
    assert outcome.cause.code == "snapshot-given-up"
    assert outcome.cause.words.endswith("it is too large")
    assert outcome.cause.release == "make it smaller"


def test_clone_made(bench):
    """A clone is made of what was kept, with the mark of its own life."""
    tell(bench, wishes(a_wish()))
    (name,) = bench.fakes.service.snapshots
    step = Create(TWO, DEFAULT_BACKEND, 2 * MEBIBYTE, None, name)
    done(bench.fakes, step)
    done(bench.fakes, step)
    (made,) = [
        each for each in bench.fakes.service.volumes.values() if each.dataset_id == TWO
    ]
    assert made.size == 2 * MEBIBYTE
    content = bench.fakes.service.contents[made.blockdevice_id]
    assert content.signature == "ext4"


def test_source_missing(bench):
    """Where the snapshot is not there the clone waits, and says for what."""
    step = Create(TWO, DEFAULT_BACKEND, MEBIBYTE, None, SnapshotID("gone"))
    outcome = done(bench.fakes, step)
    assert outcome.cause.code == "source-missing"
    assert "no snapshot gone" in outcome.cause.words
    assert len(bench.fakes.service.volumes) == 1


def test_destroyed_with_the_volume(bench):
    """With a volume go its snapshots, and no other's."""
    tell(bench, wishes(a_wish()))
    other = bench.fakes.volume(TWO, attached=True)
    kept = bench.fakes.service.node(HERE).take_snapshot(other, TUESDAY)
    bench.fakes.kernel.unmount(PLACE, None)
    volume = the_volume(bench)
    bench.fakes.service.node(HERE).detach_volume(volume)
    done(bench.fakes, Destroy(ONE, DEFAULT_BACKEND, volume))
    assert list(bench.fakes.service.snapshots) == [kept.id]
    assert volume not in bench.fakes.service.volumes


def test_backend_without_any():
    """Who lacks the interface says so."""
    fakes = FakeRig()
    backend = evolve(fakes.backend, api=fakes.service.fixed_node(HERE))
    fakes.rig.backends[DEFAULT_BACKEND] = backend
    step = Create(TWO, DEFAULT_BACKEND, MEBIBYTE, None, SnapshotID("s"))
    outcome = done(fakes, step)
    assert outcome.cause.code == "source-missing"
    assert str(NoSnapshots("backend default (memory) has none")) in outcome.cause.words
