"""Datasets on a simulated cluster: real control, agents and protocol, fake storage."""

from itertools import product

import pytest

from flocker.dataset_agent.rig import MOUNT_ROOT
from flocker.model.cluster import Phase
from flocker.model.ids import DatasetID
from flocker.runtime.holders import Holder
from flocker.testing.simulation.faults import Fault
from flocker.testing.simulation.machines import Machine
from flocker.testing.simulation.world import World

CALLS = (
    "create_volume",
    "attach_volume",
    "detach_volume",
    "destroy_volume",
    "list_volumes",
    "get_device_path",
    "compute_instance_id",
    "allocation_unit",
    "make",
    "mount",
    "unmount",
    "signature",
    "mounts",
)
CHANGING = frozenset(CALLS[:4]) | {"make", "mount", "unmount"}


def changes(machine: Machine) -> dict[str, int]:
    """How often each call was made that changes storage."""
    return {n: c for n, c in machine.faults.calls.items() if n in CHANGING}


def device_of(machine: Machine, dataset: DatasetID) -> object:
    """The device that is mounted in a dataset's place."""
    return machine.kernel.mounted[MOUNT_ROOT / str(dataset)]


def started(world: World) -> World:
    """A world whose agents have found control."""
    world.advance(1.0)
    return world


def with_dataset(world: World, machine: Machine) -> DatasetID:
    """Make a dataset with something in it."""
    dataset = world.create(machine)
    world.settle()
    world.write()
    return dataset


def test_created_is_mounted() -> None:
    """A new dataset is mounted on its node within a second."""
    world = started(World())
    dataset = world.create(world.machines[0])
    world.advance(1.0)
    assert world.mounted_at(dataset) == ["i-1"]
    assert world.status(dataset).phase is Phase.MOUNTED
    assert list(world.watch.formatted.values()) == [1]


def test_moved_with_its_data() -> None:
    """A dataset that is moved is soon on the other node, with what was written."""
    world = started(World())
    one, two = world.machines
    dataset = with_dataset(world, one)
    assert len(world.written) == 1
    world.move(dataset, two)
    world.advance(1.0)
    assert world.mounted_at(dataset) == ["i-2"]
    files = two.kernel.files(MOUNT_ROOT / str(dataset))
    assert set(files) == {each.name for each in world.written}


def test_there_and_back() -> None:
    """A dataset moved back before it has arrived is where it was."""
    world = started(World(steps_take=1.0))
    one, two = world.machines
    dataset = with_dataset(world, one)
    world.move(dataset, two)
    world.advance(0.6)
    world.move(dataset, one)
    world.settle()
    assert world.mounted_at(dataset) == ["i-1"]


def test_deleted_is_destroyed() -> None:
    """A deleted dataset's volume is destroyed, and its status says so."""
    world = started(World())
    dataset = with_dataset(world, world.machines[0])
    world.delete(dataset)
    world.advance(1.0)
    assert world.service.volumes == {}
    assert world.status(dataset).phase is Phase.DESTROYED


def test_deleted_on_the_way() -> None:
    """A dataset deleted while another node still has it is destroyed too."""
    world = started(World(steps_take=1.0))
    one, two = world.machines
    dataset = with_dataset(world, one)
    world.move(dataset, two)
    world.delete(dataset)
    world.settle()
    assert world.service.volumes == {}


def deleted_while_it_is_made(seed: int) -> World:
    """A world where a dataset was moved and deleted while its first node made it."""
    world = World(seed=seed, steps_take=5.0)
    world.advance(6.0)
    one, two = world.machines
    dataset = world.create(one)
    world.advance_until(
        lambda: world.status(dataset).phase is Phase.CREATING, within=10.0
    )
    world.move(dataset, two)
    world.delete(dataset)
    world.settle()
    assert world.status(dataset).phase is Phase.DESTROYED
    return world


@pytest.mark.parametrize("seed", range(6))
def test_deleted_while_it_is_made(seed: int) -> None:
    """A dataset is destroyed only when no node is in the middle of making it."""
    assert deleted_while_it_is_made(seed).service.volumes == {}


def test_deleted_while_a_node_falls_silent() -> None:
    """A dataset is destroyed though a node fell silent that was to let it go."""
    world = started(World())
    one, two = world.machines
    dataset = world.create(one)
    world.move(dataset, two)
    one.partition()
    world.delete(dataset)
    world.settle()
    assert world.status(dataset).phase is Phase.DESTROYED


