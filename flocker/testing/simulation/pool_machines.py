"""Machines with a pool: a disk that outlives the agent, and ways to other machines."""

from collections.abc import Callable

from attrs import evolve, frozen
from twisted.internet.defer import Deferred

from flocker.dataset_agent.agent import DatasetAgent
from flocker.dataset_agent.pool_carrying import Carrier, Door
from flocker.dataset_agent.pool_rig import Pool, PoolRig
from flocker.dataset_agent.rig import Rig
from flocker.model.cluster import Assignment, BackendReport
from flocker.model.ids import BackendName, DatasetID, InstanceID, NodeID
from flocker.testing.fakes.memory_disk import MemoryCopy, MemoryDisk
from flocker.testing.fakes.memory_pool import MemoryPool
from flocker.testing.fakes.memory_resuming import ResumingMemoryPool
from flocker.testing.simulation.faults import Faults
from flocker.testing.simulation.machines import Machine, Surroundings
from flocker.testing.simulation.pool_beginnings import Beginnings, FaultyResumingPool
from flocker.testing.simulation.pool_carrying import Roads
from flocker.testing.simulation.pool_faults import POOL_CHANGES, FaultyPool, Witness
from flocker.testing.simulation.pool_wires import Paths, Station
from flocker.testing.simulation.processes import ProcessClock, SimulatedThreads
from flocker.wire.protocol import Slice

POOL = BackendName("pool")
PORT = 4525
SIZE = 256 * 1024
"""Bytes that a pool holds."""
KEPT = 16
"""So many updates that a machine was told are remembered."""
READS_TAKE = 0.1
"""Seconds that it takes at most to read or write a part of a stream."""


class Died(Exception):
    """What comes out of a step in the middle of which the agent was killed."""


@frozen
class Dying:
    """The agent dies before a durable step, or the whole machine goes off.

    It comes back `down` seconds later.
    """

    after: int
    down: float
    machine: bool = False


class PoolMachine(Machine):
    """A machine with a pool; with block storage only if it `has_block`."""

    def __init__(
        self,
        node: NodeID,
        instance: InstanceID,
        around: Surroundings,
        paths: Paths,
        witness: Witness,
        *,
        has_block: bool,
    ) -> None:
        self.disk = MemoryDisk(
            SIZE, clones_depend=around.zfs, unique=around.unique, before=self._before
        )
        self._driver_name = "zfs" if around.zfs else "memory"
        self.pool_faults = Faults(changing=frozenset(POOL_CHANGES))
        self.changed = True
        self.dying: Dying | None = None
        self.history: list[dict[DatasetID, Assignment]] = []
        self.beginnings = Beginnings()
        self._has_block = has_block
        self._witness = witness
        self._paths = paths
        self.pool_threads = SimulatedThreads(ProcessClock(around.clock))
        self.stream_threads = self.pool_threads
        super().__init__(node, instance, around)

    @property
    def copies(self) -> dict[DatasetID, MemoryCopy]:
        """What is on the disk."""
        return self.disk.copies

    def kill_agent(self) -> None:
        """End the agent; what it read for streams is held no more."""
        super().kill_agent()
        dying, self.dying = self.dying, None
        self.beginnings.agent_died(whole=not self.on)
        self.dying = dying
        self._paths.leave(self.node, silently=not self.on)
        for copy in self.disk.copies.values():
            for snapshot in copy.snapshots:
                snapshot.sending = 0

    def power_off(self) -> None:
        """Switch the machine off: mounts are gone, and who used them."""
        super().power_off()
        self.changed = True
        for copy in self.disk.copies.values():
            copy.mounted_at.clear()
            copy.users.clear()

    def tell(self, said: Callable[[str], None]) -> None:
        """Tell somebody what is done to its storage."""
        super().tell(said)
        self.pool_faults.said = said

    def tell_old(self, ago: int, lasts: float) -> None:
        """Let a control service that is no more tell what was so, `ago` updates before.

        Its connection ends `lasts` seconds later.
        """
        listened = self.agent
        deaf = listened is None or not listened.informed or self._process.suspended
        if listened is None or deaf or len(self.history) < ago:
            return
        told = self.history[-ago]
        old = Slice(full=True, changed=tuple(told[each] for each in sorted(told)))
        work = listened.agent.take("a control service of before", 1, old)
        _ = Deferred.fromCoroutine(work)
        _ = self._around.clock.callLater(lasts, self.cut)

    def _rig(self) -> Rig:
        chance, longest = self._around.random.random, self._around.steps_take
        self.pool_threads = SimulatedThreads(self._process, chance, longest)
        shorter = min(longest, READS_TAKE)
        self.stream_threads = SimulatedThreads(self._process, chance, shorter)
        self._station = Station(self.node, self._process, self.stream_threads)
        pool = Pool(POOL, self._driver_name, self._api(), self.pool_threads)
        rig = super()._rig()
        carrier = Carrier(Roads(self._paths, self._station).dial)
        peers = PoolRig(
            self.node, rig.mount_root, carrier, lambda: self._around.unique().hex
        )
        backends = rig.backends if self._has_block else {}
        return evolve(rig, backends=backends, pools={POOL: pool}, peers=peers)

    def _api(self) -> FaultyPool:
        faults, witness, begun = self.pool_faults, self._witness, self.beginnings
        if not self._around.resumes:
            return FaultyPool(MemoryPool(self.disk), faults, witness)
        pool = ResumingMemoryPool(self.disk, begun.kept)
        return FaultyResumingPool(
            pool, faults, witness, resuming=pool, beginnings=begun
        )

    def _reports(self) -> tuple[BackendReport, ...]:
        pool = BackendReport(POOL, self._driver_name, "pool", None, PORT)
        return (pool, *super()._reports()) if self._has_block else (pool,)

    def _started(self, agent: DatasetAgent) -> None:
        self._station.door = Door(agent)
        self._paths.stations[self.node] = self._station
        assert self.agent is not None
        self.agent.noted = self._note
        agent.serve_known()

    def _note(self, told: dict[DatasetID, Assignment]) -> None:
        self.history.append(told)
        del self.history[:-KEPT]

    def _before(self, step: str) -> None:
        """A durable step is about to be done, unless somebody dies now."""
        self.changed = True
        dying = self.dying
        if dying is None:
            return
        if dying.after > 0:
            self.dying = evolve(dying, after=dying.after - 1)
            return
        self.dying = None
        if dying.machine:
            self.power_off()
        else:
            self.kill_agent()
        if self.pool_faults.said is not None:
            self.pool_faults.said(f"died before {step}")
        _ = self._around.clock.callLater(dying.down, self._back)
        raise Died(step)

    def _back(self) -> None:
        self.power_on()
        if self.agent is None:
            self.start_agent()
