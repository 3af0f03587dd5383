"""A cluster with its users on one clock: what they do, and what must never be so.

Invariants are checked after every event; `settle` mends all faults and lets time go
by until everything is as wanted.
"""

from collections.abc import Callable
from functools import partial
from random import Random
from uuid import UUID

from attrs import frozen
from pyrsistent import pmap
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from flocker.control import datasets, leases, volumes
from flocker.control.operations import Decide
from flocker.control.statuses import status_of
from flocker.model.cluster import Phase, Volume
from flocker.model.configuration import Configuration
from flocker.model.datasets import DEFAULT_BACKEND, Dataset, Mounting
from flocker.model.errors import FlockerError
from flocker.model.ids import (
    BackendName,
    DatasetID,
    InstanceID,
    Life,
    NodeID,
    VolumeID,
)
from flocker.model.leases import USER, Holder, wanted_on
from flocker.model.sizes import MEBIBYTE
from flocker.model.status import Status
from flocker.testing.fakes.memory_block_devices import MemoryBlockDevices
from flocker.testing.simulation.asking import run_now
from flocker.testing.simulation.clocks import SimulatedClock
from flocker.testing.simulation.invariants import Invariants, Violated, is_wanted
from flocker.testing.simulation.machines import (
    ControlProcess,
    Machine,
    Surroundings,
    a_uuid,
)
from flocker.testing.simulation.stores import Disk
from flocker.testing.simulation.watching import Watch
from flocker.testing.simulation.wires import LATENCY

QUIET_WITHIN = 400.0
"""Seconds after the last fault within which all must be as wanted."""

MARKLESS = 3
"""One seed of so many has a driver that cannot mark volumes: 2, 5, 8..."""


@frozen
class Written:
    """What a user wrote into a dataset, and was told is there."""

    dataset: DatasetID
    name: str


