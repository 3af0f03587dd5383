"""What tests on a real kernel begin with."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import frozen

from flocker.ca.files import write_credential
from flocker.sandbox.waiting import until
from flocker.testing.certificates import a_cluster
from flocker.testing.loop_devices import scratch_directory
from flocker.testing.side_by_side import beside_others

STARTED = "flocker:control:started"
CONTROL = "from flocker.daemons.control import main; main()"


@pytest.fixture(autouse=True)
def _beside_others() -> Iterator[None]:
    """No mount namespace is made by another process while a test looks at mounts."""
    with beside_others():
        yield


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A directory whose loop devices and mounts do not outlive the test."""
    with scratch_directory() as path:
        yield path


@frozen
class Service:
    """A control service that runs."""

    directory: Path
    url: str


@pytest.fixture(scope="module")
def service(tmp_path_factory) -> Iterator[Service]:
    """A control service of its own, with certificates for this machine."""
    directory = tmp_path_factory.mktemp("control")
    log = directory / "log"
    cluster = a_cluster()
    write_credential(directory, "cluster", cluster.authority)
    write_credential(directory, "control-service", cluster.control)
    write_credential(directory, "user", cluster.user)
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", CONTROL),
            *("-d", directory / "data", "-c", directory),
            *("-p", "tcp:0:interface=127.0.0.1", "-a", "tcp:0:interface=127.0.0.1"),
            *("--logfile", log),
        ]
    )
    try:
        until(lambda: STARTED in _text(log), "a control service that runs", 30.0)
        yield Service(directory, f"https://127.0.0.1:{_port(log)}")
    finally:
        process.kill()
        process.communicate()


def _text(log: Path) -> str:
    return log.read_text() if log.exists() else ""


def _port(log: Path) -> int:
    """The port of the REST API, as the service says in its log."""
    entries = map(json.loads, log.read_text().splitlines())
    (rest,) = [e["rest"] for e in entries if e.get("message_type") == STARTED]
    found = re.search(r"port=(\d+)", rest)
    assert found is not None
    return int(found[1])
