"""Where a sandbox keeps what; pure.

`state` holds what lives as long as the sandbox's processes: records of them and the
network namespaces' files. `data` holds what a machine has on its disk. `places` says
where both are.
"""

import sys
from pathlib import Path

from attrs import frozen

from flocker.sandbox.names import CONTROL, MachineName, SandboxName
from flocker.sandbox.places import places

HOME_MARK = "this-is-a-machine-of-a-sandbox"
"""A file that stands, in the machines, where the outside keeps its sandboxes."""
MOUNT_ROOT = Path("/flocker")
"""Where the dataset agent mounts; private in every machine."""


@frozen
class Layout:
    """The paths of one sandbox."""

    name: SandboxName
    state: Path
    data: Path

    @property
    def record(self) -> Path:
        """What the sandbox is made of, and how far it is."""
        return self.state / "sandbox.json"

    def network(self, machine: MachineName) -> Path:
        """The file that holds a machine's network namespace."""
        return self.state / "net" / machine

    @property
    def switch(self) -> Path:
        """The network namespace with the bridge: control's."""
        return self.network(CONTROL)

    def machine_record(self, machine: MachineName) -> Path:
        """What a machine that runs says of itself."""
        return self.state / f"{machine}.json"

    def blueprint(self, machine: MachineName) -> Path:
        """What a machine was told to be."""
        return self.machine(machine) / "machine.json"

    def engine_settings(self, machine: MachineName) -> Path:
        """The settings of a node's Docker."""
        return self.machine(machine) / "daemon.json"

    @property
    def control_groups(self) -> str:
        """The control group with those of the nodes' containers, by node."""
        return f"flocker-sandbox-{self.name}"

    @property
    def authority(self) -> Path:
        """The directory of the cluster's certificate authority."""
        return self.data / "ca"

    @property
    def client(self) -> Path:
        """The certificates of the sandbox's user."""
        return self.data / "client"

    @property
    def volumes(self) -> Path:
        """The storage the nodes share."""
        return self.data / "volumes"

    def machine(self, machine: MachineName) -> Path:
        """The disk of a machine: certificates, settings, data."""
        return self.data / machine

    def pool(self, node: MachineName) -> Path:
        """Where a node has the pool of its own."""
        return self.machine(node) / "pool"

    def pool_image(self, node: MachineName) -> Path:
        """The disk on which a node has its pool."""
        return self.machine(node) / "pool.img"

    def logs(self, machine: MachineName) -> Path:
        """The log files of a machine, one a process."""
        return self.data / "logs" / machine


def default_layout(name: SandboxName, data: Path | None = None) -> Layout:
    """Give the paths of a sandbox, with its data in `data` or the usual place."""
    here = places()
    return Layout(name, here.states / name, data or here.datas / name)


def programs() -> Path:
    """Give the directory of Flocker's commands: beside the Python that runs."""
    return Path(sys.executable).parent
