"""flockerctl over real TLS: what it says when one side does not trust the other."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

from flocker.ca.files import write_credential
from flocker.testing.certificates import Cluster, a_cluster, an_old_cluster

PROGRAM = "from flocker.cli.flockerctl import main; main()"
PEER = Path(__file__).with_name("tls_peer.py")


@contextmanager
def serving(directory: Path, name: str, role: str) -> Iterator[str]:
    """A TLS server that shows this certificate and admits this role; its address."""
    process = subprocess.Popen(
        [sys.executable, PEER, "serve", directory, name, role],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield f"127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.kill()
        process.communicate()


def flockerctl(directory: Path, address: str) -> tuple[int, str]:
    """Ask for the server's version; the exit status and what is said about it."""
    ran = subprocess.run(
        [
            *(sys.executable, "-c", PROGRAM),
            *("--certs-path", directory, "--control-service", address),
            *("version", "--server"),
        ],
        cwd=directory,
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.returncode, ran.stderr.replace(address, "ADDRESS")


def store(directory: Path, cluster: Cluster) -> Path:
    """Write a cluster's certificates, as a service and a client keep them."""
    directory.mkdir()
    write_credential(directory, "cluster", cluster.authority)
    write_credential(directory, "control-service", cluster.control)
    write_credential(directory, "node", cluster.node)
    write_credential(directory, "user", cluster.user)
    return directory


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificates of our cluster."""
    return store(tmp_path_factory.mktemp("mine") / "certs", a_cluster("mine"))


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificates of another cluster."""
    return store(tmp_path_factory.mktemp("theirs") / "certs", a_cluster("theirs"))


def test_trusted(mine: Path) -> None:
    """A server of our cluster is trusted, by whatever address we came to it.

    It answers with our name, which is not what a control service says.
    """
    with serving(mine, "control-service", "user") as address:
        status, said = flockerctl(mine, address)
    assert status == 3
    assert said.startswith("Error: ADDRESS gave an answer that is not Flocker's")


def test_trusted_with_old_certificates(tmp_path: Path) -> None:
    """The certificates of the first Flocker serve on."""
    old = store(tmp_path / "certs", an_old_cluster())
    with serving(old, "control-service", "user") as address:
        _, said = flockerctl(old, address)
    assert said.startswith("Error: ADDRESS gave an answer that is not Flocker's")


def test_server_of_another_cluster(mine: Path, theirs: Path) -> None:
    """A server of another cluster is refused; both authorities are named."""
    with serving(theirs, "control-service", "user") as address:
        status, said = flockerctl(mine, address)
    assert status == 3
    assert said.startswith("Error: no trusted connection to ADDRESS: ADDRESS presented")
    assert "expected one signed by the authority 'mine'" in said
    assert "got one signed by the authority 'theirs'" in said


def test_server_is_not_control(mine: Path) -> None:
    """A node cannot pretend to be the control service."""
    with serving(mine, "node", "user") as address:
        status, said = flockerctl(mine, address)
    assert status == 3
    assert "expected one for the server name control-service" in said


def test_port_of_the_agents(mine: Path) -> None:
    """The agents' port refuses us, which is said though TLS says so little."""
    with serving(mine, "control-service", "node") as address:
        status, said = flockerctl(mine, address)
    assert status == 3
    assert "its role is not admitted there" in said


def test_own_certificate_of_another_cluster(
    tmp_path: Path, mine: Path, theirs: Path
) -> None:
    """Our own certificate is looked at before anything is dialled."""
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    for directory, name in ((mine, "cluster.crt"), (theirs, "user.crt")):
        (mixed / name).write_bytes((directory / name).read_bytes())
    (mixed / "user.key").write_bytes((theirs / "user.key").read_bytes())
    status, said = flockerctl(mixed, "127.0.0.1:1")
    assert status == 3
    assert said.startswith(f"Error: {mixed}/user.crt cannot serve: expected one signed")


def test_nobody_listens(mine: Path) -> None:
    """Where nobody listens, that is the cause."""
    with serving(mine, "control-service", "user") as address:
        pass
    assert flockerctl(mine, address) == (
        3,
        "Error: the control service cannot be reached: ADDRESS: connection refused\n",
    )


def doctor(directory: Path, address: str) -> list[tuple[str, str, str]]:
    """What the doctor finds where control should be: level, about, words."""
    port = address.rpartition(":")[2]
    ran = subprocess.run(
        [
            *(sys.executable, "-c", PROGRAM),
            *("--certs-path", directory, "--control-service", address),
            *("doctor", "--agent-port", port, "-q", "-o", "json"),
        ],
        cwd=directory,
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    return [
        (each["level"], each["about"], each["words"])
        for each in json.loads(ran.stdout)
        if each["about"] in {"control", "agents' port"}
    ]


def test_doctor_at_the_agents_port(mine: Path) -> None:
    """The agents' port shows control's certificate to us, too, and serves us not."""
    with serving(mine, "control-service", "node") as address:
        ((level, about, words),) = doctor(mine, address)
    assert (level, about) == ("FAIL", "control")
    assert "is not admitted there" in words


def test_doctor_of_another_cluster(mine: Path, theirs: Path) -> None:
    """The doctor says whose certificate it was shown, at both ports."""
    with serving(theirs, "control-service", "user") as address:
        found = doctor(mine, address)
    assert [each[:2] for each in found] == [
        ("FAIL", "control"),
        ("FAIL", "agents' port"),
    ]
    assert all("got one signed by the authority 'theirs'" in each[2] for each in found)


def test_doctor_where_nobody_listens(mine: Path) -> None:
    """The doctor says that nobody listens."""
    with serving(mine, "control-service", "user") as address:
        pass
    found = doctor(mine, address)
    assert [each[2].rpartition(": ")[2] for each in found] == ["connection refused"] * 2


def test_doctor_where_no_tls_is_spoken(mine: Path) -> None:
    """A server that says nothing, or no TLS, is not taken for control."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        talking = Thread(target=_talk, args=(listening,), daemon=True)
        talking.start()
        found = doctor(mine, address)
        talking.join()
    assert [each[:2] for each in found] == [
        ("FAIL", "control"),
        ("FAIL", "agents' port"),
    ]


def _talk(listening: socket.socket) -> None:
    """Greet two clients as a mail server does."""
    for _ in range(2):
        connection, _ = listening.accept()
        with connection:
            connection.sendall(b"220 mail.example ESMTP\r\n")
            connection.recv(1000)
