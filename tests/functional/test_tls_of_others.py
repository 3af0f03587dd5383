"""Clients of others under an authority of the first Flocker: curl and Go.

Both verify host and chain as they always do. Go does not read the names of a version 1
certificate, so the control certificate must be made anew by the old authority.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flocker.ca.files import write_credential
from flocker.testing.certificates import an_old_cluster

OLD = an_old_cluster()
PEER = Path(__file__).with_name("tls_peer.py")
GO_PEER = Path(__file__).with_name("tls_peer.go")
CACHE = Path(__file__).parents[2] / "build" / "cache" / "go"
HOSTS = ("127.0.0.1", "localhost")


@pytest.fixture(scope="module")
def go_client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Go client, compiled."""
    program = tmp_path_factory.mktemp("go") / "tls_peer"
    own = {"GOCACHE": str(CACHE), "CGO_ENABLED": "0", "GOTOOLCHAIN": "local"}
    subprocess.run(
        ["go", "build", "-o", program, GO_PEER], env=os.environ | own, check=True
    )
    return program


@pytest.fixture
def old_files(tmp_path: Path) -> Path:
    """Where the administrator of an old cluster keeps all its files."""
    directory = tmp_path / "old"
    directory.mkdir()
    write_credential(directory, "cluster", OLD.authority)
    write_credential(directory, "control-127.0.0.1", OLD.control)
    write_credential(directory, "alice", OLD.user)
    return directory


def run(*command: str | Path) -> str:
    """Run a program to its end; gives what it printed on either stream."""
    ran = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=120,
    )
    return ran.stdout.strip()


def flocker_ca(*arguments: str | Path) -> None:
    """Run the command; it must succeed."""
    program = shutil.which("flocker-ca", path=Path(sys.executable).parent)
    assert program is not None
    subprocess.run([program, *arguments], check=True, timeout=120)


@contextmanager
def serving(files: Path, control: str, service: Path) -> Iterator[int]:
    """The users' port of a control service with the pair `control`; gives the port."""
    service.mkdir()
    shutil.copy(files / "cluster.crt", service)
    for kind in ("crt", "key"):
        shutil.copy(files / f"{control}.{kind}", service / f"control-service.{kind}")
    process = subprocess.Popen(
        [sys.executable, PEER, "serve", service, "control-service", "user"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


def with_go(program: Path, files: Path, host: str, port: int) -> str:
    """What the Go client prints."""
    own = files / "alice.crt", files / "alice.key"
    return run(program, f"https://{host}:{port}/", files / "cluster.crt", *own)


def with_curl(files: Path, host: str, port: int) -> str:
    """What curl prints."""
    return run(
        *("curl", "--silent", "--show-error", "--max-time", "20"),
        *("--cacert", files / "cluster.crt"),
        *("--cert", files / "alice.crt", "--key", files / "alice.key"),
        f"https://{host}:{port}/",
    )


def test_go_refuses_the_old_control_certificate(
    go_client: Path, old_files: Path, tmp_path: Path
) -> None:
    """Without a new control certificate Go finds no names, which is why we make one."""
    with serving(old_files, "control-127.0.0.1", tmp_path / "service") as port:
        said = with_go(go_client, old_files, "127.0.0.1", port)
        assert with_curl(old_files, "127.0.0.1", port) == "user-alice"
    assert said.startswith("refused: ")
    assert "127.0.0.1" in said


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_created_by_the_old_authority(
    kind: str, go_client: Path, old_files: Path, tmp_path: Path
) -> None:
    """Under an old authority a created control certificate satisfies Go and curl.

    Their own certificates and the authority's stay the old ones.
    """
    paths = ("-i", old_files, "-o", old_files, "--key-type", kind)
    flocker_ca("create-control-certificate", *reversed(HOSTS), *paths)
    with serving(old_files, "control-localhost", tmp_path / "service") as port:
        said = {
            (client, host): ask(host, port)
            for host in HOSTS
            for client, ask in {
                "go": lambda host, port: with_go(go_client, old_files, host, port),
                "curl": lambda host, port: with_curl(old_files, host, port),
            }.items()
        }
    assert said == dict.fromkeys(said, "user-alice")


def test_renewed_by_the_old_authority(
    go_client: Path, old_files: Path, tmp_path: Path
) -> None:
    """Renewing the old control certificate is as good, for the address it has."""
    flocker_ca("renew", "control-127.0.0.1", "-i", old_files, "-o", old_files)
    with serving(old_files, "control-127.0.0.1", tmp_path / "service") as port:
        assert with_go(go_client, old_files, "127.0.0.1", port) == "user-alice"
        assert with_curl(old_files, "127.0.0.1", port) == "user-alice"
