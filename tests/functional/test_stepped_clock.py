"""Somebody sets the clock of a running control service: nothing moves with it."""

import os
import re
import signal
import socket
import ssl
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import pytest

from flocker.testing.certificates import a_cluster
from tests.clocks import build, faked, step
from tests.functional.control_service import Control, furnish, running

HOUR = 3600
DATASETS = "/v1/configuration/datasets"
LEASES = "/v1/configuration/leases"
LASTS = 300.0
"""Seconds for which the lease is asked."""
CLOSED_WITHIN = 40.0
"""Seconds within which a connection that does not say Hello (15 s) is closed."""


@pytest.fixture
def clock(tmp_path: Path) -> Path:
    """The file that says by how much the clock is wrong."""
    return tmp_path / "offset"


def date_of(control: Control) -> float:
    """What time the process says it is; the header is made from the time of day."""
    text = control.ask("GET", "/v1/version").headers["Date"]
    return datetime.strptime(
        f"{text[:-4]} +0000", "%a, %d %b %Y %H:%M:%S %z"
    ).timestamp()


def is_closed(control: Control) -> bool:
    """Whether a connection that says nothing is closed in its time."""
    address = ("127.0.0.1", control.port("agents"))
    end = time.monotonic() + CLOSED_WITHIN
    with (
        socket.create_connection(address, CLOSED_WITHIN) as plain,
        control.tls("node").wrap_socket(plain, server_hostname="127.0.0.1") as secured,
        suppress(ConnectionError, ssl.SSLError),
    ):
        while secured.recv(1000):  # it is asked for a sign of life meanwhile
            if time.monotonic() > end:
                return False
    return True


@pytest.mark.parametrize("seconds", [HOUR, -HOUR], ids=["forth", "back"])
def test_stepped(tmp_path: Path, clock: Path, seconds: int) -> None:
    """No lease ends, no time-out comes early or never, no age is that of the clock."""
    certificates = furnish(tmp_path / "etc", a_cluster())
    environment = faked(build(tmp_path), clock)
    with running(tmp_path / "data", certificates, environment=environment) as control:
        node, dataset = str(uuid4()), str(uuid4())
        new = {"primary": node, "dataset_id": dataset}
        assert control.ask("POST", DATASETS, new).code == 201
        lease = {"dataset_id": dataset, "node_uuid": node, "expires": LASTS}
        assert control.ask("POST", LEASES, lease).code == 201
        step(clock, seconds)
        assert abs(date_of(control) - time.time() - seconds) < 60  # it is set
        assert is_closed(control)
        (left,) = control.ask("GET", LEASES).body
        assert LASTS - 120 < left["expires"] <= LASTS
        status = control.ask("GET", f"/v1/status/datasets/{dataset}").body
        assert 0 <= status["seconds"] < 120
        assert control.ask("DELETE", f"{DATASETS}/{dataset}").code == 200
    assert not re.search("Traceback", control.log.read_text())


def test_suspended(tmp_path: Path, clock: Path) -> None:
    """A service that stood still, and finds it ten minutes later, goes on."""
    certificates = furnish(tmp_path / "etc", a_cluster())
    environment = faked(build(tmp_path), clock)
    with running(tmp_path / "data", certificates, environment=environment) as control:
        node, dataset = str(uuid4()), str(uuid4())
        new = {"primary": node, "dataset_id": dataset}
        assert control.ask("POST", DATASETS, new).code == 201
        lease = {"dataset_id": dataset, "node_uuid": node, "expires": LASTS}
        assert control.ask("POST", LEASES, lease).code == 201
        os.kill(control.process.pid, signal.SIGSTOP)
        time.sleep(3)
        step(clock, 600)
        os.kill(control.process.pid, signal.SIGCONT)
        (left,) = control.ask("GET", LEASES).body
        assert 0 < left["expires"] <= LASTS
        assert control.ask("POST", DATASETS, {"primary": node}).code == 201
