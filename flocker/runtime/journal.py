"""A log destination: the systemd journal, by its native protocol.

Used by daemons started with ``--journald``. One datagram an entry; what does not fit
goes as a sealed memory file (systemd.io/JOURNAL_NATIVE_PROTOCOL).
"""

import errno
import fcntl
import json
import os
import socket
from pathlib import Path
from typing import Any

from attrs import frozen

from flocker.model.errors import FlockerError
from flocker.runtime.logging import Destination, to_json

SOCKET = Path("/run/systemd/journal/socket")

_ERROR = 3
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


def journal(program: str, path: Path = SOCKET) -> Destination:
    """Make a destination that writes JSON to the journal as `program`'s.

    Raises `NoJournal`.
    """
    if not path.exists():
        raise NoJournal(path)

    def write(entry: dict[str, Any]) -> None:
        datagram = _datagram(program, entry)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
            connection.connect(str(path))
            try:
                _ = connection.send(datagram)
            except OSError as error:
                if error.errno not in _TOO_LONG:
                    raise
                _send_as_file(connection, datagram)

    return write


def _datagram(program: str, entry: dict[str, Any]) -> bytes:
    failed = entry.get("action_status") == "failed" or "traceback" in entry
    fields = {
        "MESSAGE": json.dumps(entry, default=to_json),
        "PRIORITY": str(_ERROR if failed else _INFORMATION),
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
