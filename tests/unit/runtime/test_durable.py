"""Small files are replaced whole."""

import pytest

from flocker.runtime import durable


def test_replaced(tmp_path):
    """A file is private from the start, and nothing else is left beside it."""
    file = tmp_path / "file"
    (tmp_path / "file.new").write_bytes(b"of a run that was killed")
    for content in (b"first", b"second"):
        durable.replace(file, content)
        assert file.read_bytes() == content
        assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_renamed(tmp_path):
    """A rename may lead to another folder, and fails as the kernel says."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"content")
    durable.rename(tmp_path / "file", tmp_path / "folder" / "other")
    assert (tmp_path / "folder" / "other").read_bytes() == b"content"
    with pytest.raises(FileNotFoundError):
        durable.rename(tmp_path / "file", tmp_path / "other")
