"""What a daemon tells systemd of itself: that it serves, how it is, that it lives.

The protocol of sd_notify(3): datagrams of NAME=value to the socket that the environment
names. Without one, or with nobody who hears, nothing happens. `flocker.runtime.main`
says when a daemon serves, stops and lives; daemons say their status.
"""

import os
import socket
from collections.abc import Mapping

from attrs import frozen
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

from flocker.runtime import logging

SOCKET = "NOTIFY_SOCKET"
_WATCHDOG = "WATCHDOG_USEC"
_WATCHED = "WATCHDOG_PID"
_LONGEST_STATUS = 400
"""Characters that `systemctl status` is given."""


@frozen
class ServiceManager:
    """Whoever started this daemon; `address` is None where that is not systemd.

    It expects a sign of life every `watchdog` seconds; 0: none.
    """

    address: str | None = None
    watchdog: float = 0.0

    def ready(self) -> None:
        """Say that the daemon serves."""
        self._say("READY=1")

    def stopping(self) -> None:
        """Say that the daemon ends."""
        self._say("STOPPING=1", "STATUS=stopping")

    def status(self, words: str) -> None:
        """Say how the daemon is, for `systemctl status`."""
        flat = " ".join(words.split())
        self._say(f"STATUS={flat[:_LONGEST_STATUS]}")

    def alive(self) -> None:
        """Give a sign of life."""
        self._say("WATCHDOG=1")

    def live(self, clock: IReactorTime) -> LoopingCall | None:
        """Give signs of life twice as often as expected, for as long as `clock` runs.

        None where none are expected.
        """
        if self.address is None or not self.watchdog:
            return None
        pulse = LoopingCall(self.alive)
        pulse.clock = clock
        _ = pulse.start(self.watchdog / 2)
        return pulse

    def _say(self, *lines: str) -> None:
        if self.address is None:
            return
        name = self.address
        address = f"\0{name[1:]}" if name.startswith("@") else name
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as speaking:
                speaking.settimeout(0)
                _ = speaking.sendto("\n".join(lines).encode(), address)
        except OSError as error:
            why = error.strerror or str(error)
            logging.message("flocker:service-manager:deaf", socket=name, why=why)


def service_manager(
    environment: Mapping[str, str] = os.environ, pid: int | None = None
) -> ServiceManager:
    """Find out who started this process; what is not understood is not there."""
    address = environment.get(SOCKET, "")
    if len(address) < 2 or address[0] not in "/@":
        return ServiceManager()
    return ServiceManager(address, _watchdog(environment, pid or os.getpid()))


def _watchdog(environment: Mapping[str, str], pid: int) -> float:
    microseconds = environment.get(_WATCHDOG, "")
    meant = environment.get(_WATCHED, str(pid)) == str(pid)
    if not meant or not microseconds.isdecimal():
        return 0.0
    return int(microseconds) / 1_000_000
