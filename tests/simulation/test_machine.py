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

    @rule(on=which, call=calls, how=st.sampled_from([*Fault, *Fault, None]))
    def fail(self, on: int, call: str, how: Fault | None) -> None:
        """A call fails once in some way, or (None) always, until all are mended."""
        faults = self.machine(on).faults
        if how is None:
            faults.always.add(call)
        else:
            faults.once.setdefault(call, []).append(how)

    @rule(on=which, begins=st.booleans())
    def use(self, on: int, *, begins: bool) -> None:
        """Somebody opens files on all that is mounted, or closes them."""
        kernel = self.machine(on).kernel
        for path in list(kernel.held):
            kernel.let_go(path)
        if begins:
            for device in kernel.mounted.values():
                kernel.hold(device.path, Holder(7, "writer", "open file"))

    @rule(on=which, what=st.sampled_from(["start", "start", "kill", "mend"]))
    def agent(self, on: int, what: str) -> None:
        machine = self.machine(on)
        if what == "mend":
            machine.faults.clear()
        elif what == "kill":
            machine.kill_agent()
        else:
            machine.start_agent()

    @rule(on=which, whole=st.booleans())
    def network(self, on: int, *, whole: bool) -> None:
        """Connections are lost with all that is under way; new ones come, or not."""
        self.machine(on).partition()
        if whole:
            self.machine(on).heal()

    @rule(on=which, up=st.booleans())
    def power(self, on: int, *, up: bool) -> None:
        if up:
            self.machine(on).power_on()
        else:
            self.machine(on).power_off()

    @rule(up=st.sampled_from([True, True, False]))
    def control(self, *, up: bool) -> None:
        if up:
            self.world.start_control()
        else:
            self.world.stop_control()

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.settle()


TestCluster = ClusterMachine.TestCase
TestCluster.settings = settings(
    max_examples=150,
    stateful_step_count=50,
    suppress_health_check=[HealthCheck.too_slow],
)
