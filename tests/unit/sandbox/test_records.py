"""What a sandbox writes down."""

import json
from pathlib import Path
from uuid import UUID

import pytest

from flocker.sandbox.owners import Owner
from flocker.sandbox.processes import Process
from flocker.sandbox.records import (
    Enclosure,
    MachineRecord,
    SandboxRecord,
    Stage,
    read_enclosure,
    read_machine,
    read_sandbox,
    write_enclosure,
    write_machine,
    write_sandbox,
)

MACHINE = MachineRecord(Process(12, 3456), "kernel", 4026531840, UUID(int=7))


@pytest.mark.parametrize("stage", Stage)
def test_sandbox_comes_back(tmp_path: Path, stage: Stage) -> None:
    """A sandbox's record is read as it was written."""
    up = stage is Stage.UP
    owner = Owner(Process(12, 3456), "kernel") if up else None
    record = SandboxRecord(
        stage, 3, tmp_path, docker=up, backend="btrfs", enclosed=up, owner=owner
    )
    write_sandbox(tmp_path / "r", record)
    assert read_sandbox(tmp_path / "r") == record


def test_record_of_an_older_sandbox(tmp_path: Path) -> None:
    """A record without a word of Docker or an owner is of a sandbox without them."""
    plain = {"format": 1, "stage": "up", "nodes": 2, "data": "/d"}
    (tmp_path / "r").write_text(json.dumps(plain))
    found = SandboxRecord(Stage.UP, 2, Path("/d"), docker=False, owner=None)
    assert read_sandbox(tmp_path / "r") == found


def test_machine_comes_back(tmp_path: Path) -> None:
    """A machine's record is read as it was written."""
    write_machine(tmp_path / "r", MACHINE)
    assert read_machine(tmp_path / "r") == MACHINE


def test_enclosure_comes_back(tmp_path: Path) -> None:
    """The record of a user's own namespaces is read as it was written."""
    record = Enclosure(Process(12, 3456), Process(11, 3455), "kernel")
    write_enclosure(tmp_path / "r", record)
    assert read_enclosure(tmp_path / "r") == record
    (tmp_path / "r").write_text('{"format": 1, "init": [1], "kernel": "k"}')
    assert read_enclosure(tmp_path / "r") is None


def test_nothing_else_is_left(tmp_path: Path) -> None:
    """Writing leaves one file, whether it is new or not."""
    write_machine(tmp_path / "r", MACHINE)
    write_machine(tmp_path / "r", MACHINE)
    assert [path.name for path in tmp_path.iterdir()] == ["r"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"format": 1}',
        '{"format": 2, "stage": "up"}',
        '{"format": 1, "stage": "odd", "nodes": 1, "data": "/"}',
        '{"format": 1, "pid": 1, "started": 1, "kernel": "", "mounts": 1, "era": 3}',
    ],
)
def test_unreadable_is_none(tmp_path: Path, text: str) -> None:
    """What is not a whole record of our format counts as none."""
    (tmp_path / "r").write_text(text)
    assert read_sandbox(tmp_path / "r") is None
    assert read_machine(tmp_path / "r") is None


def test_missing_is_none(tmp_path: Path) -> None:
    """A record that was not written is none."""
    assert read_sandbox(tmp_path / "r") is None
