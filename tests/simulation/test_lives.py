"""An id has several lives: a volume of another one is nobody's until somebody says so.

The worlds of seed 0 mark volumes, that of seed 2 has a driver that cannot.
"""

from uuid import UUID

import pytest

from flocker.model.cluster import Phase
from flocker.model.ids import DatasetID
from flocker.testing.simulation.faults import Fault
from flocker.testing.simulation.world import MARKLESS, World

DATASET = DatasetID(UUID(int=0xDA7A))
UNMARKED = MARKLESS - 1
EXISTS = "unclaimed-volume-exists"


@pytest.mark.parametrize("seed", [0, UNMARKED])
@pytest.mark.parametrize("marked", [True, False])
def test_waits_for_a_word(seed: int, *, marked: bool) -> None:
    """A dataset does not take what carries its id, makes nothing beside it, and says.

    Deleted, it leaves that as it is.
    """
    world = World(seed=seed)
    theirs = world.leave(DATASET, marked=marked)
    world.create(world.machines[0], again=DATASET)
    world.advance(300.0)
    status = world.status(DATASET)
    assert (status.phase, status.cause.code) == (Phase.FAILED, EXISTS)
    assert theirs in status.cause.words
    assert f"flockerctl adopt {DATASET} --volume {theirs}" in status.cause.release
    assert list(world.service.volumes) == [theirs]
    world.delete(DATASET)
    world.settle()
    assert world.status(DATASET).phase is Phase.DESTROYED
    assert list(world.service.volumes) == [theirs]


def test_adopted() -> None:
    """When somebody says so it is the dataset, with what is on it."""
    world = World()
    theirs = world.leave(DATASET, marked=True)
    world.create(world.machines[0], again=DATASET)
    world.advance(10.0)
    world.adopt(theirs)
    world.settle()
    assert {each.name for each in world.written} == {"theirs"}
    assert world.configuration.ownership[DATASET].acquired


def test_out_of_the_way() -> None:
    """When it is gone, or turns up too late, the dataset has a volume of its own."""
    world = World()
    theirs = world.leave(DATASET, marked=True)
    world.create(world.machines[0], again=DATASET)
    world.advance(10.0)
    world.watch.treasures.discard(theirs)
    del world.service.volumes[theirs]
    world.settle()
    late = world.leave(DATASET, marked=True)
    world.advance(100.0)
    world.delete(DATASET)
    world.settle()
    assert list(world.service.volumes) == [late]


@pytest.mark.parametrize("how", [Fault.AFTER, Fault.ODD, Fault.BEFORE])
def test_answer_lost(how: Fault) -> None:
    """A volume whose making seemed to fail is known by its mark for the dataset's."""
    world = World()
    one = world.machines[0]
    one.faults.once["create_volume"] = [how]
    world.create(one)
    world.settle()
    assert len(world.service.volumes) == 1


def test_answer_lost_without_a_mark() -> None:
    """Where volumes carry no mark a person must say whose it is: it may hold data."""
    world = World(seed=UNMARKED)
    one = world.machines[0]
    one.faults.once["create_volume"] = [Fault.AFTER]
    dataset = world.create(one)
    world.advance(60.0)
    assert world.status(dataset).cause.code == EXISTS
    world.obey()
    world.settle()
    assert len(world.service.volumes) == 1


def test_made_without_a_mark() -> None:
    """A volume that was answered for is the dataset's, mark or not."""
    world = World(seed=UNMARKED)
    world.create(world.machines[0])
    world.advance(60.0)
    assert world.ill() == []


def test_left_over_of_an_earlier_life() -> None:
    """What a purged life left behind is not taken when its id is used again."""
    world = World()
    one, two = world.machines
    dataset = world.create(one)
    world.settle()
    spare = world.service.make(
        dataset, 1, world.configuration.datasets[dataset].life
    ).blockdevice_id
    world.watch.spare.add(spare)
    world.delete(dataset)
    world.settle()
    world.advance(1.0)
    world.purge(dataset)
    world.advance(1.0)
    world.create(two, again=dataset)
    world.advance(60.0)
    assert world.status(dataset).cause.code == EXISTS
    assert list(world.service.volumes) == [spare]
