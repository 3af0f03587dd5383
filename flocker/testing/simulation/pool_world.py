"""A simulated cluster whose nodes have pools, and perhaps block storage besides."""

from functools import partial
from random import Random

from attrs import evolve
from twisted.internet.defer import Deferred

from flocker.control import datasets, leases, nodes, pool_moves
from flocker.control.operations import Decide
from flocker.control.pool_doubts import doubt_all
from flocker.control.statuses import snapshot_status_of
from flocker.model.changes import apply
from flocker.model.cluster import Phase
from flocker.model.configuration import Configuration
from flocker.model.datasets import DEFAULT_BACKEND, Dataset, Mounting
from flocker.model.errors import FlockerError
from flocker.model.ids import (
    BackendName,
    DatasetID,
    InstanceID,
    NodeID,
    SnapshotID,
    UserSnapshotID,
)
from flocker.model.leases import wanted_on
from flocker.model.pools import PoolOwnership, Prune
from flocker.model.sizes import MEBIBYTE
from flocker.model.snapshot_status import SnapshotPhase
from flocker.model.snapshots import UNSAVED
from flocker.testing.simulation.invariants import Violated, is_wanted
from flocker.testing.simulation.machines import Machine, a_uuid
from flocker.testing.simulation.plans import DATASETS
from flocker.testing.simulation.pool_machines import POOL, SIZE, PoolMachine
from flocker.testing.simulation.pool_oracle import Oracle, newest
from flocker.testing.simulation.pool_wires import Paths
from flocker.testing.simulation.wires import LATENCY
from flocker.testing.simulation.world import World

NUMBERED = 1_000_000
"""So many numbers nobody gives out between two restores."""

BALLAST = 3000
"""Bytes that a write of a user has at most."""

KEPT = ("before-", UNSAVED)
"""How what rollbacks keep is called."""

REST = frozenset({"kept-as-base", "needed"})
"""Why a deleted snapshot may stay where nothing else happens any more."""


