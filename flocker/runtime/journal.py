"""A log destination: the systemd journal, by its native protocol.

Used by daemons started with ``--journald``. One datagram an entry; what does not fit
goes as a sealed memory file (systemd.io/JOURNAL_NATIVE_PROTOCOL).
"""

import errno
import fcntl
import os
import socket
from pathlib import Path
from typing import Any

from attrs import frozen

from flocker.model.errors import FlockerError
from flocker.runtime.logging import NOT_STARTED, Destination, in_json
from flocker.runtime.readable import Reader

SOCKET = Path("/run/systemd/journal/socket")

_ERROR = 3
_WARNING = 4
_INFORMATION = 6
"""Priorities of syslog (RFC 5424, table 2)."""

_TOO_LONG = frozenset({errno.EMSGSIZE, errno.ENOBUFS})


@frozen
class NoJournal(FlockerError):
    """This machine has no systemd journal that listens."""

    path: Path

    def words(self) -> str:
        """Name the socket that was looked for."""
        return f"there is no systemd journal here: {self.path} does not exist"


def journal(
    program: str, path: Path = SOCKET, *, for_people: bool = False
) -> Destination:
    """Make a destination that writes JSON to the journal as `program`'s.

    Or lines for people. Raises `NoJournal`.
    """
    if not path.exists():
        raise NoJournal(path)
    reader = Reader()

    def write(entry: dict[str, Any]) -> None:
        line = in_json(entry)
        for each in reader.read(line) if for_people else (line,):
            send(_datagram(program, each, _priority(entry)))

    def send(datagram: bytes) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
            connection.connect(str(path))
            try:
                _ = connection.send(datagram)
            except OSError as error:
                if error.errno not in _TOO_LONG:
                    raise
                _send_as_file(connection, datagram)

    return write


def _priority(entry: dict[str, Any]) -> int:
    failed = entry.get("action_status") == "failed" or "traceback" in entry
    if failed or entry.get("message_type") == NOT_STARTED:
        return _ERROR
    return _WARNING if "why" in entry else _INFORMATION


def _datagram(program: str, message: str, priority: int) -> bytes:
    fields = {
        "MESSAGE": message,
        "PRIORITY": str(priority),
        "SYSLOG_IDENTIFIER": program,
    }
    return "".join(f"{name}={value}\n" for name, value in fields.items()).encode()


def _send_as_file(connection: socket.socket, datagram: bytes) -> None:
    descriptor = os.memfd_create("flocker-log", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with os.fdopen(descriptor, "wb") as file:
        _ = file.write(datagram)
        file.flush()
        seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
        _ = fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals | fcntl.F_SEAL_SEAL)
        _ = socket.send_fds(connection, [b""], [descriptor])
