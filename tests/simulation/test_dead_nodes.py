"""Nodes that die, are said to be dead, and come back: on a simulated cluster."""

from functools import partial

from flocker.control import nodes
from flocker.dataset_agent.rig import MOUNT_ROOT
from flocker.model.cluster import Phase
from flocker.model.ids import DatasetID
from flocker.model.nodes import Evidence
from flocker.testing.simulation.asking import run_now
from flocker.testing.simulation.machines import Machine
from flocker.testing.simulation.world import World

BY_HAND = (Evidence.OPERATOR, "alice", "it is off")


def with_dataset() -> tuple[World, DatasetID]:
    """A world of two machines; the first has a dataset with something in it."""
    world = World()
    world.advance(1.0)
    dataset = world.create(world.machines[0])
    world.settle()
    world.write()
    return world, dataset


def marked(world: World, machine: Machine) -> bool:
    """Whether the registry has a machine's node marked dead."""
    return world.configuration.nodes[machine.node].is_dead


def mark(world: World, machine: Machine) -> None:
    """Say that a machine is dead."""
    assert world.control is not None
    sight = world.control.observations.sight
    now = world.clock.seconds()
    run_now(
        world.control.operations.change(
            partial(
                nodes.declare_dead,
                sighted=sight,
                node=machine.node,
                mark=BY_HAND,
                now=now,
            )
        )
    )


def test_backend_gives_evidence() -> None:
    """What a machine had that was switched off is soon where it is moved to."""
    world, dataset = with_dataset()
    one, two = world.machines
    one.power_off()
    world.move(dataset, two)
    world.advance_until(lambda: world.mounted_at(dataset) == ["i-2"], 40.0)
    assert marked(world, one)
    assert {each.name for each in world.written} <= set(
        two.kernel.files(MOUNT_ROOT / str(dataset))
    )


def test_no_move_without_evidence() -> None:
    """Silence is no evidence: the status names the command that would release it."""
    world, dataset = with_dataset()
    one, two = world.machines
    one.partition()
    world.move(dataset, two)
    world.advance(600.0)
    found = world.status(dataset)
    assert (found.phase, found.node) == (Phase.WAITING, one.node)
    assert found.cause is not None
    assert found.cause.code == "holder-silent"
    command = f"flockerctl node dead {one.node} --i-have-checked"
    assert command in str(found.cause.release)
    assert world.mounted_at(dataset) == ["i-1"]
    assert not marked(world, one)


def test_known_after_a_restart() -> None:
    """A new control service knows who has it, though that node has said nothing."""
    world, dataset = with_dataset()
    one, two = world.machines
    one.partition()
    world.advance(60.0)
    world.start_control()
    world.move(dataset, two)
    world.advance(60.0)
    found = world.status(dataset)
    assert (found.phase, found.node) == (Phase.WAITING, one.node)
    assert found.cause is not None
    assert found.cause.code == "holder-silent"


def test_new_life() -> None:
    """A machine that boots is a member again, and gets what is wanted of it."""
    world, dataset = with_dataset()
    one, two = world.machines
    one.power_off()
    world.move(dataset, two)
    world.advance_until(lambda: world.mounted_at(dataset) == ["i-2"], 40.0)
    one.power_on()
    world.advance(5.0)
    assert not marked(world, one)
    world.move(dataset, one)
    world.settle()
    assert world.mounted_at(dataset) == ["i-1"]


def test_deleted_on_a_dead_node() -> None:
    """What a dead node was to destroy is destroyed by another one."""
    world, dataset = with_dataset()
    one, _ = world.machines
    one.power_off()
    world.advance(20.0)
    mark(world, one)
    world.delete(dataset)
    world.advance_until(lambda: world.configuration.datasets[dataset].destroyed, 60.0)
    assert world.service.volumes == {}


def test_stands_down() -> None:
    """A node that was marked and lives lets go of all, and is a member again."""
    world, dataset = with_dataset()
    one, two = world.machines
    other = world.create(one)
    world.settle()
    one.partition()
    world.advance(20.0)
    mark(world, one)
    one.heal()
    world.advance_until(lambda: not marked(world, one), 60.0)
    assert one.kernel.mounted == {}
    world.settle()
    assert world.mounted_at(dataset) == world.mounted_at(other) == ["i-1"]
    assert two.kernel.mounted == {}
