"""Certificates and handshakes with other people's programs, over real loopback."""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import define

from flocker.ca.credentials import Credential
from flocker.ca.files import write_credential
from flocker.testing.certificates import NODE_ID, Cluster, a_cluster, an_old_cluster

PEER = Path(__file__).with_name("tls_peer.py")
CLUSTERS = {"new": a_cluster(), "old": an_old_cluster()}
OTHER = a_cluster("other")


def a_directory(path: Path, cluster: Cluster, name: str, own: Credential) -> Path:
    """A service's directory as an administrator sets it up."""
    path.mkdir()
    (path / "cluster.crt").write_bytes(cluster.authority.certificate_pem())
    write_credential(path, name, own)
    return path


@define
class Server:
    """The REST port of a cluster, and the files of who may dial it."""

    cluster: Cluster
    files: Path
    lines_read: int = 0

    @property
    def port(self) -> int:
        """Where it listens: its first line."""
        return int(self._line(0))

    def curl(self, host: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Ask with curl, which verifies the host it dials."""
        command = ["curl", "--silent", "--show-error", "--max-time", "20"]
        authority = ["--cacert", str(self.files / "user" / "cluster.crt")]
        resolve = ["--resolve", f"control-service:{self.port}:127.0.0.1"]
        url = f"https://{host}:{self.port}/"
        return run(*command, *authority, *resolve, *arguments, url)

    def dial(self, directory: str, name: str) -> str:
        """Ask with our own client; gives its one line."""
        arguments = (str(self.files / directory), name, str(self.port))
        return run(sys.executable, str(PEER), "dial", *arguments).stdout.strip()

    def refused(self) -> str:
        """The server's next line: whom it refused."""
        self.lines_read += 1
        return self._line(self.lines_read)

    def _line(self, number: int) -> str:
        end = time.monotonic() + 20
        while time.monotonic() < end:
            lines = (self.files / "out").read_text().splitlines(keepends=True)
            if len(lines) > number and lines[number].endswith("\n"):
                return lines[number].strip()
            time.sleep(0.02)
        raise TimeoutError(f"the server said no line {number}: {lines}")


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.fixture(params=CLUSTERS)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """A server that admits users, as a process; it never prints a traceback."""
    cluster = CLUSTERS[request.param]
    service = a_directory(
        tmp_path / "control", cluster, "control-service", cluster.control
    )
    a_directory(tmp_path / "user", cluster, "alice", cluster.user)
    a_directory(tmp_path / "node", cluster, "node", cluster.node)
    a_directory(tmp_path / "other", OTHER, "alice", OTHER.user)
    with (tmp_path / "out").open("w") as out, (tmp_path / "err").open("w") as err:
        process = subprocess.Popen(
            [sys.executable, PEER, "serve", service, "control-service", "user"],
            stdout=out,
            stderr=err,
        )
    try:
        yield Server(cluster, tmp_path)
    finally:
        process.kill()
        process.wait()
    assert (tmp_path / "err").read_text() == ""


def pair(directory: Path, name: str) -> list[str]:
    """Curl's options for a client certificate."""
    return [
        "--cert",
        str(directory / f"{name}.crt"),
        "--key",
        str(directory / f"{name}.key"),
    ]


@pytest.mark.parametrize("host", ["127.0.0.1", "control-service"])
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_curl_is_let_in(server: Server, host: str, version: str) -> None:
    """Curl reaches the port by address and by name, with either version of TLS."""
    options = [f"--tlsv{version}", "--tls-max", version]
    asked = server.curl(host, *options, *pair(server.files / "user", "alice"))
    assert (asked.stdout, asked.stderr) == ("user-alice", "")


def test_our_client_is_let_in(server: Server) -> None:
    """The house's client dials an address and verifies `control-service`."""
    assert server.dial("user", "alice") == "user-alice"


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_curl_without_certificate(server: Server, version: str) -> None:
    """Who shows no certificate never sees an HTTP status."""
    asked = server.curl("127.0.0.1", f"--tlsv{version}", "--tls-max", version)
    assert (asked.returncode == 0, asked.stdout) == (False, "")
    assert "presented no certificate" in server.refused()


def test_node_at_the_users_port(server: Server) -> None:
    """A node is refused by server and told why; the server says who it was."""
    asked = server.curl("127.0.0.1", *pair(server.files / "node", "node"))
    assert (asked.returncode == 0, asked.stdout) == (False, "")
    address, _, complaint = server.refused().partition(" presented ")
    assert address.startswith("127.0.0.1:")
    assert complaint == (
        f"the certificate 'node-{NODE_ID}': "
        "expected a user certificate, CN user-<name>, "
        f"got a node certificate, CN 'node-{NODE_ID}'"
    )
    assert server.dial("node", "node") == (
        f"the other side refused our certificate 'node-{NODE_ID}' (internal error): "
        "its role is not admitted there"
    )
    assert complaint in server.refused()


def test_clusters_do_not_mix(server: Server) -> None:
    """A client of another cluster refuses our server, our server that client."""
    said = server.dial("other", "alice")
    assert said.startswith(f"127.0.0.1:{server.port} presented ")
    assert "expected one signed by the authority 'other'" in said
    assert "refused our certificate 'control-service' (unknown ca)" in server.refused()
    asked = server.curl("127.0.0.1", *pair(server.files / "other", "alice"))
    assert (asked.returncode == 0, asked.stdout) == (False, "")
    assert "got one signed by the authority 'other'" in server.refused()


@pytest.mark.parametrize("role", ["control", "node", "user"])
@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_openssl_verifies_strictly(role: str, kind: str, tmp_path: Path) -> None:
    """What flocker-ca makes passes OpenSSL's strict verification for its purposes."""
    flocker_ca = shutil.which("flocker-ca", path=Path(sys.executable).parent)
    assert flocker_ca is not None
    create = {
        "control": ["create-control-certificate", "10.0.0.1", "control.example.org"],
        "node": ["create-node-certificate"],
        "user": ["create-api-certificate", "alice"],
    }[role]
    for arguments in (["initialize", "mine"], create):
        made = run(
            "env", "-C", str(tmp_path), flocker_ca, *arguments, "--key-type", kind
        )
        assert (made.returncode, made.stderr) == (0, "")
    leaf = next(path for path in tmp_path.glob("*.crt") if path.stem != "cluster")
    purposes = {
        "control": ["sslserver"],
        "node": ["sslserver", "sslclient"],
        "user": ["sslclient"],
    }[role]
    for purpose in purposes:
        verified = run(
            *("openssl", "verify", "-x509_strict", "-purpose", purpose),
            *("-CAfile", str(tmp_path / "cluster.crt"), str(leaf)),
        )
        assert (verified.stdout, verified.stderr) == (f"{leaf}: OK\n", "")


@pytest.mark.parametrize(
    ("option", "name"),
    [
        ("-verify_hostname", "control-service"),
        ("-verify_hostname", "control.example.org"),
        ("-verify_ip", "10.0.0.1"),
        ("-verify_ip", "fd00::1"),
    ],
)
def test_openssl_finds_the_names(option: str, name: str, tmp_path: Path) -> None:
    """OpenSSL finds each host of a control certificate under its kind."""
    flocker_ca = shutil.which("flocker-ca", path=Path(sys.executable).parent)
    assert flocker_ca is not None
    hosts = ["10.0.0.1", "control.example.org", "fd00::1"]
    for arguments in (["initialize", "mine"], ["create-control-certificate", *hosts]):
        assert run("env", "-C", str(tmp_path), flocker_ca, *arguments).returncode == 0
    leaf = tmp_path / "control-10.0.0.1.crt"
    verified = run(
        *("openssl", "verify", "-x509_strict", option, name),
        *("-CAfile", str(tmp_path / "cluster.crt"), str(leaf)),
    )
    assert (verified.stdout, verified.stderr) == (f"{leaf}: OK\n", "")
