"""What a sandbox looks like: its machines' states, and settings for a user's shell."""

import shlex
from typing import Any

from attrs import asdict, frozen

from flocker.sandbox import enclosure
from flocker.sandbox.cluster import Sandbox
from flocker.sandbox.engines import engine_words
from flocker.sandbox.furnishing import USER
from flocker.sandbox.layout import Layout, programs
from flocker.sandbox.machines import (
    IN_PLACE,
    client_environment,
    programs_of,
    running,
)
from flocker.sandbox.names import CONTROL, REST_PORT, MachineName, address
from flocker.sandbox.network import entering, is_cut
from flocker.sandbox.places import places
from flocker.sandbox.processes import command
from flocker.sandbox.reaching import NotReached, nodes_seen
from flocker.wire.answers import NodeAnswer


@frozen
class MachineState:
    """How a machine is; `connected` is None where nobody can say."""

    machine: MachineName
    address: str
    running: bool
    cut: bool
    connected: bool | None
    node: str | None
    era: str | None
    programs: dict[int, str]
    engine: str | None = None
    """How a node's Docker is, where nodes have one."""

    @property
    def words(self) -> str:
        """Say it in a few words."""
        if not self.running:
            return "off"
        if self.cut:
            return "cut off"
        if self.machine == CONTROL:
            return "answers" if self.connected else "does not answer"
        return {True: "connected", False: "not connected", None: "running"}[
            self.connected
        ]

    def plain(self) -> dict[str, Any]:
        """Give it for JSON."""
        return asdict(self)


def machine_states(sandbox: Sandbox) -> list[MachineState]:
    """Look at all machines."""
    try:
        seen: dict[str, NodeAnswer] | None = nodes_seen(sandbox.layout)
    except NotReached:
        seen = None
    return [_state(sandbox, machine, seen) for machine in sandbox.machines]


def _state(
    sandbox: Sandbox, machine: MachineName, seen: dict[str, NodeAnswer] | None
) -> MachineState:
    layout = sandbox.layout
    record = running(layout, machine)
    node = None if seen is None else seen.get(address(machine))
    connected = None if seen is None else node is not None and node.connected
    alive = {} if record is None else programs_of(layout, machine)
    engine = sandbox.docker and machine != CONTROL and record is not None
    return MachineState(
        machine=machine,
        address=address(machine),
        running=record is not None,
        cut=record is not None and is_cut(layout, machine),
        connected=seen is not None if machine == CONTROL else connected,
        node=None if node is None else str(node.uuid),
        era=None if record is None else str(record.era),
        programs={each.pid: command(each.pid) for each in alive.values()},
        engine=engine_words(layout, machine) if engine else None,
    )


def shell_settings(layout: Layout) -> str:
    """Write what a user's shell evaluates to reach the sandbox.

    The control service is in a network namespace, so `flockerctl` and `curl` become
    functions that enter it; that needs root, hence sudo where the user is not. A user
    without root enters his own namespaces first. Raises `EnclosureGone`.
    """
    settings = client_environment(layout)
    exports = [
        f"export {name}={shlex.quote(value)}" for name, value in settings.items()
    ]
    certificates = layout.client
    curl = [
        *("curl", "--cacert", str(certificates / "cluster.crt")),
        *("--cert", str(certificates / f"{USER}.crt")),
        *("--key", str(certificates / f"{USER}.key")),
    ]
    passed = shlex.join(f"{name}={value}" for name, value in settings.items())
    inside = f'{shlex.join(entering(layout.switch))} env {passed} "$@"'
    if places().rootless:
        there = shlex.join([*enclosure.entering(layout), "sh", "-c", IN_PLACE, "sh"])
        function = f'    {there} "$PWD" {inside}'
    else:
        function = f'    if [ "$(id -u)" = 0 ]; then {inside}; else sudo {inside}; fi'
    return "\n".join(
        [
            *exports,
            f"export FLOCKER_URL=https://{address(CONTROL)}:{REST_PORT}/v1",
            "in_sandbox() {",
            function,
            "}",
            "flockerctl() { in_sandbox "
            + shlex.quote(str(programs() / "flockerctl"))
            + ' "$@"; }',
            "curl() { in_sandbox " + shlex.join(curl) + ' "$@"; }',
            "",
        ]
    )
