"""A dataset agent's rig on fakes: one machine, its driver, its kernel."""

from attrs import Factory, define, field
from twisted.internet.task import Clock

from flocker.dataset_agent.rig import Backend, Rig
from flocker.model.datasets import DEFAULT_BACKEND
from flocker.model.ids import BackendName, DatasetID, InstanceID, NodeID, VolumeID
from flocker.model.sizes import MEBIBYTE
from flocker.testing.builders import node_id
from flocker.testing.fakes.memory_block_devices import MemoryBlockDevices
from flocker.testing.fakes.memory_filesystems import MemoryFilesystems
from flocker.testing.simulation.faults import (
    Faults,
    FaultyBlockDevices,
    FaultyFilesystems,
    FaultyMarkingBlockDevices,
)
from flocker.testing.simulation.processes import ProcessClock, SimulatedThreads
from flocker.testing.simulation.watching import Watch

HERE = InstanceID("i-1")


@define(eq=False)
class FakeRig:
    """The parts of a rig; a call takes `pace` times `steps_take` seconds."""

    steps_take: float = 0.0
    pace: float = 1.0
    names: tuple[BackendName, ...] = (DEFAULT_BACKEND,)
    node: NodeID = Factory(node_id)
    clock: Clock = Factory(Clock)
    service: MemoryBlockDevices = Factory(MemoryBlockDevices)
    faults: Faults = Factory(Faults)
    kernel: MemoryFilesystems = field(init=False)
    driver: FaultyBlockDevices = field(init=False)
    threads: dict[BackendName, SimulatedThreads] = field(init=False)
    """Those of each backend."""
    rig: Rig = field(init=False)

    def __attrs_post_init__(self) -> None:
        watch = Watch(self.clock.seconds)
        self.kernel = MemoryFilesystems(self.service)
        self.driver = FaultyMarkingBlockDevices(
            self.service.cloud_node(HERE), self.faults, watch
        )
        self.threads = {name: self._threads() for name in self.names}
        backends = {
            name: Backend(name, "memory", "block", self.driver, threads)
            for name, threads in self.threads.items()
        }
        filesystems = FaultyFilesystems(self.kernel, self.faults, watch)
        self.rig = Rig(self.node, backends, filesystems, self._threads())

    def _threads(self) -> SimulatedThreads:
        return SimulatedThreads(
            ProcessClock(self.clock), lambda: self.pace, self.steps_take
        )

    @property
    def backend(self) -> Backend:
        """The one backend."""
        return self.rig.backends[self.names[0]]

    def volume(self, dataset: DatasetID, *, attached: bool = False) -> VolumeID:
        """Make a volume of a dataset."""
        made = self.service.node(HERE).create_volume(dataset, MEBIBYTE).blockdevice_id
        if attached:
            _ = self.service.node(HERE).attach_volume(made, HERE)
        return made

    def mounted(self, dataset: DatasetID) -> VolumeID:
        """Make a volume of a dataset and mount it in its place."""
        volume = self.volume(dataset, attached=True)
        device = self.service.devices[volume].path
        self.kernel.make(device)
        self.kernel.mount(device, self.rig.place(dataset))
        return volume
