"""Leases and datasets on use, on a simulated cluster."""

from random import Random

import pytest

from flocker.control.datasets import NotDestroyedYet
from flocker.control.leases import LeaseHeld, LeaseNotFound
from flocker.control.upkeep import GRACE
from flocker.model.cluster import Phase
from flocker.model.datasets import Mounting
from flocker.model.ids import DatasetID
from flocker.testing.simulation.machines import Machine
from flocker.testing.simulation.world import World


def started() -> World:
    """A world whose agents have found control, and whose leases can end."""
    world = World()
    world.advance(GRACE + 1.0)
    return world


def with_dataset(world: World, machine: Machine) -> DatasetID:
    """Make a dataset with something in it, leased where it is."""
    dataset = world.create(machine)
    world.settle()
    world.write()
    world.lease(dataset, machine)
    return dataset


def test_moved() -> None:
    """A leased dataset that is moved stays; when the lease ends it goes at once."""
    world = started()
    one, two = world.machines
    dataset = with_dataset(world, one)
    world.move(dataset, two)
    world.advance(300.0)
    assert world.mounted_at(dataset) == ["i-1"]
    assert world.status(dataset).cause.code == "leased"
    world.release(dataset)
    world.advance(1.0)
    assert world.mounted_at(dataset) == ["i-2"]


def test_deleted() -> None:
    """A leased dataset that is deleted stays; when the lease ends it is destroyed."""
    world = started()
    one, _ = world.machines
    dataset = with_dataset(world, one)
    world.delete(dataset)
    world.advance(300.0)
    assert world.mounted_at(dataset) == ["i-1"]
    world.release(dataset)
    world.advance(1.0)
    assert world.status(dataset).phase is Phase.DESTROYED
    assert world.service.volumes == {}


def test_moved_and_deleted() -> None:
    """What was moved and deleted under a lease is destroyed when that ends."""
    world = started()
    one, two = world.machines
    dataset = with_dataset(world, one)
    world.move(dataset, two)
    world.delete(dataset)
    world.advance(60.0)
    assert world.mounted_at(dataset) == ["i-1"]
    world.release(dataset)
    world.advance(2.0)
    assert world.service.volumes == {}


def test_deleted_while_the_driver_fails() -> None:
    """A leased dataset stays mounted, also while nobody can say what is mounted."""
    world = started()
    one, _ = world.machines
    dataset = with_dataset(world, one)
    world.advance(1.0)
    one.faults.always.add("get_device_path")
    world.delete(dataset)
    world.advance(60.0)
    assert world.mounted_at(dataset) == ["i-1"]
    one.faults.clear()
    world.release(dataset)
    world.settle()
    assert world.service.volumes == {}


def test_expires() -> None:
    """A lease that ends by itself lets go at once."""
    world = started()
    one, two = world.machines
    dataset = with_dataset(world, one)
    world.lease(dataset, one, 100.0)
    world.move(dataset, two)
    world.advance(99.0)
    assert world.mounted_at(dataset) == ["i-1"]
    world.advance(2.0)
    assert world.mounted_at(dataset) == ["i-2"]


def test_control_starts_anew() -> None:
    """A lease outlives control, and no lease ends in the minute after its start."""
    world = started()
    one, two = world.machines
    dataset = with_dataset(world, one)
    world.lease(dataset, one, 5.0)
    world.move(dataset, two)
    world.stop_control()
    world.advance(60.0)
    world.start_control()
    world.advance(GRACE - 1.0)
    assert world.mounted_at(dataset) == ["i-1"]
    world.advance(3.0)
    assert world.mounted_at(dataset) == ["i-2"]


def test_agent_starts_anew() -> None:
    """An agent that starts anew respects the lease that it hears of."""
    world = started()
    one, two = world.machines
    dataset = with_dataset(world, one)
    world.move(dataset, two)
    one.start_agent()
    world.advance(60.0)
    assert world.mounted_at(dataset) == ["i-1"]


def test_machine_is_off() -> None:
    """A lease on a machine that is off keeps nothing from going on."""
    world = started()
    one, two = world.machines
    dataset = with_dataset(world, one)
    one.power_off()
    world.advance(30.0)
    world.move(dataset, two)
    world.advance(60.0)
    assert world.mounted_at(dataset) == ["i-2"]
    assert world.status(dataset).phase is Phase.MOUNTED


@pytest.mark.parametrize("mount", Mounting)
def test_refused_because_of_a_machine_that_is_off(mount: Mounting) -> None:
    """Who is refused what a machine leases that is off makes its backend be asked."""
    world = started()
    one, two = world.machines
    dataset = world.create(one, mount=mount)
    world.lease(dataset, one)
    world.settle()
    world.write()
    one.power_off()
    world.advance(30.0)
    with pytest.raises(LeaseHeld):
        world.lease(dataset, two)
    assert world.control is not None
    world.control.agents.look(two.node, dataset)
    world.advance(2.0)
    world.lease(dataset, two)
    if mount is Mounting.ALWAYS:
        world.move(dataset, two)
    world.advance(10.0)
    assert world.mounted_at(dataset) == ["i-2"]


def test_refused_because_of_a_machine_that_is_cut_off() -> None:
    """What only does not hear control is not off: it keeps what it leases."""
    world = started()
    one, two = world.machines
    dataset = world.create(one, mount=Mounting.ON_USE)
    world.lease(dataset, one)
    world.settle()
    one.partition()
    world.advance(30.0)
    assert world.control is not None
    world.control.agents.look(two.node, dataset)
    world.advance(300.0)
    with pytest.raises(LeaseHeld):
        world.lease(dataset, two)
    assert world.mounted_at(dataset) == ["i-1"]


