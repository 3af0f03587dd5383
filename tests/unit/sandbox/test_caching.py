"""What takes long to make is made once."""

from pathlib import Path

import pytest

from flocker.sandbox import caching
from flocker.sandbox.caching import cache_locked, cached


@pytest.fixture(autouse=True)
def _cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(caching, "CACHE", tmp_path)


def test_once() -> None:
    """One recipe is made once; another of the kind takes its place."""

    def make(new: Path) -> None:
        (new / "file").touch()

    first = cached("kind", ["a"], make)
    with (first / "file").open("w") as file:
        file.write("kept")
    assert (cached("kind", ["a"], make) / "file").read_text() == "kept"
    second = cached("kind", ["b"], make)
    assert (second / "file").read_text() == ""
    assert not first.exists()


def test_others_need_not_wait() -> None:
    """Who makes one thing for an hour keeps nobody from another."""
    with cache_locked("system"), cache_locked("image"):
        pass
