"""Whatever users do and whatever breaks: Hypothesis plays, the invariants watch.

The world checks its invariants after every event: at most one node has a dataset
mounted, nothing is formatted twice, nothing written is lost, no volume is taken from a
machine that runs. In the end, with all faults mended, everything is as wanted.
"""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
)

from flocker.dataset_agent.holders import Holder
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
    "list_live_nodes",
    "make",
    "mount",
    "unmount",
    "signature",
)

MOST = 4
"""Datasets a world."""

which = st.integers(0, 5)
calls = st.sampled_from(CALLS)


class ClusterMachine(RuleBasedStateMachine):
    """Users, agents that are killed, machines that are switched off, failing calls."""

    @initialize(
        size=st.sampled_from([2, 3]),
        seed=st.integers(0, 2**16),
        steps_take=st.sampled_from([0.0, 0.5, 3.0]),
        lag=st.sampled_from([0.0, 0.0, 2.0]),
    )
    def begin(self, size: int, seed: int, steps_take: float, lag: float) -> None:
        self.world = World(size, seed, steps_take, lag)

    def machine(self, number: int) -> Machine:
        return self.world.machines[number % len(self.world.machines)]

    def dataset(self, number: int):
        alive = self.alive()
        return alive[number % len(alive)].id

    def alive(self):
        found = self.world.configuration.datasets.values()
        return sorted((d for d in found if not d.deleted), key=lambda d: str(d.id))

    def controlled(self) -> bool:
        return self.world.control is not None

    def served(self) -> bool:
        return self.controlled() and bool(self.alive())

    def roomy(self) -> bool:
        return self.controlled() and len(self.world.configuration.datasets) < MOST

    @precondition(roomy)
    @rule(on=which)
    def create(self, on: int) -> None:
        self.world.create(self.machine(on))

    @precondition(served)
    @rule(number=which, to=which)
    def move(self, number: int, to: int) -> None:
        self.world.move(self.dataset(number), self.machine(to))

    @precondition(served)
    @rule(number=which)
    def delete(self, number: int) -> None:
        self.world.delete(self.dataset(number))

    @rule()
    def write(self) -> None:
        self.world.write()

    @rule(seconds=st.sampled_from([0.002, 0.01, 0.3, 2.0, 20.0]))
    def wait(self, seconds: float) -> None:
        self.world.advance(seconds)

    @rule(events=st.integers(1, 12))
    def steps(self, events: int) -> None:
        for _ in range(events):
            self.world.step()

    @rule(on=which, call=calls, fault=st.sampled_from(Fault))
    def fail_once(self, on: int, call: str, fault: Fault) -> None:
        self.machine(on).faults.once.setdefault(call, []).append(fault)

    @rule(on=which, call=calls)
    def fail_always(self, on: int, call: str) -> None:
        self.machine(on).faults.always.add(call)

    @rule(on=which)
    def mend_calls(self, on: int) -> None:
        self.machine(on).faults.clear()

    @rule(on=which)
    def use(self, on: int) -> None:
        kernel = self.machine(on).kernel
        for device in kernel.mounted.values():
            kernel.hold(device.path, Holder(7, "writer", "open file"))

    @rule(on=which)
    def stop_using(self, on: int) -> None:
        kernel = self.machine(on).kernel
        for path in list(kernel.held):
            kernel.let_go(path)

    @rule(on=which)
    def restart_agent(self, on: int) -> None:
        self.machine(on).start_agent()

    @rule(on=which)
    def kill_agent(self, on: int) -> None:
        self.machine(on).kill_agent()

    @rule(on=which)
    def partition(self, on: int) -> None:
        self.machine(on).partition()

    @rule(on=which)
    def heal(self, on: int) -> None:
        self.machine(on).heal()

    @rule(on=which)
    def power_off(self, on: int) -> None:
        self.machine(on).power_off()

    @rule(on=which)
    def power_on(self, on: int) -> None:
        self.machine(on).power_on()

    @rule()
    def restart_control(self) -> None:
        self.world.start_control()

    @rule()
    def stop_control(self) -> None:
        self.world.stop_control()

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.settle()


TestCluster = ClusterMachine.TestCase
TestCluster.settings = settings(
    max_examples=200,
    stateful_step_count=40,
    suppress_health_check=[HealthCheck.too_slow],
)