class PoolWorld(World):
    """A cluster of machines with pools.

    Times are those of `World`; with `has_block` the machines have block storage too,
    and with `zfs` what is a clone in their pools needs its source. With `resumes`
    streams go on after a cut.
    """

    small: int | None = 1

    def __init__(  # noqa: PLR0913  (each differs in one or two of them)
        self,
        size: int = 2,
        seed: int = 0,
        steps_take: float = 0.0,
        latency: float = LATENCY,
        commits_take: float = 0.0,
        *,
        has_block: bool = False,
        drift: float = 0.0,
        zfs: bool = False,
        resumes: bool = False,
    ) -> None:
        self._zfs, self._resumes, self.drift = zfs, resumes, drift
        self._has_block = has_block
        self._pool_writes = 0
        self._backup = Configuration()
        self._restores = 0
        self._snapshot_ids = Random(f"snapshots of {seed}")
        self.paths: Paths
        self.oracle: Oracle
        self.pool_machines: list[PoolMachine] = []
        super().__init__(size, seed, steps_take, 0.0, latency, commits_take)
        self.oracle.machines = self.pool_machines
        self.oracle.snapshots.machines = self.pool_machines
        self.oracle.rollbacks.machines = self.pool_machines
        self.store.noted = self.oracle.committed

    def make_machine(self, node: NodeID, instance: InstanceID) -> Machine:
        """Make one with a pool."""
        if not self.pool_machines:
            self._around.zfs, self._around.resumes = self._zfs, self._resumes
            self.paths = Paths(self.clock, self._around.pace)
            self.oracle = Oracle(self.store)
        made = PoolMachine(
            node,
            instance,
            self._around,
            self.paths,
            self.oracle.at(node),
            has_block=self._has_block,
        )
        self.pool_machines.append(made)
        return made

    def backend_of(self, dataset: int) -> BackendName:
        """Say where a dataset is wanted: of both sorts, the last one is a volume."""
        in_block = self._has_block and dataset == DATASETS - 1
        return DEFAULT_BACKEND if in_block else POOL

    def rate(self, who: str) -> float:
        """Give how fast somebody's clock goes: an instance's, or ``"control"``'s."""
        return self._around.rate(who)

    # What befalls control

    def back_up(self) -> None:
        """Keep what is stored now."""
        self._backup = self.store.stored

    def restore(self) -> None:
        """Kill control, and start it with what was kept, as a restored one."""
        self.stop_control()
        self._restores += 1
        numbers_from = NUMBERED * self._restores
        doubted = doubt_all(self._backup, numbers_from)
        restored = evolve(self._backup, numbers_from=numbers_from)
        self.bring_back(apply(doubted, restored))

    def bring_back(self, stored: Configuration) -> None:
        """Let control go on with what was stored once."""
        self.stop_control()
        self.store.stored = stored
        self.invariants.restored()
        for machine in self.pool_machines:
            machine.history.clear()
            machine.changed = True
        self.start_control()

    # What users do

    def a_snapshot(self) -> UserSnapshotID:
        """Give the id of a snapshot that is new."""
        return UserSnapshotID(a_uuid(self._snapshot_ids))

    def last_kept(self, dataset: DatasetID) -> str | None:
        """Name the last snapshot that a rollback has kept, rather an unsaved part."""
        row = self.known.snapshots.get(dataset)
        wanted = () if row is None else row.wanted
        there = [each.name for each in wanted if each.taken and each.deleted is None]
        kept = [name for sort in KEPT for name in there if name.startswith(sort)]
        return kept[-1] if kept else None

    def write(self) -> None:
        """Write wherever something is served, also where it should not be."""
        super().write()
        for machine in self.pool_machines:
            for dataset, copy in list(machine.copies.items()):
                if copy.holders():
                    self._write(machine, dataset)

    def _write(self, machine: PoolMachine, dataset: DatasetID) -> None:
        self._pool_writes += 1
        number = self._pool_writes
        name = f"w{number}"
        content = name.encode() * (number * 997 % BALLAST // 4 + 1)
        try:
            machine.disk.write(dataset, name, content)
        except (OSError, FlockerError):
            return  # it has no room, and the user knows
        machine.changed = True
        self.oracle.wrote(dataset, name)

    def obey(self) -> None:
        """Do what statuses ask a person to do: end the use, and let nodes take more."""
        super().obey()
        for dataset in self.known.datasets:
            cause = self.status(dataset).cause
            if cause is not None and cause.code == "quota-too-small":
                wishes = datasets.Wishes(maximum_size=MEBIBYTE)
                now = self.clock.seconds()
                self._ask(
                    partial(datasets.change, dataset=dataset, wishes=wishes, now=now)
                )
        for dataset in self.known.leases:
            if self.is_in_pool(dataset):
                self._ask(partial(leases.release, dataset=dataset))
        for node in self.known.nodes.values():
            if node.cordoned:
                self._ask(partial(nodes.tell, node=node.id, labels={}, cordoned=False))

    def _ask(self, decide: Decide) -> None:
        """Ask control; it may refuse, or say that it could not store it."""
        assert self.control is not None
        answer = Deferred.fromCoroutine(self.control.operations.change(decide))
        _ = answer.addErrback(lambda failure: failure.trap(FlockerError))

    def pruning(self, dataset: DatasetID, machine: Machine) -> Decide | None:
        """Want a copy destroyed that the owner has all of, as far as it is known."""
        row, control = self.known.pools.get(dataset), self.control
        if row is None or row.base is None or control is None:
            return None
        observed = control.observations.facts(dataset).get(machine.node)
        said = None if observed is None else observed.fact.pool
        if said is None or said.head is None:
            return None
        return partial(
            pool_moves.prune,
            dataset=dataset,
            copy=Prune(machine.node, said.head),
            lineage=self._lineage(row),
        )

    def _lineage(self, row: PoolOwnership) -> frozenset[SnapshotID]:
        owner = self.oracle.machine(row.owner).copies.get(row.dataset)
        known = [] if owner is None else [each.identity for each in owner.snapshots]
        if row.base not in known:
            return frozenset()
        return frozenset(known[: known.index(row.base) + 1])

    # What is so

    def is_in_pool(self, dataset: DatasetID) -> bool:
        """Whether a dataset is one of a pool."""
        return dataset in self.known.pools

    def is_well(self, dataset: Dataset) -> bool:
        """Whether it is served by its one home, with nothing pending; or is gone.

        A deleted one may wait for what is left of clones of it, and say so.
        """
        if not self.is_in_pool(dataset.id):
            return super().is_well(dataset)
        if self._is_sent(dataset.id):
            return False
        if dataset.deleted:
            kept = [m for m in self.pool_machines if dataset.id in m.copies]
            waits = all(self._is_needed(dataset.id, each.node) for each in kept)
            return waits if kept else dataset.destroyed
        row = self.known.pools[dataset.id]
        needed = all(self._is_needed(dataset.id, prune.node) for prune in row.prunes)
        pending = row.deleted or row.move or row.rollback or not needed or row.unsure
        wanted = wanted_on(dataset, self.known.leases.get(dataset.id))
        if pending or not row.acquired or wanted not in (None, row.owner):
            return False
        return self._is_served(dataset, row)

    def _open_snapshots(self, dataset: DatasetID) -> list[str]:
        """Name the snapshots that are not taken, or not gone for no good reason."""
        row, control = self.known.snapshots.get(dataset), self.control
        if row is None or control is None:
            return []
        found = []
        for each in row.wanted:
            seen = control.observations
            status = snapshot_status_of(self.known, seen, row, each)
            kept = status.cause is not None and status.cause.code in REST
            if status.phase is SnapshotPhase.TAKEN or kept:
                continue
            found.append(f"{each.name} of {dataset}: {status}")
        return found

    def open_ends(self) -> list[str]:
        """Name what else is not as wanted: snapshots, and beginnings of streams."""
        known = self.known.snapshots
        found = [words for each in known for words in self._open_snapshots(each)]
        return [
            *found,
            *self.oracle.rollbacks.unlisted(),
            *self._beginnings(),
        ]

    def _beginnings(self) -> list[str]:
        return [
            f"{machine.node} keeps the beginning of a stream of {dataset}"
            for machine in self.pool_machines
            for dataset in machine.beginnings.kept
        ]

    def _is_needed(self, dataset: DatasetID, node: NodeID) -> bool:
        """Whether a node says that clones need its copy, and it has such."""
        control, copies = self.control, self.oracle.machine(node).copies
        seen = None if control is None else control.observations.facts(dataset)
        fact = None if seen is None or node not in seen else seen[node].fact
        if fact is None or fact.cause is None or fact.cause.code != "needed":
            return False
        origins = (copy.origin for copy in copies.values())
        return any(origin is not None and origin[0] == dataset for origin in origins)

    def _is_sent(self, dataset: DatasetID) -> bool:
        """Whether a stream is open that leaves somewhere."""
        return any(
            snapshot.sending
            for machine in self.pool_machines
            if (copy := machine.copies.get(dataset)) is not None
            for snapshot in copy.snapshots
        )

    def _is_served(self, dataset: Dataset, row: PoolOwnership) -> bool:
        """Whether its owner serves it, with the size that is wanted, and nobody else.

        Where nobody uses it, one that is mounted on use need not be served.
        """
        homes = self.oracle.serving(dataset.id)
        if any(m.copies[dataset.id].quota != dataset.maximum_size for m in homes):
            return False
        serving = [machine.node for machine in homes]
        idle = dataset.id not in self.known.leases and not serving
        if dataset.mount is Mounting.ON_USE and idle:
            return True
        return serving == [row.owner]

    def mounted_at(self, dataset: DatasetID) -> list[InstanceID]:
        """Name the machines that have it mounted, so that one can write."""
        found = [machine.instance for machine in self.oracle.serving(dataset)]
        return found or super().mounted_at(dataset)

    def missing(self, dataset: DatasetID) -> set[str]:
        """Give what was written and is not where it is served."""
        wanted = set(self.oracle.written.get(dataset, ()))
        for machine in self.oracle.serving(dataset):
            wanted -= newest(machine.copies[dataset])
        return wanted if is_wanted(self.store.stored, dataset) else set()

    def is_unsaid(self, dataset: Dataset) -> bool:
        """Whether its status does not say that it is served, though it is."""
        return self.status(dataset.id).phase not in {Phase.MOUNTED, Phase.DESTROYED}

    # Time

    def check(self) -> None:
        """Raise `Violated` if anything is as it must never be."""
        self.invariants.check(volumes=self._has_block)
        if wrong := self.oracle.check():
            raise Violated("; ".join(dict.fromkeys(wrong)))

    def mend(self) -> None:
        """End all faults; nobody uses anything any more."""
        self.paths.mute.clear()
        self.paths.doomed.clear()
        for machine in self.pool_machines:
            machine.dying = None
            machine.pool_faults.clear()
            machine.pool_threads.go_on()
            machine.stream_threads.go_on()
            machine.disk.size = SIZE
            for copy in machine.copies.values():
                copy.users.clear()
            machine.changed = True
        super().mend()
