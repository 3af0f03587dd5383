"""What a report about a machine holds, and how each part is had.

Called by `flocker.node_tools.diagnostics`. A part that cannot be had is noted, and the
others are collected all the same.
"""

import json
import stat
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from importlib.metadata import distributions
from pathlib import Path

from attrs import frozen

from flocker import __version__
from flocker.ca.files import load_certificate, load_credential
from flocker.client.http import connect
from flocker.client.interface import IFlockerClient
from flocker.client.routes import Address
from flocker.model.errors import FlockerError
from flocker.node_tools.archive import LARGEST, Archive
from flocker.node_tools.masking import NotMasked, mask_agent_yml, secrets_of_key
from flocker.runtime.process import run
from flocker.runtime.reactor import IReactor
from flocker.wire.agent_yaml import BadAgentFile, parse
from flocker.wire.answers import plain

SERVICES = (
    "flocker-control",
    "flocker-dataset-agent",
    "flocker-container-agent",
    "flocker-docker-plugin",
)
LOG_DIRECTORY = Path("/var/log/flocker")
USERS = ("user", "plugin")
"""Whose certificates are tried to ask the cluster, in this order."""
PROGRAM_WITHIN = 30.0
"""Seconds that each program has."""
JOURNAL_LINES = "200000"
LARGEST_KEY = 1024 * 1024
"""Bytes of a file that may be looked through for a key."""

PROGRAMS: Mapping[str, Sequence[str]] = {
    "uname": ("uname", "-a"),
    "hostname": ("hostname",),
    "date": ("date", "--iso-8601=seconds"),
    "uptime": ("uptime",),
    "lsblk": ("lsblk", "--all", "--output-all"),
    "losetup": ("losetup", "--list", "--all"),
    "df": ("df", "--all", "--print-type"),
    "lshw": ("lshw", "-quiet", "-class", "storage", "-class", "disk"),
    "ip-address": ("ip", "address"),
    "ip-route": ("ip", "route"),
    "listening": ("ss", "--tcp", "--listening", "--numeric", "--processes"),
    "kernel-log": ("dmesg", "--time-format", "iso"),
    "systemctl": ("systemctl", "status", "--no-pager", "--full", "flocker-*"),
    "docker-version": ("docker", "version"),
    "docker-info": ("docker", "info"),
    "docker-volumes": ("docker", "volume", "ls"),
}
"""Programs whose output is kept, by the name it gets; most machines lack some."""

FILES: Mapping[str, Path] = {
    "os-release": Path("/etc/os-release"),
    "mounts": Path("/proc/self/mountinfo"),
    "partitions": Path("/proc/partitions"),
    "boot-id": Path("/proc/sys/kernel/random/boot_id"),
}

_PROC = Path("/proc")


@frozen
class Where:
    """Where things are: configuration, and logs beyond those that are found."""

    config: Path
    logs: tuple[Path, ...]
    rest_port: int


def secrets_in(config: Path) -> Iterator[bytes]:
    """Give what must not stand in the report: keys, and what agent.yml may hide."""
    for path in sorted(config.glob("*")):
        with suppress(OSError):
            if path.is_file() and path.stat().st_size <= LARGEST_KEY:
                yield from secrets_of_key(path.read_bytes())
    with suppress(OSError, UnicodeDecodeError, NotMasked):
        yield from mask_agent_yml((config / "agent.yml").read_text("utf-8"))[1]


async def collect(reactor: IReactor, where: Where, archive: Archive) -> None:
    """Put everything into the archive. Raises `ArchiveNotWritten`."""
    _versions(archive)
    _config(where.config, archive)
    for name, path in FILES.items():
        _file(name, path, archive)
    for name, argv in PROGRAMS.items():
        await _program(reactor, name, argv, archive)
    for service in SERVICES:
        journal = ("journalctl", "--no-pager", "--output=short-iso", "--unit", service)
        lines = (*journal, "--lines", JOURNAL_LINES)
        await _program(reactor, f"logs/{service}.journal", lines, archive, log=True)
    for path in find_logs((*where.logs, *_logs_of_processes()), LOG_DIRECTORY):
        _log(path, archive)
    await _state(reactor, where, archive)


