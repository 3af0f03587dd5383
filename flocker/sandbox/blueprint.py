"""What a machine of a sandbox is: its name, its private files, the programs it runs.

Written by `machines` as a file, read by `supervisor` in the machine; pure but for that.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from attrs import Factory, frozen

from flocker.sandbox.layout import Layout, programs
from flocker.sandbox.names import (
    AGENT_PORT,
    CONTROL,
    REST_PORT,
    MachineName,
    address,
)
from flocker.sandbox.pools import Disk

ENGINE = "dockerd"
ENGINE_SOCKET = Path("/run/docker.sock")
"""Where a node's Docker listens, in the node."""
PLUGIN_SOCKET = Path("/run/docker/plugins/flocker/flocker.sock")
"""Where a node's Docker looks for Flocker, in the node."""
ENGINE_SETTINGS = Path("/etc/docker")
"""Where Docker looks for its settings and plugins, and some keep a key."""


@frozen
class Program:
    """A program that is started again whenever it ends."""

    name: str
    argv: tuple[str, ...]
    after: Path | None = None
    """A file that must be there first, such as another's socket."""
    environment: Mapping[str, str] = Factory(dict)
    """What it has besides the machine's."""


@frozen
class Blueprint:
    """All that a machine must know to start."""

    machine: MachineName
    hostname: str
    era: UUID
    disk: Path
    record: Path
    programs: tuple[Program, ...]
    private: tuple[Path, ...] = ()
    """Directories that are empty and its own, besides /run and /flocker."""
    pool: Disk | None = None
    """A disk of its own that it mounts."""


def write_blueprint(path: Path, blueprint: Blueprint) -> None:
    """Store a blueprint."""
    plain = {
        "machine": blueprint.machine,
        "hostname": blueprint.hostname,
        "era": str(blueprint.era),
        "disk": str(blueprint.disk),
        "record": str(blueprint.record),
        "programs": [
            {
                "name": program.name,
                "argv": list(program.argv),
                "after": None if program.after is None else str(program.after),
                "environment": dict(program.environment),
            }
            for program in blueprint.programs
        ],
        "private": [str(place) for place in blueprint.private],
        "pool": None
        if blueprint.pool is None
        else {
            "image": str(blueprint.pool.image),
            "place": str(blueprint.pool.place),
            "kind": blueprint.pool.kind,
            "name": blueprint.pool.name,
            "programs": None
            if blueprint.pool.programs is None
            else str(blueprint.pool.programs),
        },
    }
    path.write_text(json.dumps(plain, indent=2) + "\n")


def read_blueprint(path: Path) -> Blueprint:
    """Read a blueprint that `write_blueprint` stored."""
    plain: dict[str, Any] = json.loads(path.read_text())
    pool = plain["pool"]
    return Blueprint(
        machine=MachineName(plain["machine"]),
        hostname=plain["hostname"],
        era=UUID(plain["era"]),
        disk=Path(plain["disk"]),
        record=Path(plain["record"]),
        programs=tuple(
            Program(
                program["name"],
                tuple(program["argv"]),
                None if program["after"] is None else Path(program["after"]),
                program["environment"],
            )
            for program in plain["programs"]
        ),
        private=tuple(Path(place) for place in plain["private"]),
        pool=None
        if pool is None
        else Disk(
            Path(pool["image"]),
            Path(pool["place"]),
            pool["kind"],
            pool["name"],
            None if pool["programs"] is None else Path(pool["programs"]),
        ),
    )


def flocker_programs(layout: Layout, machine: MachineName) -> tuple[Program, ...]:
    """Say which programs of Flocker a machine runs."""
    if machine == CONTROL:
        return (_control(layout),)
    return (_dataset_agent(layout, machine),)


def _control(layout: Layout) -> Program:
    disk, here = layout.machine(CONTROL), address(CONTROL)
    return _logged(
        layout,
        CONTROL,
        "flocker-control",
        f"--data-path={disk / 'data'}",
        f"--port=tcp:{REST_PORT}:interface={here}",
        f"--agent-port=tcp:{AGENT_PORT}:interface={here}",
        f"--certificates-directory={disk}",
    )


def _dataset_agent(layout: Layout, node: MachineName) -> Program:
    settings = layout.machine(node) / "agent.yml"
    return _logged(layout, node, "flocker-dataset-agent", f"--agent-config={settings}")


def engine_programs(layout: Layout, machine: MachineName) -> tuple[Program, ...]:
    """Say which programs a machine runs whose nodes have Docker."""
    flocker = flocker_programs(layout, machine)
    if machine == CONTROL:
        return flocker
    plugin = docker_plugin(layout, machine, PLUGIN_SOCKET)
    return (*flocker, plugin, _engine(layout, machine))


def _engine(layout: Layout, node: MachineName) -> Program:
    settings = layout.engine_settings(node)
    # Docker looks for a plugin that does not listen yet for 15 s, volume by volume.
    return Program(ENGINE, ("dockerd", f"--config-file={settings}"), PLUGIN_SOCKET)


def docker_plugin(layout: Layout, node: MachineName, socket: Path) -> Program:
    """Say how a node's Docker plugin is run."""
    settings = layout.machine(node) / "agent.yml"
    return _logged(
        layout,
        node,
        "flocker-docker-plugin",
        f"--agent-config={settings}",
        f"--rest-api-port={REST_PORT}",
        f"--socket={socket}",
    )


def _logged(layout: Layout, machine: MachineName, name: str, *options: str) -> Program:
    log = layout.logs(machine) / f"{name}.log"
    return Program(name, (str(programs() / name), *options, f"--logfile={log}"))
