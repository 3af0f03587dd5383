"""What systemd is told, over real sockets: they are the module's business."""

import socket
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from twisted.internet.task import Clock

from flocker.runtime.service_manager import ServiceManager, service_manager


@pytest.fixture(params=["path", "abstract"])
def heard(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[tuple[socket.socket, str]]:
    """A socket as systemd has, and its name in the environment."""
    name = f"@flocker-{uuid4()}" if request.param == "abstract" else f"{tmp_path}/s"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(name.replace("@", "\0", 1))
        listening.settimeout(0)
        yield listening, name


def all_of(listening: socket.socket) -> list[str]:
    """Everything that was said until now."""
    said = []
    while True:
        try:
            said.append(listening.recv(65536).decode())
        except BlockingIOError:
            return said


def test_words(heard: tuple[socket.socket, str]) -> None:
    """Ready, status and stopping are the assignments of sd_notify(3)."""
    listening, name = heard
    manager = service_manager({"NOTIFY_SOCKET": name})
    manager.ready()
    manager.status("not connected:\nREADY=1")
    manager.stopping()
    assert all_of(listening) == [
        "READY=1",
        "STATUS=not connected: READY=1",
        "STOPPING=1\nSTATUS=stopping",
    ]


def test_signs_of_life(heard: tuple[socket.socket, str]) -> None:
    """A sign of life comes at once and twice in the time of the watchdog."""
    listening, name = heard
    environment = {"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "20000000"}
    clock = Clock()
    pulse = service_manager(environment, 7).live(clock)
    clock.pump([9.0, 1.0, 9.0, 1.0])
    assert all_of(listening) == ["WATCHDOG=1"] * 3
    assert pulse is not None
    pulse.stop()
    clock.advance(100)
    assert all_of(listening) == []


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, ServiceManager()),
        ({"NOTIFY_SOCKET": ""}, ServiceManager()),
        ({"NOTIFY_SOCKET": "vsock:2:1"}, ServiceManager()),
        ({"NOTIFY_SOCKET": "/s"}, ServiceManager("/s")),
        ({"NOTIFY_SOCKET": "/s", "WATCHDOG_USEC": "x"}, ServiceManager("/s")),
        (
            {"NOTIFY_SOCKET": "/s", "WATCHDOG_USEC": "500000", "WATCHDOG_PID": "7"},
            ServiceManager("/s", 0.5),
        ),
        (
            {"NOTIFY_SOCKET": "/s", "WATCHDOG_USEC": "500000", "WATCHDOG_PID": "8"},
            ServiceManager("/s"),
        ),
    ],
)
def test_environment(environment: dict[str, str], expected: ServiceManager) -> None:
    """The environment names the socket and the watchdog, meant for this process."""
    assert service_manager(environment, 7) == expected


def test_no_manager() -> None:
    """A daemon that systemd did not start tells nobody, and has no pulse."""
    manager = ServiceManager()
    manager.ready()
    assert manager.live(Clock()) is None


def test_nobody_listens(tmp_path: Path) -> None:
    """A socket that is gone harms nobody."""
    ServiceManager(str(tmp_path / "gone")).ready()
