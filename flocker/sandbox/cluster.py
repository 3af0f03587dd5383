"""A sandbox's life: up, a machine killed and started, down. The commands call it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from attrs import evolve, frozen

from flocker.backends.loopback.machines import LiveMachines
from flocker.model.errors import FlockerError
from flocker.model.ids import InstanceID
from flocker.sandbox import enclosure, network
from flocker.sandbox.blueprint import (
    ENGINE_SETTINGS,
    engine_programs,
    flocker_programs,
)
from flocker.sandbox.furnishing import furnish, furnish_engines
from flocker.sandbox.layout import Layout, default_layout
from flocker.sandbox.locking import locked
from flocker.sandbox.machines import (
    MachineOff,
    MachineOn,
    Programs,
    await_boot,
    pull_plug,
    running,
    switch_on,
)
from flocker.sandbox.names import (
    CONTROL,
    MachineName,
    SandboxName,
    machine_names,
    node_names,
)
from flocker.sandbox.owners import Owner, owner_in
from flocker.sandbox.places import STATES, places, prepare
from flocker.sandbox.pools import SHARED, ZFS, disk_of
from flocker.sandbox.records import (
    MachineRecord,
    SandboxRecord,
    Stage,
    read_sandbox,
    write_sandbox,
)
from flocker.sandbox.removing import (
    Say,
    clear,
    is_dead,
    make_mount_root,
    remove_state,
    sweep,
    take_down,
)
from flocker.sandbox.zfs import with_zfs


@frozen
class AlreadyUp(FlockerError):
    """A sandbox of this name runs."""

    name: SandboxName

    def words(self) -> str:
        """Name it and how to end it."""
        return (
            f"the sandbox {self.name!r} is up already; "
            f"`flocker-sandbox --name {self.name} down` ends it"
        )


@frozen
class NotUp(FlockerError):
    """No sandbox of this name runs."""

    name: SandboxName
    of_root: bool = False
    """Whether root has one of this name, and this user is not root."""

    def words(self) -> str:
        """Name it and how to make it, or to reach root's."""
        if self.of_root:
            return f"you have no sandbox {self.name!r}; root has one: use sudo"
        return (
            f"there is no sandbox {self.name!r}; "
            f"`flocker-sandbox --name {self.name} up` makes one"
        )


@frozen
class DirectoryInUse(FlockerError):
    """The directory that a sandbox should fill, and remove, holds something."""

    directory: Path

    def words(self) -> str:
        """Name it."""
        return f"{self.directory} is not empty; a sandbox needs a directory of its own"


@frozen
class Sandbox:
    """A sandbox that is up, or is wanted."""

    layout: Layout
    nodes: int
    docker: bool = False
    """Whether each node has a Docker."""
    backend: str = SHARED
    """What its datasets are on."""

    @property
    def programs(self) -> Programs:
        """Say what its machines run."""
        usual = engine_programs if self.docker else flocker_programs
        return with_zfs(usual) if self.backend == ZFS else usual

    @property
    def machines(self) -> tuple[MachineName, ...]:
        """All machines, control first."""
        return machine_names(self.nodes)


def count(nodes: int) -> str:
    """Say how many nodes."""
    return "1 node" if nodes == 1 else f"{nodes} nodes"


def open_sandbox(name: SandboxName) -> Sandbox:
    """Find a sandbox that is up, and be where its namespaces are.

    Raises `NotUp`, `EnclosureGone`.
    """
    record = read_sandbox(default_layout(name).record)
    if record is None or record.stage is not Stage.UP:
        raise not_up(name)
    layout = default_layout(name, record.data)
    if record.enclosed:
        enclosure.enter(layout)
    return Sandbox(layout, record.nodes, record.docker, record.backend)


def not_up(name: SandboxName) -> NotUp:
    """Say that there is no sandbox, and whether this user should ask root."""
    return NotUp(name, of_root=places().rootless and (STATES / name).exists())


def up(
    made: Sandbox,
    now: datetime,
    say: Say,
    runs: Programs | None = None,
    owner: Owner | None = None,
) -> Sandbox:
    """Make a sandbox and start its machines; they may not be connected yet.

    It is a left-over when its `owner` has ended, or whom the environment names; without
    one it stays until its `down`. What fails or is interrupted on the way is taken down
    again before the error goes on. Afterwards this process is where its namespaces are.
    Raises `AlreadyUp`, `DirectoryInUse`, `NoPlace`, `Waited`, and what programs raise.
    """
    wanted, here = made.layout, places()
    prepare(here)
    record = SandboxRecord(
        Stage.MAKING,
        made.nodes,
        wanted.data,
        made.docker,
        made.backend,
        enclosed=here.rootless,
        owner=owner or owner_in(os.environ),
    )
    for why in sweep(say, spare=wanted.name).stayed:
        say(why)
    with locked(wanted.state, lambda: say("another command works on it; waiting")):
        _make_room(wanted, say)
        write_sandbox(wanted.record, record)
        try:
            _make(made, now, say, runs or made.programs)
            write_sandbox(wanted.record, evolve(record, stage=Stage.UP))
        except BaseException:
            say("taking down what was made")
            take_down(wanted)
            raise
    return made