def test_on_use_waits() -> None:
    """Nobody does anything for what is mounted on use until it is leased."""
    world = started()
    one, _ = world.machines
    dataset = world.create(one, mount=Mounting.ON_USE)
    world.advance(300.0)
    assert (world.service.volumes, world.mounted_at(dataset)) == ({}, [])
    assert world.status(dataset).cause.code == "not-in-use"


def test_on_use_follows_its_lease() -> None:
    """It is mounted where it is leased, stays when that ends, and follows the next."""
    world = started()
    one, two = world.machines
    dataset = world.create(one, mount=Mounting.ON_USE)
    world.lease(dataset, two)
    world.advance(1.0)
    assert world.mounted_at(dataset) == ["i-2"]
    world.write()
    world.release(dataset)
    world.advance(120.0)
    assert world.mounted_at(dataset) == ["i-2"]
    assert world.status(dataset).phase is Phase.MOUNTED
    world.lease(dataset, one)
    world.advance(1.0)
    assert world.mounted_at(dataset) == ["i-1"]
    assert len(world.written) == 1


def test_on_use_stays_through_restarts() -> None:
    """What stays after its use stays when agent and control start anew."""
    world = started()
    one, two = world.machines
    dataset = world.create(one, mount=Mounting.ON_USE)
    world.lease(dataset, two)
    world.advance(1.0)
    world.release(dataset)
    world.start_control()
    two.start_agent()
    world.advance(60.0)
    assert world.mounted_at(dataset) == ["i-2"]


def test_on_use_is_moved_by_leases_only() -> None:
    """A new primary of what is mounted on use moves nothing."""
    world = started()
    one, two = world.machines
    dataset = world.create(one, mount=Mounting.ON_USE)
    world.lease(dataset, one)
    world.advance(1.0)
    world.move(dataset, two)
    world.release(dataset)
    world.advance(60.0)
    assert world.mounted_at(dataset) == ["i-1"]


@pytest.mark.parametrize("used", [False, True])
def test_on_use_deleted(*, used: bool) -> None:
    """What is mounted on use is destroyed when it is deleted, used or not."""
    world = started()
    one, two = world.machines
    dataset = world.create(one, mount=Mounting.ON_USE)
    if used:
        world.lease(dataset, two)
        world.advance(1.0)
        world.release(dataset)
    world.delete(dataset)
    world.advance(2.0)
    assert world.status(dataset).phase is Phase.DESTROYED
    assert world.service.volumes == {}


def test_purged_and_made_again() -> None:
    """An id that was purged is free: the new dataset has a new, empty volume."""
    world = started()
    one, two = world.machines
    dataset = world.create(one)
    world.settle()
    world.write()
    with pytest.raises(NotDestroyedYet):
        world.purge(dataset)
    world.delete(dataset)
    world.settle()
    world.purge(dataset)
    world.advance(1.0)
    assert world.configuration.ownership == {}
    assert world.create(two, again=dataset) == dataset
    world.advance(1.0)
    assert world.mounted_at(dataset) == ["i-2"]
    assert len(world.service.volumes) == 1
    assert world.written == set()


@pytest.mark.parametrize("seed", range(15))
def test_whatever_users_do(seed: int) -> None:
    """Whatever is leased, moved and killed: no lease is broken, all ends as wanted."""
    random = Random(seed)  # noqa: S311  (the same in every run)
    world = World(size=3, seed=seed, steps_take=0.3)
    world.advance(GRACE)
    datasets = [
        world.create(random.choice(world.machines), mount=mount)
        for mount in (Mounting.ALWAYS, Mounting.ON_USE, Mounting.ON_USE)
    ]
    for _ in range(40):
        act(world, random, random.choice(datasets))
        world.advance(random.choice([0.0, 0.1, 0.5, 3.0, 30.0]))
        world.write()
    world.settle()


def act(world: World, random: Random, dataset: DatasetID) -> None:
    """Do one thing that a user or an accident does."""
    machine = random.choice(world.machines)
    match random.randrange(10):
        case 0 | 1 | 2:
            attempt(world.lease, dataset, machine, random.choice([None, 1.0, 20.0]))
        case 3 | 4:
            attempt(world.release, dataset)
        case 5 | 6:
            world.move(dataset, machine)
        case 7:
            machine.start_agent()
        case 8:
            world.start_control()
        case _:
            machine.partition()
            world.advance(5.0)
            machine.heal()


def attempt(do, *arguments: object) -> None:
    """Do it, if it may be done."""
    try:
        do(*arguments)
    except (LeaseHeld, LeaseNotFound):
        return


def moved_there_and_back(moment: int) -> World:
    """A dataset is moved away, and back and leased before its node can answer.

    The network is slow, so that the agent can do something meanwhile.
    """
    world = World(seed=moment, steps_take=0.002, latency=0.01)
    one, two = world.machines
    dataset = world.create(one)
    world.settle()
    world.advance(1.0)
    world.write()
    world.move(dataset, two)
    world.advance(moment * 0.0007)
    world.lease(dataset, one)
    world.move(dataset, one)
    world.advance(60.0)
    assert world.status(dataset).phase is Phase.MOUNTED
    assert world.mounted_at(dataset) == ["i-1"]
    return world


@pytest.mark.parametrize("moment", range(30))
def test_moved_there_and_back(moment: int) -> None:
    """What is said to be mounted where it is leased is not about to be unmounted."""
    moved_there_and_back(moment)
