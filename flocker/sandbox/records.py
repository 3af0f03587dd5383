"""What a sandbox writes down: what it is made of, and which process is which machine.

Written in one step, so a reader sees all or nothing. A record that cannot be read
counts as none: its sandbox is taken for a left-over.
"""

import json
import os
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import UUID

from attrs import frozen

from flocker.sandbox.owners import Owner, parse_owner
from flocker.sandbox.processes import Process

FORMAT = 1


class Stage(Enum):
    """How far a sandbox is. Only one that is UP was made to its end."""

    MAKING = "making"
    UP = "up"
    UNMAKING = "unmaking"


@frozen
class SandboxRecord:
    """What a sandbox is made of."""

    stage: Stage
    nodes: int
    data: Path
    docker: bool = False
    """Whether each node has a Docker."""
    backend: str = "loopback"
    """What its datasets are on."""
    enclosed: bool = False
    """Whether it is in namespaces of a user without root."""
    owner: Owner | None = None
    """With whose end nobody needs it any more; None: it stays until its `down`."""


@frozen
class MachineRecord:
    """What a machine that runs says of itself; its process ids are the host's."""

    init: Process
    """The first process of the machine: all others die with it."""
    kernel: str
    """Boot id of the host: records of another boot are old."""
    mounts: int
    """Inode of the machine's mount namespace."""
    era: UUID
    """The machine's own boot id."""


@frozen
class Enclosure:
    """What keeps the namespaces of a user without root; see `MachineRecord`."""

    init: Process
    """The first process of the process namespace."""
    waiting: Process
    """The one that waits for it, outside."""
    kernel: str


def write_text(path: Path, text: str) -> None:
    """Write a file in one step."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text)
    temporary.rename(path)


def write_sandbox(path: Path, record: SandboxRecord) -> None:
    """Store a sandbox's record."""
    plain = {
        "format": FORMAT,
        "stage": record.stage.value,
        "nodes": record.nodes,
        "data": str(record.data),
        "docker": record.docker,
        "backend": record.backend,
        "enclosed": record.enclosed,
        "owner": "" if record.owner is None else str(record.owner),
    }
    write_text(path, json.dumps(plain) + "\n")


def read_sandbox(path: Path) -> SandboxRecord | None:
    """Read a sandbox's record; None if there is none that can be understood."""
    plain = _plain(path)
    try:
        return SandboxRecord(
            Stage(plain["stage"]),
            int(plain["nodes"]),
            Path(plain["data"]),
            docker=bool(plain.get("docker", False)),
            backend=str(plain.get("backend", "loopback")),
            enclosed=bool(plain.get("enclosed", False)),
            owner=parse_owner(str(plain.get("owner", ""))),
        )
    except (KeyError, ValueError, TypeError):
        return None


def write_machine(path: Path, record: MachineRecord) -> None:
    """Store a machine's record."""
    plain = {
        "format": FORMAT,
        "pid": record.init.pid,
        "started": record.init.started,
        "kernel": record.kernel,
        "mounts": record.mounts,
        "era": str(record.era),
    }
    write_text(path, json.dumps(plain) + "\n")


def read_machine(path: Path) -> MachineRecord | None:
    """Read a machine's record; None if there is none that can be understood."""
    plain = _plain(path)
    try:
        return MachineRecord(
            init=Process(int(plain["pid"]), int(plain["started"])),
            kernel=str(plain["kernel"]),
            mounts=int(plain["mounts"]),
            era=UUID(plain["era"]),
        )
    except (KeyError, ValueError, TypeError, AttributeError):
        return None


def write_enclosure(path: Path, record: Enclosure) -> None:
    """Store the record of a user's own namespaces."""
    both = {"init": record.init, "waiting": record.waiting}
    plain = {
        "format": FORMAT,
        "kernel": record.kernel,
        **{name: [each.pid, each.started] for name, each in both.items()},
    }
    write_text(path, json.dumps(plain) + "\n")


def read_enclosure(path: Path) -> Enclosure | None:
    """Read such a record; None if there is none that can be understood."""
    plain = _plain(path)
    try:
        init, waiting = (
            Process(*map(int, plain[name])) for name in ("init", "waiting")
        )
        return Enclosure(init, waiting, str(plain["kernel"]))
    except (KeyError, ValueError, TypeError):
        return None


def _plain(path: Path) -> dict[str, Any]:
    try:
        plain = json.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}
    if not isinstance(plain, dict) or plain.get("format") != FORMAT:
        return {}
    return plain
