"""Tests of `flockerctl doctor` as a command."""

import json
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from click.testing import Result

from flocker.ca.files import write_credential
from flocker.model.ids import NodeID
from flocker.testing.certificates import a_cluster
from flocker.testing.fakes.memory_control import MemoryControl

NODE = NodeID(UUID("aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"))

Run = Callable[..., Result]


@pytest.fixture
def doctor(run: Run, tmp_path: Path, control: MemoryControl) -> Run:
    """Runs the doctor in a user's directory."""
    control.lists(NODE)
    cluster = a_cluster()
    write_credential(tmp_path, "user", cluster.user)
    (tmp_path / "cluster.crt").write_bytes(cluster.authority.certificate_pem())
    where = ("--certs-path", str(tmp_path), "--control-service", "127.0.0.1")
    return lambda *arguments: run(*where, "doctor", *arguments)


def test_lines(doctor: Run) -> None:
    """A line a thing, and a sum; a warning is no failure."""
    result = doctor()
    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert lines[0].split() == ["WHAT", "FOUND"]
    assert lines[1].startswith("ok    files         cluster.crt is mine's, until 20")
    assert lines[-1].endswith("things looked at: 0 FAIL, 2 warn.")


def test_quiet(doctor: Run) -> None:
    """With -q only what is not well is shown."""
    lines = doctor("-q").stdout.splitlines()
    assert [line.split()[0] for line in lines[1:-1]] == ["warn", "warn"]


def test_failure(doctor: Run, control: MemoryControl) -> None:
    """What fails makes the exit status 1."""
    control.reachable = False
    result = doctor("-o", "json")
    found = json.loads(result.stdout)
    assert result.exit_code == 1
    assert [each["about"] for each in found if each["level"] == "FAIL"] == ["control"]
    assert set(found[0]) == {"level", "about", "words", "advice"}


def test_no_control_service(run: Run, tmp_path: Path) -> None:
    """Where nothing says where control is, there is nothing to examine."""
    assert run("--certs-path", str(tmp_path), "doctor").exit_code == 2
