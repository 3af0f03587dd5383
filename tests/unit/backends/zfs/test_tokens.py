"""What ZFS says of a token, as recorded, and what it is taken for."""

from pathlib import Path

import pytest

from flocker.backends.zfs.tokens import Cut, is_token, parse_token
from flocker.model.ids import SnapshotID

RECORDED = Path(__file__).parent / "recorded"
S1, S2 = SnapshotID("8779166940322838901"), SnapshotID("9861537932789456684")
SAID = {
    "whole": Cut("a/fs@s1", S1, None, 6046224),
    "increment": Cut("a/fs@s2", S2, S1, 4469592),
}


@pytest.mark.parametrize(("what", "cut"), SAID.items())
def test_recorded(what, cut):
    """The snapshots are named by their guids, as everywhere else."""
    text = (RECORDED / f"openzfs-2.1.11-token-{what}.txt").read_text()
    assert parse_token(text) == cut


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cannot resume send: resume token is corrupt (incorrect checksum)\n",
        "\ttoguid = 0x1\n\ttoname = a/fs@s1\n",
        "\ttoguid = many\n\ttoname = a/fs@s1\n\tbytes = 0x1\n",
    ],
)
def test_says_nothing(text):
    """What names no snapshot is no token's."""
    assert parse_token(text) is None


def test_looks():
    """What is given to a program looks like a token, and like no option."""
    assert is_token("1-b77bef01c-e8-789c6360")
    for other in ("", "-", "--help", "1-b77bef01c-e8", "1-b7-e8-78 x", "1-B7-e8-78"):
        assert not is_token(other)
    assert not is_token("1-b77bef01c-e8-" + "0" * 5000)