class World:
    """A cluster of `size` machines; all chance comes from `seed`.

    Times are the longest, in seconds: `steps_take` for a driver's or kernel's call,
    `lag` for a new volume to be listed, `latency` for a message, `commits_take` for
    the store.
    """

    drift = 0.0
    """How wrong clocks go at most, a part of 1."""
    small: int | None = None
    """The number of a dataset that is wanted small at first."""

    def __init__(
        self,
        size: int = 2,
        seed: int = 0,
        steps_take: float = 0.0,
        lag: float = 0.0,
        latency: float = LATENCY,
        commits_take: float = 0.0,
    ) -> None:
        self.clock = SimulatedClock()
        random = Random(seed)
        self._around = Surroundings(
            random,
            self.clock,
            MemoryBlockDevices(unique=partial(a_uuid, random)),
            Watch(self.clock.seconds, lag, self._is_wanted, self._is_dead),
            steps_take,
            latency,
            marks=seed % MARKLESS != MARKLESS - 1,
            drift=self.drift,
        )
        self.store = Disk(commits_take)
        self.events = 0
        self._lives = Random(f"lives of {seed}")
        self._writes = 0
        self.start_control()
        self.machines = [
            self.make_machine(
                NodeID(UUID(int=number + 1)), InstanceID(f"i-{number + 1}")
            )
            for number in range(size)
        ]
        self.invariants = Invariants(
            self.service, self.store, self.watch, self.machines, self._is_said
        )

    def make_machine(self, node: NodeID, instance: InstanceID) -> Machine:
        """Make a machine of this world."""
        return Machine(node, instance, self._around)

    @property
    def control(self) -> ControlProcess | None:
        """Control, while it runs."""
        return self._around.control

    @property
    def service(self) -> MemoryBlockDevices:
        """The volumes."""
        return self._around.service

    @property
    def watch(self) -> Watch:
        """What was noted."""
        return self._around.watch

    @property
    def written(self) -> set[Written]:
        """What must be there, as users were told."""
        return {
            Written(dataset, name)
            for dataset, names in self.invariants.written.items()
            if self._is_wanted(dataset)
            for name in names
        }

    @property
    def configuration(self) -> Configuration:
        """What is stored."""
        return self.store.stored

    @property
    def known(self) -> Configuration:
        """What control knows: not what was stored and seemed to have failed."""
        if self.control is None:
            return self.store.stored
        return self.control.operations.configuration

    def machine(self, node: NodeID) -> Machine:
        """Find a machine."""
        return next(each for each in self.machines if each.node == node)

    def backend_of(self, dataset: int) -> BackendName:
        """Say in which backend a dataset is wanted, by its number."""
        del dataset
        return DEFAULT_BACKEND

    # What happens to control.

    def start_control(self) -> None:
        """Start control anew; the process before is killed."""
        self.stop_control()
        self._around.control = ControlProcess(self._around, self.store)

    def stop_control(self) -> None:
        """Kill control."""
        if self.control is not None:
            self.control.kill()
            self._around.control = None

    def step_control_clock(self, seconds: float) -> None:
        """Set the wall clock of control's machine; it counts from the next start.

        It is not set to before the beginning of time.
        """
        ahead = self._around.control_ahead + seconds
        self._around.control_ahead = max(0.0, ahead)

    # What happens to storage.

    def vanish(self, volume: VolumeID) -> None:
        """Let the device of an attached volume vanish, whoever uses it."""
        device = self.service.devices.pop(volume, None)
        if device is not None:
            self.watch.vanished.add(device.number)

    def obey(self) -> None:
        """Do what statuses ask a person to do.

        Unmount what has no device any more, and see to volumes that nobody claims.
        """
        for dataset in self.known.datasets:
            cause = self.status(dataset).cause
            if cause is not None and cause.code in {"stranded", "leased"}:
                self._unmount_stale(dataset)
            if cause is not None and cause.code == "unclaimed-volume-exists":
                self._see_to_unclaimed(dataset, cause.words)

    def _unmount_stale(self, dataset: DatasetID) -> None:
        for machine in self.machines:
            for path, device in list(machine.kernel.mounted.items()):
                if path.name == str(dataset) and not self.invariants.is_live(device):
                    machine.kernel.unmount(path, None)

    def _see_to_unclaimed(self, dataset: DatasetID, words: str) -> None:
        """Adopt the volume that `words` name if it holds something; else destroy it."""
        for name in self.volumes_of(dataset):
            if name not in words or (DEFAULT_BACKEND, name) in self.known.volumes:
                continue
            if self.service.contents[name].signature is None:
                if name not in self.watch.spare:
                    self.watch.violations.append(f"{name} is left over")
                del self.service.volumes[name]
                del self.service.contents[name]
            else:
                self.adopt(name)
            return

    def leave(self, dataset: DatasetID, *, marked: bool) -> VolumeID:
        """Let a volume turn up that carries an id, with data of an earlier life."""
        life = self.a_life() if marked else None
        volume = self.service.make(dataset, MEBIBYTE, life)
        content = self.service.contents[volume.blockdevice_id]
        content.signature = "ext4"
        content.filesystem_size = MEBIBYTE
        content.files["theirs"] = b"of old"
        self.watch.treasures.add(volume.blockdevice_id)
        return volume.blockdevice_id

    # What users do.

    def a_life(self) -> Life:
        """Give what no other dataset has."""
        return Life(a_uuid(self._lives))

    def adopt(self, name: VolumeID) -> None:
        """Take a volume with what is on it for the dataset whose id it carries."""
        volume = self.service.volumes[name]
        dataset = volume.dataset_id
        found = Volume(DEFAULT_BACKEND, name, dataset, volume.size)
        wanted = volumes.Adoption(found, self.known.datasets[dataset].primary)
        now = self.clock.seconds()
        assert self.control is not None
        answer = Deferred.fromCoroutine(
            self.control.operations.change(
                partial(volumes.adopt, wanted=wanted, now=now)
            )
        )
        self.watch.treasures.discard(name)

        def adopted(_: object) -> None:
            for file in self.service.contents[name].files:
                self.invariants.wrote(dataset, file)

        def refused(failure: Failure) -> None:
            failure.trap(FlockerError)
            self.watch.treasures.add(name)

        _ = answer.addCallbacks(adopted, refused)

    def create(
        self,
        machine: Machine,
        size: int = MEBIBYTE,
        mount: Mounting = Mounting.ALWAYS,
        again: DatasetID | None = None,
    ) -> DatasetID:
        """Want a new dataset, perhaps under an id that was purged."""
        dataset = again or DatasetID(self._around.unique())
        metadata = pmap({"name": "data"})
        new = datasets.NewDataset(
            dataset, machine.node, size, metadata, mount=mount, life=self.a_life()
        )
        self._change(partial(datasets.create, new=new, now=self.clock.seconds()))
        return dataset

    def move(self, dataset: DatasetID, to: Machine) -> None:
        """Want it elsewhere."""
        now = self.clock.seconds()
        wishes = datasets.Wishes(primary=to.node)
        self._change(partial(datasets.change, dataset=dataset, wishes=wishes, now=now))

    def delete(self, dataset: DatasetID) -> None:
        """Want it destroyed."""
        now = self.clock.seconds()
        self._change(partial(datasets.delete, dataset=dataset, now=now))

    def purge(self, dataset: DatasetID) -> None:
        """Forget it; what was written into it is gone."""
        self._change(partial(datasets.purge, dataset=dataset))

    def lease(
        self, dataset: DatasetID, machine: Machine, seconds: float | None = None
    ) -> None:
        """Have it stay on a machine."""
        expires = None if seconds is None else self.clock.seconds() + seconds
        holder = Holder(USER, expires)
        node = machine.node
        self._change(partial(leases.acquire, dataset=dataset, node=node, holder=holder))

    def release(self, dataset: DatasetID) -> None:
        """Let it go."""
        self._change(partial(leases.release, dataset=dataset))

    def write(self) -> None:
        """Write wherever something is mounted; what the kernel takes is promised."""
        for machine in self.machines:
            for path, device in machine.kernel.mounted.items():
                if not self.invariants.is_live(device):
                    continue
                dataset = DatasetID(UUID(path.name))
                self._writes += 1
                name = f"{self._writes}-from-{machine.instance}"
                machine.kernel.files(path)[name] = name.encode()
                if is_wanted(self.configuration, dataset):
                    self.invariants.wrote(dataset, name)

    def _is_wanted(self, dataset: DatasetID) -> bool:
        return is_wanted(self.configuration, dataset)

    def _is_dead(self, instance: InstanceID) -> bool:
        found = next(each for each in self.machines if each.instance == instance)
        return found.era in self.invariants.dead_eras

    def _change(self, decide: Decide) -> None:
        assert self.control is not None
        run_now(self.control.operations.change(decide))

    # What is so.

    def status(self, dataset: DatasetID) -> Status:
        """Say what control says."""
        assert self.control is not None
        seen, known = self.control.observations, self.known
        return status_of(known, seen, known.datasets[dataset])

    def _is_said(self, dataset: DatasetID, node: NodeID) -> bool:
        """Whether who has leased a dataset to a node is told that it is mounted."""
        if self.control is None or dataset not in self.known.datasets:
            return False
        lease = self.known.leases.get(dataset)
        if lease is None or lease.node != node:
            return False
        found = self.status(dataset)
        return (found.phase, found.node) == (Phase.MOUNTED, node)

    def is_well(self, dataset: Dataset) -> bool:
        """Whether a dataset is as wanted: gone, or mounted where it should be only."""
        lease = self.known.leases.get(dataset.id)
        mounted = self.mounted_at(dataset.id)
        if lease is not None and mounted == [self.machine(lease.node).instance]:
            return True
        if dataset.deleted:
            left = set(self.volumes_of(dataset.id))
            left -= self.watch.spare | self.watch.treasures
            return dataset.destroyed and not left
        wanted = wanted_on(dataset, lease)
        if wanted is None:
            return len(mounted) <= 1
        return mounted == [self.machine(wanted).instance]

    def mounted_at(self, dataset: DatasetID) -> list[InstanceID]:
        """Name the machines that have it mounted, so that one can write."""
        return [
            machine.instance
            for machine in self.machines
            for path, device in machine.kernel.mounted.items()
            if path.name == str(dataset) and self.invariants.is_live(device)
        ]

    def volumes_of(self, dataset: DatasetID) -> list[VolumeID]:
        """Name the volumes that say that they are of a dataset."""
        volumes = self.service.volumes.values()
        return [v.blockdevice_id for v in volumes if v.dataset_id == dataset]

    def ill(self) -> list[str]:
        """Say of each dataset that is not as wanted what its status is."""
        return [
            f"{dataset.id}: {self.status(dataset.id)}"
            for dataset in self.configuration.datasets.values()
            if not self.is_well(dataset)
        ] + self.open_ends()

    def open_ends(self) -> list[str]:
        """Name what else is not as wanted, besides datasets."""
        return []

    # Time.

    def step(self) -> None:
        """Let the next event happen, if there is one. Raises `Violated`."""
        _ = self.clock.step()
        self.events += 1
        self.check()

    def check(self) -> None:
        """Raise `Violated` if anything is as it must never be."""
        self.invariants.check()

    def advance(self, seconds: float) -> None:
        """Let time go by."""
        until = self.clock.seconds() + seconds
        while (due := self.clock.next_due()) is not None and due <= until:
            self.step()
        self.clock.pass_until(until)

    def advance_until(self, reached: Callable[[], bool], within: float) -> None:
        """Let time go by until something is so. Raises `Violated` if it never is."""
        until = self.clock.seconds() + within
        while not reached():
            if self.clock.seconds() > until:
                raise Violated(f"not reached in {within} s; ill: {self.ill()}")
            self.step()

    def mend(self) -> None:
        """End all faults."""
        self.store.mend()
        if self.control is None:
            self.start_control()
        for machine in self.machines:
            machine.faults.clear()
            machine.heal()
            machine.threads.go_on()
            machine.kernel_threads.go_on()
            machine.power_on()
            for device in list(machine.kernel.held):
                machine.kernel.let_go(device)
            if machine.agent is None:
                machine.start_agent()

    def end(self) -> None:
        """Kill everybody, so that nothing happens any more."""
        self.stop_control()
        for machine in self.machines:
            machine.kill_agent()

    def settle(self) -> None:
        """Mend everything, and wait until all is as wanted."""
        self.mend()

        def well() -> bool:
            self.obey()
            return not self.ill()

        self.advance_until(well, QUIET_WITHIN)