def test_update_lost_with_its_connection() -> None:
    """What an agent was told while its connection died, it is told again."""
    world = started(World())
    world.machines[0].partition()
    dataset = world.create(world.machines[0])
    world.machines[0].heal()
    world.advance(60.0)
    assert world.mounted_at(dataset) == ["i-1"]


@pytest.mark.parametrize("steps_take", [0.0, 0.5])
def test_agents_killed_at_any_moment(steps_take: float) -> None:
    """Agents killed and started anew, at any moment, finish what was begun."""
    moments = 60
    for moment in range(moments):
        world = started(World(seed=moment, steps_take=steps_take))
        one, two = world.machines
        dataset = world.create(one)
        for _ in range(moment):
            world.step()
        one.start_agent()
        world.settle()
        world.write()
        world.move(dataset, two)
        for _ in range(moment):
            world.step()
        one.start_agent()
        two.start_agent()
        world.settle()
        world.delete(dataset)
        for _ in range(moment):
            world.step()
        two.start_agent()
        world.settle()
        assert world.service.volumes == {}


@pytest.mark.parametrize(("call", "fault"), list(product(CALLS, Fault)))
def test_call_fails_once(call: str, fault: Fault) -> None:
    """A call that fails once, in whatever way, delays things and breaks nothing."""
    world = started(World())
    one, two = world.machines
    for machine in world.machines:
        machine.faults.once[call] = [fault]
    dataset = world.create(one)
    world.settle()
    world.write()
    for machine in world.machines:
        machine.faults.once[call] = [fault]
    world.move(dataset, two)
    world.settle()
    for machine in world.machines:
        machine.faults.once[call] = [fault]
    world.delete(dataset)
    world.settle()
    assert world.service.volumes == {}


@pytest.mark.parametrize("call", CALLS)
def test_call_fails_always(call: str) -> None:
    """A dataset whose steps never work has a status that says why, and no other."""
    world = started(World())
    one = world.machines[0]
    one.faults.always.add(call)
    dataset = world.create(one)
    world.advance(60.0)
    other = with_other_faults_ended(world, one, dataset, call)
    assert world.mounted_at(other) == ["i-2"]


def with_other_faults_ended(
    world: World, one: Machine, dataset: DatasetID, call: str
) -> DatasetID:
    """See that the status has the cause; give a dataset of the other machine."""
    if call in {"detach_volume", "unmount", "destroy_volume"}:
        assert world.mounted_at(dataset) == ["i-1"]
        world.delete(dataset)
        world.advance(60.0)
    cause = world.status(dataset).cause
    assert cause is not None
    assert f"{call} fails" in cause.words
    other = world.create(world.machines[1])
    world.advance(5.0)
    return other


def test_retries_do_not_spin() -> None:
    """A call that always fails is made some ten times in a minute, not more."""
    world = started(World())
    one = world.machines[0]
    one.faults.always.add("attach_volume")
    world.create(one)
    world.advance(60.0)
    assert 8 <= one.faults.calls["attach_volume"] <= 12
    assert one.faults.calls["list_volumes"] <= 40


@pytest.mark.parametrize("call", ["get_device_path", "signature", "attach_volume"])
def test_poison_dataset(call: str) -> None:
    """A volume that makes the driver fail does not stop others on the same node."""
    world = started(World())
    one = world.machines[0]
    poison = world.create(one)
    world.advance_until(lambda: bool(world.service.volumes), 5.0)
    volume = next(iter(world.service.volumes))
    one.faults.always.add(f"{call} {volume}")
    one.faults.always.add(f"{call} /dev/memory/d1")
    world.advance(30.0)
    other = world.create(one)
    world.advance(30.0)
    assert world.mounted_at(other) == ["i-1"]
    assert world.mounted_at(poison) == []
    cause = world.status(poison).cause
    assert cause is not None
    assert f"{call} fails" in cause.words


def test_without_control() -> None:
    """An agent that does not hear control changes nothing, and goes on afterwards."""
    world = started(World(steps_take=0.2))
    one = world.machines[0]
    dataset = world.create(one)
    world.advance_until(lambda: bool(one.faults.calls.get("create_volume")), 5.0)
    world.stop_control()
    world.advance(0.5)
    before = changes(one)
    world.advance(200.0)
    assert changes(one) == before
    assert world.mounted_at(dataset) == []
    world.settle()


