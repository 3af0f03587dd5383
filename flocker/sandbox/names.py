"""What a sandbox and its machines are called, and where they are reached; pure.

Every other module of the room uses these.
"""

import re
from typing import NewType

from attrs import frozen

from flocker.model.errors import FlockerError

SandboxName = NewType("SandboxName", str)
MachineName = NewType("MachineName", str)

DEFAULT_SANDBOX = SandboxName("default")
CONTROL = MachineName("control")
"""The machine of the control service; it has the address of the switch itself."""
MOST_NODES = 200

REST_PORT = 4523
AGENT_PORT = 4524
CONTAINER_NETWORKS = "10.96.0.0/12"
"""Of which a node's Docker takes what networks it makes."""

_NETWORK = "10.77.0"
_BRIDGES = "10.78"
_FIRST_NODE = 10
_SANDBOX = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


@frozen
class BadSandboxName(FlockerError):
    """A text cannot name a sandbox."""

    name: str

    def words(self) -> str:
        """Name it and say what may stand in a name."""
        return (
            f"{self.name[:80]!r} cannot name a sandbox: only lower-case letters, "
            "digits and hyphens, at most 40"
        )


@frozen
class NoSuchMachine(FlockerError):
    """A sandbox has no machine of this name."""

    machine: str
    machines: tuple[MachineName, ...]

    def words(self) -> str:
        """Name it and those there are."""
        return f"there is no {self.machine!r} here, only {', '.join(self.machines)}"


def parse_sandbox_name(text: str) -> SandboxName:
    """Read the name of a sandbox; raises `BadSandboxName`."""
    if _SANDBOX.fullmatch(text) is None:
        raise BadSandboxName(text)
    return SandboxName(text)


def node_name(number: int) -> MachineName:
    """Name the node of a number; the first is 1."""
    return MachineName(f"node-{number}")


def node_names(nodes: int) -> tuple[MachineName, ...]:
    """Name the nodes of a sandbox."""
    return tuple(node_name(number) for number in range(1, nodes + 1))


def machine_names(nodes: int) -> tuple[MachineName, ...]:
    """Name the machines of a sandbox, control first."""
    return (CONTROL, *node_names(nodes))


def parse_machine_name(text: str, nodes: int) -> MachineName:
    """Find a machine among those of a sandbox; raises `NoSuchMachine`."""
    machines = machine_names(nodes)
    if text not in machines:
        raise NoSuchMachine(text, machines)
    return MachineName(text)


def address(machine: MachineName) -> str:
    """Give the machine's address on the bridge of its sandbox."""
    return f"{_NETWORK}.{_host_number(machine)}"


def interface_address(machine: MachineName) -> str:
    """Give the machine's address with the length of the network's prefix."""
    return f"{address(machine)}/24"


def bridge_address(machine: MachineName) -> str:
    """Give the address of the bridge of a node's Docker, with its prefix."""
    return f"{_BRIDGES}.{_host_number(machine)}.1/24"


def hardware_address(machine: MachineName) -> str:
    """Give the machine's MAC; a node that starts again is not a new neighbour."""
    return f"02:77:00:00:00:{_host_number(machine):02x}"


def _host_number(machine: MachineName) -> int:
    if machine == CONTROL:
        return 1
    return _FIRST_NODE + int(machine.removeprefix("node-"))
