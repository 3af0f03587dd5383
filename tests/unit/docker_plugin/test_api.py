"""Tests of the protocol, in the bytes that dockerd sends."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.address import UNIXAddress
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from flocker.docker_plugin.api import site
from flocker.docker_plugin.plugin import calls_of
from flocker.docker_plugin.using import SETTLE
from flocker.model.changes import Change
from flocker.model.configuration import Configuration
from flocker.testing.fakes.memory_control import NeverDone
from tests.unit.docker_plugin.conftest import DATASET, NODE, Rig, of


class Docker:
    """One connection of dockerd's to a plugin."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        factory = site(calls_of(rig.plugin), rig.control.clock)
        self._protocol = factory.buildProtocol(UNIXAddress(None))
        self._transport = StringTransport()
        self._protocol.makeConnection(self._transport)

    def send(self, call: str, body: str, method: str = "POST") -> None:
        """Send a request, with the headers that dockerd sends."""
        length = f"Content-Length: {len(body.encode())}\r\n"
        lines = (
            f"{method} /{call} HTTP/1.1\r\nHost: \r\nUser-Agent: Go-http-client/1.1\r\n"
            f"{length}Accept: application/vnd.docker.plugins.v1.2+json\r\n\r\n"
        )
        self._protocol.dataReceived((lines + body).encode())

    def answer(self) -> tuple[int, Any]:
        """Wait for an answer; its status and body."""
        for _ in range(2000):
            head, _, body = self._transport.value().partition(b"\r\n\r\n")
            if body:
                self._transport.clear()
                return int(head.split()[1]), json.loads(body)
            self._rig.passes(0.1)
        raise NeverDone

    def ask(self, call: str, body: str = "{}\n", method: str = "POST") -> Any:
        """Send a request and give its answer."""
        self.send(call, body, method)
        return self.answer()

    def hang_up(self) -> None:
        """The connection is lost."""
        self._protocol.connectionLost(Failure(ConnectionDone()))


class Agent:
    """Mounts what is leased to the node."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        rig.control.operations.listen(self)

    def changed(self, change: Change, configuration: Configuration) -> None:
        """Mount what has a lease, and nothing else."""
        for dataset in change.datasets:
            lease = configuration.leases.get(dataset)
            if lease is not None and lease.node == NODE:
                later = self._rig.control.clock.callLater
                later(0.05, self._rig.mounted, NODE, dataset)


@pytest.fixture
def docker(rig: Rig) -> Iterator[Docker]:
    """A connection to the node's plugin."""
    found = Docker(rig)
    yield found
    found.hang_up()


def test_activate(docker: Docker) -> None:
    """The plugin is a volume driver; the body is empty."""
    assert docker.ask("Plugin.Activate", "") == (200, {"Implements": ["VolumeDriver"]})


def test_activate_at_once(rig: Rig) -> None:
    """It says so though control is away."""
    rig.control.reachable = False
    rig.restart()
    assert Docker(rig).ask("Plugin.Activate", "")[0] == 200


def test_connections_stay(docker: Docker, rig: Rig) -> None:
    """A connection over which nothing was asked for long is still there."""
    docker.ask("Plugin.Activate", "")
    rig.passes(1000.0)
    assert docker.ask("Plugin.Activate", "")[0] == 200


def test_errors_are_200(docker: Docker) -> None:
    """What goes wrong is a text in Err, with status 200."""
    status, answer = docker.ask("VolumeDriver.Get", '{"Name":"v1"}\n')
    assert status == 200
    assert answer["Err"].startswith("no such volume")
    assert answer["Mountpoint"] == ""


def test_success(docker: Docker) -> None:
    """Of a success Err is empty."""
    asked = '{"Name":"v1","Opts":null}\n'
    assert docker.ask("VolumeDriver.Create", asked) == (200, {"Err": ""})
    assert docker.ask("VolumeDriver.List", "")[1]["Volumes"] == [
        {"Name": "v1", "Mountpoint": ""}
    ]


@pytest.mark.parametrize(
    ("call", "body", "method", "status"),
    [
        ("VolumeDriver.Get", "{", "POST", 400),
        ("VolumeDriver.Get", "{}", "GET", 405),
        ("Plugin.Activate", "", "GET", 405),
        ("VolumeDriver.Snapshot", "{}", "POST", 404),
        ("", "", "POST", 404),
    ],
)
def test_not_the_protocol(
    docker: Docker, call: str, body: str, method: str, status: int
) -> None:
    """What is no request of the protocol has a status that says so, and a reason."""
    found, answer = docker.ask(call, body, method)
    assert (found, list(answer)) == (status, ["description"])


def test_nameless(docker: Docker) -> None:
    """A request without a name is told what is missing."""
    status, answer = docker.ask("VolumeDriver.Mount")
    assert status == 200
    assert answer["Err"] == "the request must have Name, the name of a volume"