def keep(sandbox: Sandbox) -> None:
    """Let a sandbox outlive who made it; raises `NotUp`."""
    owner = owner_in(os.environ)
    with _at_work(sandbox) as record:
        write_sandbox(sandbox.layout.record, evolve(record, owner=owner))


def down(name: SandboxName) -> bool:
    """Remove all of a sandbox, whole or half; False if there was nothing.

    Raises `Waited`, `StillMounted`: then a second `down` goes on where it stopped.
    """
    layout = default_layout(name)
    if not layout.state.exists() and not layout.data.exists():
        return False
    with locked(layout.state):
        if enclosure.kept(layout) is not None:
            enclosure.enter(layout)  # who is in its networks is found only from there
        take_down(layout)
    return True


def kill(sandbox: Sandbox, machine: MachineName) -> None:
    """Pull a machine's plug; raises `MachineOff`."""
    with _at_work(sandbox):
        if running(sandbox.layout, machine) is None:
            raise MachineOff(machine)
        pull_plug(sandbox.layout, machine)
        if machine != CONTROL:
            _machines(sandbox.layout).is_off(InstanceID(machine))


def start(
    sandbox: Sandbox, machine: MachineName, runs: Programs | None = None
) -> MachineRecord:
    """Switch on a machine that is off, in a new era; raises `MachineOn`."""
    with _at_work(sandbox):
        if running(sandbox.layout, machine) is not None:
            raise MachineOn(machine)
        pull_plug(sandbox.layout, machine)
        if machine != CONTROL:
            network.add_node(sandbox.layout, machine)
            _machines(sandbox.layout).runs(InstanceID(machine))
        _switch_on(sandbox, machine, runs or sandbox.programs)
        return await_boot(sandbox.layout, machine)


def _switch_on(sandbox: Sandbox, machine: MachineName, runs: Programs) -> None:
    private = (ENGINE_SETTINGS,) if sandbox.docker else ()
    pool = None
    if machine != CONTROL:
        pool = disk_of(sandbox.layout, machine, sandbox.backend)
    switch_on(sandbox.layout, machine, runs, private, pool)


def _machines(layout: Layout) -> LiveMachines:
    """Give what the backend knows of the machines."""
    return LiveMachines(layout.volumes)


@contextmanager
def _at_work(sandbox: Sandbox) -> Iterator[SandboxRecord]:
    """Hold a sandbox's lock; raises `NotUp` if it went down meanwhile."""
    with locked(sandbox.layout.state):
        record = read_sandbox(sandbox.layout.record)
        if record is None or record.stage is not Stage.UP:
            with suppress(OSError):  # not empty: `down` will find the rest
                remove_state(sandbox.layout)
            raise not_up(sandbox.layout.name)
        yield record


def _make_room(wanted: Layout, say: Say) -> None:
    """Remove what is left of this name; raises `AlreadyUp`, `DirectoryInUse`."""
    usual = default_layout(wanted.name)
    record = read_sandbox(wanted.record)
    if record is not None and not is_dead(wanted):
        raise AlreadyUp(wanted.name)
    if record is not None or usual.data.exists():
        say(f"removing what a killed run left of the sandbox {wanted.name!r}")
        clear(usual)
    if wanted.data.exists() and any(wanted.data.iterdir()):
        remove_state(wanted)
        raise DirectoryInUse(wanted.data)


def _make(made: Sandbox, now: datetime, say: Say, runs: Programs) -> None:
    layout, nodes = made.layout, made.nodes
    if places().rootless:
        say("making namespaces in which you are root")
        enclosure.make(layout)
    say(f"making certificates and disks in {layout.data}")
    furnish(layout, nodes, now, made.backend)
    say(f"connecting control and {count(nodes)} by a private bridge")
    network.add_switch(layout)
    for node in node_names(nodes):
        network.add_node(layout, node)
        _machines(layout).runs(InstanceID(node))
    make_mount_root()
    if made.docker:
        furnish_engines(layout, nodes)
        ENGINE_SETTINGS.mkdir(mode=0o755, parents=True, exist_ok=True)
    say("starting the machines")
    for machine in machine_names(nodes):
        _switch_on(made, machine, runs)
    for machine in machine_names(nodes):
        await_boot(layout, machine)
