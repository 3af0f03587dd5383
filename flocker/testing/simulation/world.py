"""A cluster with its users on one clock: what they do, and what must never be so.

Invariants are checked after every event; `settle` mends all faults and lets time go
by until everything is as wanted.
"""

from collections.abc import Callable, Coroutine
from functools import partial
from random import Random
from typing import Any
from uuid import UUID

from attrs import frozen
from pyrsistent import pmap
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from flocker.control import datasets, leases
from flocker.control.operations import Decide
from flocker.model.configuration import Configuration
from flocker.model.datasets import Dataset, Mounting
from flocker.model.errors import FlockerError
from flocker.model.ids import DatasetID, InstanceID, NodeID, VolumeID
from flocker.model.leases import USER, Holder, wanted_on
from flocker.model.sizes import MEBIBYTE
from flocker.model.status import Status, status
from flocker.testing.fakes.memory_block_devices import Device, MemoryBlockDevices
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
        )
        self.store = Disk(commits_take)
        self.events = 0
        self._writes = 0
        self._vanished: list[Device] = []
        self.start_control()
        self.machines = [
            Machine(
                NodeID(UUID(int=number + 1)),
                InstanceID(f"i-{number + 1}"),
                self._around,
            )
            for number in range(size)
        ]
        self.invariants = Invariants(
            self.service, self.store, self.watch, self.machines
        )

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
        """Set the wall clock of control's machine; it counts from the next start."""
        self._around.control_ahead += seconds

    # What happens to storage.

    def vanish(self, volume: VolumeID) -> None:
        """Let the device of an attached volume vanish, whoever uses it."""
        device = self.service.devices.pop(volume, None)
        if device is not None:
            self.watch.vanished.add(device.number)
            self._vanished.append(device)

    def _unmount_vanished(self) -> None:
        """Do what the status asks people to do."""
        for machine in self.machines:
            for path, device in list(machine.kernel.mounted.items()):
                if device in self._vanished:
                    machine.kernel.unmount(path, None)

    # What users do.

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
        new = datasets.NewDataset(dataset, machine.node, size, metadata, mount=mount)
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
        found = known.datasets[dataset]
        lease = known.leases.get(dataset)
        return status(found, seen.facts(dataset), seen.nodes, lease, known.nodes)

    def is_well(self, dataset: Dataset) -> bool:
        """Whether a dataset is as wanted: gone, or mounted where it should be only."""
        lease = self.known.leases.get(dataset.id)
        mounted = self.mounted_at(dataset.id)
        if lease is not None and mounted == [self.machine(lease.node).instance]:
            return True
        if dataset.deleted:
            left = set(self.volumes_of(dataset.id)) - self.watch.spare
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
        ]

    # Time.

    def step(self) -> None:
        """Let the next event happen, if there is one. Raises `Violated`."""
        _ = self.clock.step()
        self.events += 1
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
        self._unmount_vanished()

    def settle(self) -> None:
        """Mend everything, and wait until all is as wanted."""
        self.mend()
        self.advance_until(lambda: not self.ill(), QUIET_WITHIN)


def run_now(work: Coroutine[Any, Any, object]) -> None:
    """Do what takes no time. Raises what it raises."""
    done: list[object] = []
    task: Deferred[object] = Deferred.fromCoroutine(work)
    _ = task.addBoth(done.append)
    if not done:
        raise Violated("what should take no time takes some")
    if isinstance(done[0], Failure):
        error = done[0].value
        assert isinstance(error, FlockerError), done[0].getTraceback()
        raise error
