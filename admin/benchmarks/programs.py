"""The programs that are measured, as processes on loopback, with their certificates."""

import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from uuid import uuid4

from attrs import frozen

from admin.benchmarks.machine import ROOT, cpu_seconds, resident_mib
from flocker.ca.authority import Authority
from flocker.ca.credentials import KeyType
from flocker.ca.files import write_credential
from flocker.model.ids import ClusterID

CONTROL = "from flocker.daemons.control import main; main()"
STARTS_WITHIN = 120.0
"""Seconds."""


@frozen
class Running:
    """A program that runs, and the ports at which it is reached."""

    pid: int
    rest: int
    agents: int = 0

    @property
    def cpu(self) -> float:
        """The seconds of CPU that it has used."""
        return cpu_seconds(self.pid)

    @property
    def memory(self) -> float:
        """The MiB that it has in memory."""
        return resident_mib(self.pid)


def certify(directory: Path) -> Path:
    """Found a cluster: its authority, a control service and a user, in a directory."""
    directory.mkdir()
    made = datetime.now(UTC) - timedelta(days=1)
    authority = Authority.found("measured", ClusterID(uuid4()), KeyType.ECDSA, made)
    host = IPv4Address("127.0.0.1")
    control = authority.control([host, "localhost"], KeyType.ECDSA, made)
    write_credential(directory, "cluster", authority.credential)
    write_credential(directory, "control-service", control)
    write_credential(directory, "user", authority.user("measurer", KeyType.ECDSA, made))
    return directory


def free_port() -> int:
    """Give a port of loopback that nobody listens on."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


def control_command(certificates: Path, data: Path, running: Running) -> list[str]:
    """Give the command of a control service that listens at the ports of `running`."""
    ports = {"-p": running.rest, "-a": running.agents}
    options = [
        word
        for option, port in ports.items()
        for word in (option, f"tcp:{port}:interface=127.0.0.1")
    ]
    log = str(data.with_name(f"{data.name}.log"))
    command = [sys.executable, "-c", CONTROL, "--logfile", log]
    return [*command, "-d", str(data), "-c", str(certificates), *options]


@contextmanager
def control(certificates: Path, data: Path) -> Iterator[Running]:
    """A control service on a data directory."""
    there = Running(0, free_port(), free_port())
    with started(control_command(certificates, data, there)) as process:
        reachable(there.rest, process)
        reachable(there.agents, process)
        yield Running(process.pid, there.rest, there.agents)


@contextmanager
def bare_klein(certificates: Path, datasets: int) -> Iterator[Running]:
    """A klein app that lists so many datasets, behind the same TLS."""
    port = free_port()
    options = [str(certificates), str(port), str(datasets)]
    command = [sys.executable, "-m", "admin.benchmarks.bare_klein", *options]
    with started(command) as process:
        reachable(port, process)
        yield Running(process.pid, port)


@contextmanager
def started(
    command: Sequence[str],
    end: signal.Signals = signal.SIGTERM,
    pipes: int | None = None,
) -> Iterator["subprocess.Popen[bytes]"]:
    """Start a program that may open many files; end it with the block.

    `pipes` is what becomes of its standard input and output.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with subprocess.Popen(command, cwd=ROOT, stdin=pipes, stdout=pipes) as process:
        try:
            yield process
        finally:
            process.send_signal(end)
            _ = process.wait(60)


def reachable(port: int, process: "subprocess.Popen[bytes]") -> None:
    """Wait until somebody listens at a port of loopback."""
    end = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < end:
        if process.poll() is not None:
            raise SystemExit(f"{process.args!r} ended with {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), 5).close()
        except ConnectionRefusedError:
            time.sleep(0.005)
        else:
            return
    raise SystemExit(f"{process.args!r} does not listen at {port}")
