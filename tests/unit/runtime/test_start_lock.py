"""A lock that one process holds; that the kernel drops it is tested functionally."""

import fcntl
import os
from pathlib import Path

import pytest

from flocker.runtime.start_lock import Held, take


def test_second_is_refused(tmp_path: Path) -> None:
    """Who holds the lock is named, also where killed ones do not count."""
    path = tmp_path / "lock"
    descriptor = take(path)
    for from_killed in (False, True):
        with pytest.raises(Held) as caught:
            take(path, from_killed=from_killed)
        assert (caught.value.path, caught.value.pid) == (path, os.getpid())
        assert str(caught.value) == f"process {os.getpid()} holds {path}"
    os.close(descriptor)
    os.close(take(path))


def test_holder_without_a_number(tmp_path: Path) -> None:
    """A holder that has not written its number is another process, and counts."""
    path = tmp_path / "lock"
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    with pytest.raises(Held) as caught:
        take(path, from_killed=True)
    assert str(caught.value) == f"another process holds {path}"
    os.close(descriptor)


def test_for_its_owner_only(tmp_path: Path) -> None:
    """Nobody else can take the lock and so keep a daemon from starting."""
    path = tmp_path / "lock"
    os.close(take(path))
    assert path.stat().st_mode & 0o777 == 0o600
