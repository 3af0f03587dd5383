"""What must never be so in a simulated world; looked at after every event.

W1 to W5 are those of the architecture. What costs more than a few comparisons is looked
at only when what it depends on has changed.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from uuid import UUID

from attrs import define, field, frozen

from flocker.model.configuration import Configuration
from flocker.model.ids import DatasetID, Era, InstanceID, NodeID, VolumeID
from flocker.model.leases import Lease
from flocker.testing.fakes.memory_block_devices import (
    Content,
    Device,
    MemoryBlockDevices,
)
from flocker.testing.simulation.machines import Machine
from flocker.testing.simulation.stores import Disk
from flocker.testing.simulation.watching import Watch


class Violated(AssertionError):
    """Something happened that must never happen."""


@frozen
class Use:
    """A dataset is mounted where it is leased, in one life of a machine."""

    machine: Machine
    era: Era
    device: Device


@define
class Invariants:
    """Knows what was promised to users, and compares it with what is so.

    `is_said` is what users are told now: that a dataset is mounted on a node.
    `forgiven` are datasets with whose volumes the world did what nobody can mend;
    `pardoned` are lives of which somebody took the mark off that they were over.
    """

    service: MemoryBlockDevices
    disk: Disk
    watch: Watch
    machines: Sequence[Machine]
    is_said: Callable[[DatasetID, NodeID], bool]
    written: dict[DatasetID, set[str]] = field(factory=dict)
    forgiven: set[DatasetID] = field(factory=set)
    protected: dict[DatasetID, Use] = field(factory=dict)
    dead_eras: set[Era] = field(factory=set)
    pardoned: set[Era] = field(factory=set)
    _idle: dict[InstanceID, int] = field(factory=dict)
    _promised: int = 0
    _before: Configuration = field(factory=Configuration)

    def wrote(self, dataset: DatasetID, name: str) -> None:
        """A user's write was acknowledged."""
        self.written.setdefault(dataset, set()).add(name)

    def acknowledged(self, revision: int) -> None:
        """Control has answered that all up to a revision is stored."""
        self._promised = max(self._promised, revision)

    def restored(self) -> None:
        """Control begins anew with a backup: what was answered since is void."""
        self._before = self.disk.stored
        self._promised = self.disk.stored.revision

    def forgive(self, dataset: DatasetID) -> None:
        """The world took a dataset's data: nothing is expected of it any more."""
        self.forgiven.add(dataset)
        _ = self.written.pop(dataset, None)
        _ = self.protected.pop(dataset, None)

    def check(self, *, volumes: bool = True) -> None:
        """Raise `Violated` if anything is as it must never be.

        Where there is no block storage nothing needs to be said of `volumes`.
        """
        stored = self.disk.stored
        wrong = list(self.watch.violations)
        if stored is not self._before:
            wrong.extend(self._stored(self._before, stored))
            self._before = stored
        if volumes:
            wrong.extend(self._volumes())
        if wrong:
            raise Violated("; ".join(wrong))
        if volumes:
            self._protect()

    def _volumes(self) -> Iterable[str]:
        wrong = list(self._mounts())
        wrong.extend(self._lost())
        wrong.extend(self._taken())
        wrong.extend(self._unasked())
        wrong.extend(self._touched())
        return wrong

    # W2, and what was answered: nothing goes back.

    def _stored(self, before: Configuration, now: Configuration) -> Iterable[str]:
        for dataset in [each for each in self.written if not is_wanted(now, each)]:
            del self.written[dataset]
        self.forgiven.intersection_update(now.datasets)
        if now.revision < self._promised:
            yield (
                f"revision {self._promised} was acknowledged,"
                f" and {now.revision} is stored"
            )
        if now.ownership is not before.ownership:
            yield from _ownership(before, now)
        if now.nodes is not before.nodes:
            yield from self._marked(before, now)
        if now.leases is not before.leases:
            yield from self._leases(before.leases, now.leases)

    def _marked(self, before: Configuration, now: Configuration) -> Iterable[str]:
        """Only a life that was said to be over may be robbed, until it stood down."""
        nodes = now.nodes.values()
        self.dead_eras.update(node.dead.era for node in nodes if node.dead is not None)
        for machine in self.machines:
            was, node = before.nodes.get(machine.node), now.nodes.get(machine.node)
            mark = None if was is None else was.dead
            if mark is None or node is None or node.dead is not None:
                continue
            stood_down = mark.era == machine.era and mark.era not in self.pardoned
            if stood_down and machine.kernel.mounted:
                yield f"{machine.instance} has stood down, and has something mounted"

    def _leases(
        self, before: Mapping[DatasetID, Lease], now: Mapping[DatasetID, Lease]
    ) -> Iterable[str]:
        """A lease goes from node to node only by being none's."""
        for dataset, lease in before.items():
            after = now.get(dataset)
            if after is not None and after.node != lease.node:
                yield f"{dataset}'s lease went from {lease.node} to {after.node}"

    # W1 and W3: who can write, and on what.

    def _mounts(self) -> Iterable[str]:
        writable: dict[str, InstanceID] = {}
        for machine in self.machines:
            for path, device in machine.kernel.mounted.items():
                if not self.is_live(device):
                    if device.number not in self.watch.vanished:
                        words = f"{device.volume} was ripped from {machine.instance}"
                        yield words
                    continue
                if path.name in writable:
                    yield (
                        f"{path.name} is mounted at {writable[path.name]}"
                        f" and {machine.instance}"
                    )
                writable[path.name] = machine.instance
                yield from self._is_the_dataset(path, device)

    def is_live(self, device: Device) -> bool:
        """Whether what is written to a device arrives on its volume."""
        return self.service.devices.get(device.volume) is device

    def _is_the_dataset(self, path: Path, device: Device) -> Iterable[str]:
        """What is served is the one volume on record (W3: nothing older)."""
        dataset = _named(path)
        owner = self.disk.stored.ownership.get(dataset)
        if owner is not None and owner.volume != device.volume:
            yield f"{device.volume} is mounted as {dataset}, which is {owner.volume}"

    # W4: what was acknowledged is on the volume.

    def _lost(self) -> Iterable[str]:
        for dataset, names in self.written.items():
            owner = self.disk.stored.ownership.get(dataset)
            content = None if owner is None else self._content(owner.volume)
            if content is None:
                yield f"{dataset} holds data, and no volume is on record that exists"
            elif not names <= content.files.keys():
                lost = sorted(names - content.files.keys())
                yield f"{dataset} has lost {lost}"

    def _content(self, volume: VolumeID) -> Content | None:
        return self.service.contents.get(volume)

    # Leases: what is leased where it is mounted stays there, as soon as an agent knows
    # that it is leased, or users are told that it is mounted.

    def _protect(self) -> None:
        for dataset, lease in self.disk.stored.leases.items():
            if dataset in self.protected or dataset in self.forgiven:
                continue
            machine = next((m for m in self.machines if m.node == lease.node), None)
            device = None if machine is None else _mounted(dataset, machine)
            if machine is None or device is None or not self.is_live(device):
                continue
            if self._is_promised(dataset, machine):
                self.protected[dataset] = Use(machine, machine.era, device)

    def _is_promised(self, dataset: DatasetID, machine: Machine) -> bool:
        if self.is_said(dataset, machine.node):
            return True
        if not machine.at_rest or machine.agent is None:
            return False
        told = machine.agent.told.get(dataset)
        return bool(told and told.lease and told.lease.node == machine.node)

    def _taken(self) -> Iterable[str]:
        for dataset, use in list(self.protected.items()):
            lease = self.disk.stored.leases.get(dataset)
            over = lease is None or lease.node != use.machine.node
            if over or use.machine.era != use.era or not self.is_live(use.device):
                del self.protected[dataset]
            elif use.machine.on and _mounted(dataset, use.machine) is not use.device:
                instance = use.machine.instance
                yield f"{dataset} was taken from {instance}, which leases it"

    # Without control an agent changes no storage; what it had begun, it ends.

    def _unasked(self) -> Iterable[str]:
        for machine in self.machines:
            if machine.agent is None or machine.agent.informed or not machine.at_rest:
                _ = self._idle.pop(machine.instance, None)
                continue
            changes = machine.faults.changes
            if changes > self._idle.setdefault(machine.instance, changes):
                yield f"{machine.instance} changed storage and does not hear control"

    # What nobody has claimed is left as it is.

    def _touched(self) -> Iterable[str]:
        for name in self.watch.treasures:
            volume = self.service.volumes.get(name)
            if volume is not None and volume.attached_to is not None:
                yield f"{name} was attached, and nobody had claimed it"

    # In the quiet end.

    def unrecorded(self) -> list[str]:
        """Name datasets that are in use, and would be formatted if found blank."""
        ownership = self.disk.stored.ownership
        return [
            f"{path.name} is in use, and nothing is on record that says so"
            for machine in self.machines
            for path in machine.kernel.mounted
            if not ((owner := ownership.get(_named(path))) and owner.acquired)
        ]

    def surplus(self) -> list[str]:
        """Name volumes that are nobody's, though nothing kept them from being found.

        One of a dataset that has none on record is found when that is next wanted.
        """
        stored = self.disk.stored
        recorded = {owner.volume for owner in stored.ownership.values()}
        to_be_found = {
            each.id
            for each in stored.datasets.values()
            if not each.destroyed and each.id not in stored.ownership
        }
        return [
            f"{name} is left over"
            for name, volume in self.service.volumes.items()
            if name not in recorded
            and name not in self.watch.treasures
            and volume.dataset_id not in to_be_found
            and (name not in self.watch.spare or self.watch.formatted.get(name))
        ]


def is_wanted(configuration: Configuration, dataset: DatasetID) -> bool:
    """Whether a dataset is configured and not deleted."""
    row = configuration.datasets.get(dataset)
    return row is not None and not row.deleted


def _named(path: Path) -> DatasetID:
    return DatasetID(UUID(path.name))


def _mounted(dataset: DatasetID, machine: Machine) -> Device | None:
    for path, device in machine.kernel.mounted.items():
        if path.name == str(dataset):
            return device
    return None


def _ownership(before: Configuration, now: Configuration) -> Iterable[str]:
    inverse = {(o.backend, o.volume): o.dataset for o in now.ownership.values()}
    if len(inverse) != len(now.ownership) or inverse != dict(now.volumes):
        yield "a volume is on record for two datasets, or is not found by its name"
    for dataset, was in before.ownership.items():
        owner = now.ownership.get(dataset)
        if owner is None:
            if dataset in now.datasets:
                yield f"{dataset} has no volume on record any more"
        elif owner.volume != was.volume:
            yield f"{dataset} was {was.volume} and is {owner.volume} now"
        elif was.acquired and not owner.acquired:
            yield f"{dataset} is taken for empty, and held data"
