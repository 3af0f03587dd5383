"""flocker-control as a process on loopback, and an old client of it."""

import http.client
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import define

from flocker.ca.files import write_credential
from flocker.testing.certificates import Cluster

PROGRAM = "from flocker.daemons.control import main; main()"
PORT = "tcp:0:interface=127.0.0.1"


def flocker_control(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run one of its commands to its end."""
    command = [sys.executable, "-c", PROGRAM, *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=60
    )


def furnish(directory: Path, cluster: Cluster) -> Path:
    """Lay a cluster's certificates as an administrator of the first Flocker did."""
    directory.mkdir()
    (directory / "cluster.crt").write_bytes(cluster.authority.certificate_pem())
    write_credential(directory, "control-service", cluster.control)
    write_credential(directory, "node", cluster.node)
    write_credential(directory, "user", cluster.user)
    return directory


@define
class Answer:
    """What a client got."""

    code: int
    body: Any
    headers: Mapping[str, str]


@define
class Control:
    """A service that runs; ports of its REST API and for agents."""

    process: "subprocess.Popen[str]"
    certificates: Path
    started: Mapping[str, Any]
    log: Path

    def port(self, name: str) -> int:
        found = re.search(r"port=(\d+)", self.started[name])
        assert found
        return int(found[1])

    def tls(self, name: str) -> ssl.SSLContext:
        context = ssl.create_default_context(
            cafile=str(self.certificates / "cluster.crt")
        )
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(
            self.certificates / f"{name}.crt", self.certificates / f"{name}.key"
        )
        return context

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Ask with the standard library, verifying the address that is dialled."""
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self.port("rest"), timeout=60, context=self.tls("user")
        )
        try:
            connection.request(
                method,
                path,
                None if body is None else json.dumps(body),
                {"Content-Type": "application/json", **(headers or {})},
            )
            response = connection.getresponse()
            return Answer(
                response.status,
                json.loads(response.read()),
                dict(response.getheaders()),
            )
        finally:
            connection.close()

    def logged(self, kind: str) -> Mapping[str, Any] | None:
        """The first message of this type, if there is one."""
        return find(self.log, kind)


def find(log: Path, kind: str) -> Mapping[str, Any] | None:
    for line in log.read_text().splitlines():
        if kind in line:
            found = json.loads(line)
            if found.get("message_type") == kind:
                return found
    return None


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def until(true: Callable[[], bool], what: str, within: float = 60.0) -> None:
    """Wait for something."""
    end = time.monotonic() + within
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.1)


def memory(control: Control) -> int:
    """The bytes that the service has in memory."""
    text = Path(f"/proc/{control.process.pid}/status").read_text()
    (line,) = (line for line in text.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


def secured(control: Control, port: str, name: str) -> ssl.SSLSocket:
    """A connection over TLS."""
    plain = socket.create_connection(("127.0.0.1", control.port(port)), 20)
    return control.tls(name).wrap_socket(plain, server_hostname="127.0.0.1")


@contextmanager
def running(
    data: Path,
    certificates: Path,
    *,
    stop: signal.Signals = signal.SIGTERM,
    environment: Mapping[str, str] | None = None,
    agent_port: int = 0,
) -> Iterator[Control]:
    """A service on this directory, until the end of the block.

    It has `environment` besides ours, and any port for agents where that is 0.
    """
    log = data.parent / f"{data.name}.log"
    log.unlink(missing_ok=True)
    agents = f"tcp:{agent_port}:interface=127.0.0.1"
    options = ["-d", data, "-c", certificates, "-p", PORT, "-a", agents]
    command = [sys.executable, "-c", PROGRAM, "--logfile", log, *options]
    with subprocess.Popen(
        [*map(str, command)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
    ) as process:
        try:
            yield Control(process, certificates, _started(process, log), log)
        finally:
            process.send_signal(stop)
            _ = process.wait(60)


def _started(process: "subprocess.Popen[str]", log: Path) -> Mapping[str, Any]:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if log.exists():
            found = find(log, "flocker:control:started")
            if found is not None:
                return found
        if process.poll() is not None:
            assert process.stderr is not None
            raise AssertionError(process.stderr.read())
        time.sleep(0.02)
    raise TimeoutError(os.fspath(log))