def logfiles_of(arguments: Sequence[str]) -> Iterator[Path]:
    """Give the --logfile of a service's command line."""
    if not any(Path(each).name in SERVICES for each in arguments[:2]):
        return
    for before, argument in zip(("", *arguments), arguments, strict=False):
        name, _, value = argument.partition("=")
        if name == "--logfile" and value:
            yield Path(value)
        elif before == "--logfile":
            yield Path(argument)


def find_logs(named: Iterable[Path], directory: Path) -> Sequence[Path]:
    """Give log files, those put aside too, each once."""
    found = {
        path
        for log in named
        for path in (log, *log.parent.glob(f"{log.name}.*"))
        if path.is_file()
    }
    return sorted({*found, *(path for path in directory.glob("*") if path.is_file())})


def _logs_of_processes() -> Iterator[Path]:
    for entry in _PROC.iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):  # it has ended meanwhile
                raw = (entry / "cmdline").read_bytes()
                yield from logfiles_of(raw.decode(errors="replace").split("\0"))


def _versions(archive: Archive) -> None:
    packages = {each.metadata["Name"]: each.version for each in distributions()}
    found = {"flocker": __version__, "packages": dict(sorted(packages.items()))}
    archive.add("version.json", json.dumps(found, indent=2).encode())


def _config(directory: Path, archive: Archive) -> None:
    """Keep agent.yml, masked, and of other files the names only."""
    try:
        lines = [_described(path) for path in sorted(directory.iterdir())]
    except OSError as error:
        archive.missed("config", error.strerror or str(error))
        return
    archive.add("config/files", "\n".join(lines).encode())
    try:
        text, _ = mask_agent_yml((directory / "agent.yml").read_text("utf-8"))
    except (OSError, UnicodeDecodeError, NotMasked) as error:
        archive.missed("config/agent.yml", str(error))
    else:
        archive.add("config/agent.yml", text.encode())


def _described(path: Path) -> str:
    status = path.lstat()
    changed = datetime.fromtimestamp(status.st_mtime).astimezone()
    return (
        f"{stat.filemode(status.st_mode)} {status.st_uid}:{status.st_gid} "
        f"{status.st_size:>10} {changed:%Y-%m-%d %H:%M:%S%z} {path.name}"
    )


def _file(name: str, path: Path, archive: Archive) -> None:
    try:
        archive.add(name, path.read_bytes())
    except OSError as error:
        archive.missed(name, error.strerror or str(error))


def _log(path: Path, archive: Archive) -> None:
    name = f"logs{path}"
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            file.seek(max(0, size - LARGEST))
            archive.add_log(name, file.read())
    except OSError as error:
        archive.missed(name, error.strerror or str(error))


async def _program(
    reactor: IReactor,
    name: str,
    argv: Sequence[str],
    archive: Archive,
    *,
    log: bool = False,
) -> None:
    try:
        done = await run(reactor, argv, timeout=PROGRAM_WITHIN, expected=range(256))
    except FlockerError as error:
        archive.missed(name, str(error))
        return
    output = done.out + (b"\n" + done.err if done.err else b"")
    if log:
        archive.add_log(name, output)
    else:
        archive.add(name, output)


async def _state(reactor: IReactor, where: Where, archive: Archive) -> None:
    try:
        client = _client(reactor, where)
    except FlockerError as error:
        archive.missed("state", str(error))
        return
    questions: Mapping[str, Callable[[], Awaitable[object]]] = {
        "version": client.version,
        "health": client.health,
        "nodes": client.nodes,
        "datasets": client.datasets,
        "leases": client.leases,
        "volumes": client.volumes,
    }
    for name, ask in questions.items():
        try:
            answer = plain(await ask())
        except FlockerError as error:
            archive.missed(f"state/{name}", str(error))
        else:
            archive.add(f"state/{name}.json", json.dumps(answer, indent=2).encode())


def _client(reactor: IReactor, where: Where) -> IFlockerClient:
    """Reach control as a user whose certificate lies here. Raises FlockerError."""
    authority = load_certificate(where.config / "cluster.crt")
    name = next(
        (each for each in USERS if (where.config / f"{each}.crt").exists()), USERS[0]
    )
    own = load_credential(where.config, name)
    path = where.config / "agent.yml"
    hosts: Sequence[str] = ("localhost",)
    with suppress(OSError, UnicodeDecodeError, BadAgentFile):
        hosts = parse(path.read_text("utf-8"), str(path)).hosts
    addresses = [Address(host, where.rest_port) for host in hosts]
    return connect(addresses, authority, own, reactor)
