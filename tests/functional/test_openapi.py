"""The live API is what its description says: asked all manner of things over TLS."""

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

STARTED = "flocker:control:started"
CONTROL = "from flocker.daemons.control import main; main()"

CHECKS_LEFT_OUT = {
    "ignored_auth": "who has no certificate gets no connection, so no status",
    "negative_data_rejection": "old clients may send bodies, types, queries, headers "
    "that nobody looks at; ids in paths are compared as texts: 404",
    "missing_required_header": "there are none",
    "ensure_resource_availability": "a dataset exists where it is wanted: "
    "its status is there, an id in state only when an agent has seen it",
    "use_after_free": "a deleted dataset stays listed, as before 2.0",
}
"""Checks of schemathesis that are not for this API, and why."""

SETTINGS = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", 304, 404, 405, 409, 412]
"""
"""What was there before decides of many good requests; none of them is bad: 400."""

PATHS_LEFT_OUT = {"/v1/events": "it is a stream, which does not end"}

MOST_SECONDS = 40


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


def test_schemathesis(service: Service) -> None:
    """Whatever is asked, the answer is one of those described."""
    settings = service.directory / "schemathesis.toml"
    settings.write_text(SETTINGS)
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", settings),
            *("run", f"{service.url}/v1/openapi.json"),
            *("--request-cert", service.directory / "user.crt"),
            *("--request-cert-key", service.directory / "user.key"),
            *("--tls-verify", service.directory / "cluster.crt"),
            *("--exclude-checks", ",".join(CHECKS_LEFT_OUT)),
            *(part for path in PATHS_LEFT_OUT for part in ("--exclude-path", path)),
            *("--max-examples", "40", "--max-time", str(MOST_SECONDS)),
            *("--seed", "1", "--continue-on-failure", "--suppress-health-check", "all"),
        ],
        cwd=service.directory,
        capture_output=True,
        text=True,
        check=False,
        timeout=3 * MOST_SECONDS,
    )
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
