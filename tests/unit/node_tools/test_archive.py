"""Tests of the file that a report is."""

import gzip
import json
import stat
import tarfile
from pathlib import Path

import pytest

from flocker.node_tools.archive import LARGEST, Archive, ArchiveNotWritten
from flocker.node_tools.masking import Scrubber


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the archive is made."""
    return tmp_path / "report.tar"


def contents(path: Path) -> dict[str, bytes]:
    """All members of an archive."""
    with tarfile.open(path) as tar:
        found = {member.name: tar.extractfile(member) for member in tar}
        return {name: file.read() for name, file in found.items() if file is not None}


def test_members(path: Path) -> None:
    """Members are scrubbed, logs compressed; what was missed is noted."""
    archive = Archive(path, Scrubber([b"secret"]), lambda: 5.0)
    archive.add("a", b"my secret")
    archive.add_log("logs/b", b"x" * LARGEST + b"secret")
    archive.missed("c", "no such secret program")
    archive.finish()
    found = contents(path)
    assert found["report/a"] == b"my (removed)"
    assert gzip.decompress(found["report/logs/b.gz"]).endswith(b"x(removed)")
    assert json.loads(found["report/collected.json"]) == {
        "a": "ok",
        "logs/b": f"the last {LARGEST} bytes",
        "c": "no such (removed) program",
    }


def test_private(path: Path) -> None:
    """Only its owner may read it."""
    Archive(path, Scrubber(()), lambda: 0.0).finish()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_never_overwritten(path: Path) -> None:
    """A file that is there is not touched."""
    path.write_text("mine")
    with pytest.raises(ArchiveNotWritten):
        Archive(path, Scrubber(()), lambda: 0.0)
    assert path.read_text() == "mine"


def test_discarded(path: Path) -> None:
    """After an error nothing is left."""
    Archive(path, Scrubber(()), lambda: 0.0).discard()
    assert not path.exists()
