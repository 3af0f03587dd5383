"""One command at a time works on a sandbox."""

from pathlib import Path

from flocker.sandbox.locking import locked, locked_if_free


def test_held(tmp_path: Path) -> None:
    """While one holds the lock no other gets it; afterwards the next does."""
    directory = tmp_path / "a" / "b"
    with locked(directory), locked_if_free(directory) as second:
        assert not second
    with locked_if_free(directory) as third:
        assert third


def test_missing_is_not_free(tmp_path: Path) -> None:
    """What is gone needs nobody to work on it."""
    with locked_if_free(tmp_path / "a") as free:
        assert not free


def test_removed_while_held(tmp_path: Path) -> None:
    """Who removes a directory under its lock leaves the next one a new lock."""
    directory = tmp_path / "a"
    with locked(directory):
        directory.rmdir()
        with locked(directory), locked_if_free(directory) as other:
            assert not other
    assert directory.exists()