def test_started_without_control() -> None:
    """An agent started without control leaves what is mounted mounted."""
    world = started(World())
    one = world.machines[0]
    dataset = with_dataset(world, one)
    world.stop_control()
    one.start_agent()
    before = changes(one)
    world.advance(200.0)
    assert changes(one) == before
    assert world.mounted_at(dataset) == ["i-1"]
    world.settle()


def test_control_killed_at_any_moment() -> None:
    """Control killed and started anew, at any moment of a move, finishes it."""
    for moment in range(40):
        world = started(World(seed=moment))
        one, two = world.machines
        dataset = with_dataset(world, one)
        world.move(dataset, two)
        for _ in range(moment):
            world.step()
        world.start_control()
        world.settle()


def test_emptied_volume() -> None:
    """A volume that has held data and is blank is not formatted, and named."""
    world = started(World())
    one, two = world.machines
    dataset = with_dataset(world, one)
    world.advance(1.0)
    one.power_off()
    world.advance(20.0)
    next(iter(world.service.contents.values())).signature = None
    world.move(dataset, two)
    world.advance(90.0)
    status = world.status(dataset)
    assert status.phase is Phase.FAILED
    assert status.cause is not None
    assert status.cause.code == "volume-blank"
    assert list(world.watch.formatted.values()) == [1]


def test_busy() -> None:
    """While somebody uses a dataset it stays, the status says who, and then it goes."""
    world = started(World())
    one, two = world.machines
    dataset = with_dataset(world, one)
    device = device_of(one, dataset).path
    one.kernel.hold(device, Holder(7, "postgres", "open /flocker/x"))
    world.move(dataset, two)
    world.advance(30.0)
    status = world.status(dataset)
    assert world.mounted_at(dataset) == ["i-1"]
    assert status.cause is not None
    assert status.cause.code == "busy"
    assert "process 7 (postgres)" in status.cause.words
    one.kernel.let_go(device)
    world.advance(15.0)
    assert world.mounted_at(dataset) == ["i-2"]


def test_machine_switched_off() -> None:
    """A dataset moves away from a machine of which the backend says that it is off."""
    world = started(World())
    one, two = world.machines
    dataset = with_dataset(world, one)
    one.power_off()
    world.advance(30.0)
    world.move(dataset, two)
    world.advance(60.0)
    assert world.mounted_at(dataset) == ["i-2"]
    one.power_on()
    world.settle()


def test_listed_late() -> None:
    """A volume that its backend lists late is made once, and used at once."""
    world = started(World(lag=30.0))
    dataset = world.create(world.machines[0])
    world.advance(100.0)
    assert world.mounted_at(dataset) == ["i-1"]
    assert len(world.service.volumes) == 1


def test_device_appears_late() -> None:
    """An attach that was cut short is finished."""
    world = started(World())
    one = world.machines[0]
    one.faults.once["attach_volume"] = [Fault.HALF, Fault.BEFORE, Fault.BEFORE]
    dataset = world.create(one)
    world.advance(10.0)
    assert world.mounted_at(dataset) == ["i-1"]


def test_quiet_cluster() -> None:
    """A cluster at rest lists its volumes once a minute and a node, and probes none."""
    world = started(World())
    for _ in range(5):
        world.create(world.machines[0])
    world.settle()
    world.advance(1.0)
    calls = world.machines[0].faults.calls
    before = dict(calls)
    world.advance(600.0)
    made = {name: count - before.get(name, 0) for name, count in calls.items()}
    assert 8 <= made.pop("list_volumes") <= 13
    assert made["signature"] == 0
    assert made["list_live_nodes" if "list_live_nodes" in made else "make"] == 0


def test_backend_that_hangs() -> None:
    """A dataset whose backend hangs stays, says so, and goes on after that."""
    world = started(World())
    one, two = world.machines
    dataset = with_dataset(world, one)
    one.threads.hang()
    world.move(dataset, two)
    world.advance(130.0)
    assert world.mounted_at(dataset) == ["i-1"]
    cause = world.status(dataset).cause
    assert cause is not None
    assert cause.words == "backend default has not answered for 2 minutes"
    one.threads.go_on()
    world.settle()
    assert world.mounted_at(dataset) == ["i-2"]