def test_fault(docker: Docker, rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    """A fault of ours is an error like others."""
    rig.paths = None  # type: ignore[assignment]
    docker.ask("VolumeDriver.Create", '{"Name":"v1"}')
    status, answer = docker.ask("VolumeDriver.Get", '{"Name":"v1"}')
    assert status == 200
    assert answer["Err"].startswith("a fault in Flocker: TypeError")


def test_docker_hangs_up(docker: Docker, rig: Rig) -> None:
    """A Mount for which nobody waits any more gives back its lease."""
    docker.ask("VolumeDriver.Create", '{"Name":"v1"}')
    docker.send("VolumeDriver.Mount", '{"Name":"v1","ID":"m1"}')
    rig.passes(1.0)
    assert rig.holders(DATASET) == ("docker:m1",)
    docker.hang_up()
    rig.passes(1.0)
    assert rig.holders(DATASET) == ()


def test_mount_is_answered_in_time(docker: Docker, rig: Rig) -> None:
    """A Mount that does not come is answered before Docker gives it up."""
    docker.ask("VolumeDriver.Create", '{"Name":"v1"}')
    began = rig.control.clock.seconds()
    _, answer = docker.ask("VolumeDriver.Mount", '{"Name":"v1","ID":"m1"}')
    assert "volume v1 is not mounted here" in answer["Err"]
    assert rig.control.clock.seconds() - began < 110


class Session:
    """A recorded session: what dockerd asked, and what happened to it meanwhile.

    ``Call BODY`` is what it asked, byte for byte. ``# ...`` is what happened: a
    container is there, runs, has ended, is removed; Docker or the plugin is killed and
    begins again; time goes by; volumes must be leased now, or must not.
    """

    def __init__(self, rig: Rig) -> None:
        self.unknown: list[str] = []
        """The names for which Get found nothing."""
        self._rig = rig
        self._docker = Docker(rig)
        self._containers: dict[str, str] = {}
        Agent(rig)

    def replay(self, name: str) -> None:
        """Let it happen again."""
        for line in (Path(__file__).parent / name).read_text().splitlines():
            if line.startswith("# "):
                what, *words = line.removeprefix("# ").split()
                getattr(self, f"_{what}")(*words)
            else:
                self._ask(line)
        self._docker.hang_up()

    def leased(self) -> set[str | None]:
        """The volumes that are leased to the node."""
        known = self._rig.control.operations.configuration
        return {known.datasets[dataset].name for dataset in known.leases}

    def _ask(self, line: str) -> None:
        call, _, body = line.partition(" ")
        status, answer = self._docker.ask(call, f"{body}\n" if body else "")
        assert status == 200
        if answer.get("Err"):
            assert call == "VolumeDriver.Get", (line, answer)
            self.unknown.append(json.loads(body)["Name"])
        if call == "VolumeDriver.Mount":
            assert Path(answer["Mountpoint"]) in self._rig.paths

    def _create(self, container: str, volume: str) -> None:
        self._containers[container] = self._rig.engine.create(container, of(volume))

    def _start(self, container: str) -> None:
        self._rig.engine.start(self._containers[container])

    def _stop(self, container: str) -> None:
        self._rig.engine.stop(self._containers[container])

    def _remove(self, container: str) -> None:
        self._rig.engine.remove(self._containers[container])

    def _dockerd(self, how: str) -> None:
        if how == "ends":
            self._rig.engine.killed()
        else:
            self._rig.engine.reachable = True

    def _plugin(self, how: str) -> None:
        if how == "ends":
            self._docker.hang_up()
            self._rig.plugin.stop()
        else:
            self._rig.plugin = self._rig.new_plugin()
            self._rig.passes(1.0)
            self._docker = Docker(self._rig)

    def _wait(self) -> None:
        self._rig.passes(2 * SETTLE)

    def _held(self, *volumes: str) -> None:
        assert self.leased() >= set(volumes)

    def _free(self, *volumes: str) -> None:
        assert not self.leased() & set(volumes)


def test_recorded(rig: Rig) -> None:
    """What a real dockerd 20.10 asked in a session of every command is answered well.

    Get is wrong only for what was not created, or was removed by then.
    """
    session = Session(rig)
    session.replay("recorded-1.txt")
    anonymous = "ea5aec851eb4c1ea9ab583d89c6d41234f4ca008d8429ae3b90fda7194cfba67"
    assert session.unknown == ["v1", "v2", "v3", "nosuch", anonymous]
    left = rig.control.operations.configuration
    assert dict(left.leases) == {}
    alive = {each.name for each in left.datasets.values() if not each.deleted}
    assert alive == {"v1", "v2", "v3"}


def test_recorded_while_all_is_killed(rig: Rig) -> None:
    """A session of kills: of dockerd, with live-restore and without, and the plugin.

    What containers use is leased all the time, what they do not is free in the end.
    In two places a Mount was not recorded, and stands in its answers later.
    """
    for name in ("w1", "w2"):
        rig.call("create", Name=name)
    session = Session(rig)
    session.replay("recorded-2.txt")
    assert session.unknown == ["v3", "v2", "w3", "w4", "w5", "w6", "w7", "w9"]
    assert session.leased() == set()
