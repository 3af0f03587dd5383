"""Tests of the systemd journal as a log destination."""

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from flocker.runtime.journal import NoJournal, journal


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[socket.socket]:
    """A socket that takes datagrams where a journal would."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "journal"))
        listening.settimeout(5)
        yield listening


def fields(datagram: bytes) -> dict[str, str]:
    """The fields of an entry in the journal's format."""
    lines = datagram.decode().splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_entry(listener: socket.socket) -> None:
    """An entry goes as JSON in the field MESSAGE, with the program's name."""
    journal("flocker-test", Path(listener.getsockname()))({"a": "x\ny"})
    found = fields(listener.recv(65536))
    assert json.loads(found.pop("MESSAGE")) == {"a": "x\ny"}
    assert found == {"PRIORITY": "6", "SYSLOG_IDENTIFIER": "flocker-test"}


def test_failure_is_an_error(listener: socket.socket) -> None:
    """A failed action has the priority of an error."""
    journal("flocker-test", Path(listener.getsockname()))({"action_status": "failed"})
    assert fields(listener.recv(65536))["PRIORITY"] == "3"


def test_long_entry_goes_as_a_file(listener: socket.socket) -> None:
    """An entry too long for a datagram arrives whole, as a memory file."""
    entry = {"text": "x" * 2_000_000}
    journal("flocker-test", Path(listener.getsockname()))(entry)
    datagram, descriptors, _, _ = socket.recv_fds(listener, 1, 1)
    with os.fdopen(descriptors[0], "rb") as file:
        _ = file.seek(0)
        found = fields(file.read())
    assert datagram == b""
    assert json.loads(found["MESSAGE"]) == entry


def test_no_journal(tmp_path: Path) -> None:
    """Where no journal listens, the path that was looked for is named."""
    with pytest.raises(NoJournal) as raised:
        journal("flocker-test", tmp_path / "none")
    assert raised.value.path == tmp_path / "none"
