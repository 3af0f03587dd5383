"""What is said of hard links, and of what was not copied."""

from flocker.backends.zfs.copying import StillDifferent, parse_links


def test_links():
    """Names of one inode are together, whatever is in them."""
    out = b"7 a\x0012 b\nc d\x007 e/\xff\x00"
    assert parse_links(out) == {
        b"7": frozenset({b"a", b"e/\xff"}),
        b"12": frozenset({b"b\nc d"}),
    }
    assert parse_links(b"") == {}


def test_words():
    """Differences are named as rsync names them."""
    words = StillDifferent((">fc........ file", "hard links")).words()
    assert words == ("rsync copied all, and yet differs: >fc........ file; hard links")
