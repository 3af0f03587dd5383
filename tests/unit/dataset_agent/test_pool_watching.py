"""What is served and answers nobody is said, for as long as it is so."""

import pytest
from attrs import define, field
from twisted.internet.task import Clock
from zope.interface import implementer

from flocker.backends.pool_interface import IMortalMounts
from flocker.dataset_agent.pool_facts import Noted, fact
from flocker.dataset_agent.pool_looking import Seen
from flocker.dataset_agent.pool_rig import Pool
from flocker.dataset_agent.pool_states import Here, Served
from flocker.dataset_agent.pool_watching import EVERY, MountWatch
from flocker.model.cluster import Condition
from flocker.model.datasets import DEFAULT_BACKEND
from flocker.model.pools import Record
from flocker.runtime.threads import ThreadsStopped
from flocker.testing.builders import dataset_id, node_id
from flocker.testing.fakes.memory_disk import MemoryDisk
from flocker.testing.fakes.memory_pool import MemoryPool
from flocker.testing.simulation.processes import ProcessClock, SimulatedThreads

DATASET = dataset_id()


@implementer(IMortalMounts)
@define
class Mortal:
    """Mounts of which some are dead."""

    dead: frozenset = frozenset()
    asked: int = 0
    fault: Exception | None = None

    def find_dead(self):
        self.asked += 1
        if self.fault is not None:
            raise self.fault
        return self.dead


@define
class Watched:
    """A watch, and what it said."""

    api: object = field(factory=Mortal)
    clock: Clock = field(factory=Clock)
    said: list = field(factory=list)
    watch: MountWatch = field(init=False)

    def __attrs_post_init__(self):
        threads = SimulatedThreads(ProcessClock(self.clock))
        pool = Pool(DEFAULT_BACKEND, "zfs", self.api, threads)
        self.watch = MountWatch(pool, self.clock, self.said.append)
        self.watch.start()

    def look(self, times=1):
        for _ in range(times):
            self.clock.pump([EVERY, 0.0])


def test_says_who_died():
    """As long as something is dead it is said, and once when it is no longer."""
    watched = Watched()
    watched.look(3)
    assert (watched.said, watched.api.asked) == ([], 3)
    watched.api.dead = frozenset({DATASET})
    watched.look(2)
    assert watched.watch.dead == {DATASET}
    watched.api.dead = frozenset()
    watched.look(3)
    assert watched.said == [{DATASET}] * 3
    assert watched.watch.dead == frozenset()


def test_stops_and_goes_on():
    """Without control nothing is looked at; to start twice is to start once."""
    watched = Watched()
    watched.watch.stop()
    watched.look(3)
    assert watched.api.asked == 0
    watched.watch.start()
    watched.watch.start()
    watched.look()
    assert watched.api.asked == 1


@pytest.mark.parametrize("fault", [OSError(5, "broken"), ThreadsStopped("pool")])
def test_goes_on_after_a_fault(fault):
    """A look that fails is not the last one."""
    watched = Watched(Mortal(fault=fault))
    watched.look(2)
    watched.api.fault, watched.api.dead = None, frozenset({DATASET})
    watched.look()
    assert watched.said == [{DATASET}]


def test_other_pools():
    """What the kernel mounts does not die, and is not looked at."""
    watched = Watched(MemoryPool(MemoryDisk()))
    assert watched.clock.getDelayedCalls() == []


def test_dead_is_not_mounted():
    """What answers nobody is nowhere, whatever the mount table says."""
    here = Here(node_id(1), Record(DATASET), Served(None, written=True), None, None)
    seen = Seen(here.record, here.found)
    for dead, condition, path in (
        (False, Condition.MOUNTED, "/flocker/x"),
        (True, Condition.UNKNOWN, None),
    ):
        told = fact(
            DATASET, here, seen, DEFAULT_BACKEND, "/flocker/x", Noted(dead=dead)
        )
        assert (told.condition, told.path) == (condition, path)
