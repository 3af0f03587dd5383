"""The plugin's socket: for root only, whoever was there before."""

import socket
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
from pathlib import Path
from twisted.internet.protocol import Factory, Protocol
from flocker.docker_plugin.socket import serve
from flocker.runtime.main import run_command

async def body(reactor):
    path = Path(sys.argv[1])
    await serve(reactor, path, Factory.forProtocol(Protocol))
    print(oct(path.stat().st_mode & 0o777), oct(path.parent.stat().st_mode & 0o777))
    return 0

run_command(body)
"""


def serve(path: Path) -> subprocess.CompletedProcess[str]:
    """Listen at a path, and end."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_made(tmp_path: Path) -> None:
    """The directory is made for root only, as is the socket, though it was not so."""
    path = tmp_path / "run" / "plugins" / "flocker.sock"
    path.parent.mkdir(mode=0o755, parents=True)
    ran = serve(path)
    assert (ran.stdout, ran.stderr) == ("0o600 0o700\n", "")


def test_left_over(tmp_path: Path) -> None:
    """What a killed plugin left, the lock of Flocker 1 too, is no hindrance."""
    path = tmp_path / "flocker.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    (tmp_path / "flocker.sock.lock").symlink_to("4711")
    assert (serve(path).stderr, serve(path).returncode) == ("", 0)
    assert not (tmp_path / "flocker.sock.lock").is_symlink()


def test_alive(tmp_path: Path) -> None:
    """One that lives is not pushed aside."""
    path = tmp_path / "flocker.sock"
    with socket.socket(socket.AF_UNIX) as alive:
        alive.bind(str(path))
        alive.listen()
        ran = serve(path)
    assert ran.returncode == 1
    assert f"another process listens at {path}" in ran.stderr


def test_cannot_be_made(tmp_path: Path) -> None:
    """Where it cannot be made is said, and why."""
    (tmp_path / "file").touch()
    assert "cannot be made" in serve(tmp_path / "file" / "flocker.sock").stderr
    assert "cannot be made" in serve(tmp_path / ("x" * 120)).stderr
