"""What an error of a program says; running programs is tested functionally."""

import pytest

from flocker.runtime.process import ProcessFailed, ProcessTimedOut, ProgramMissing, tail


@pytest.mark.parametrize(
    ("stderr", "said"),
    [
        (b"", ""),
        (b"one\n\n two \n", "one; two"),
        (b"a\nb\nc\nd\ne\n", "b; c; d; e"),
        (b"\xff\n", "\N{REPLACEMENT CHARACTER}"),
        (b"x" * 1000, "x" * 400),
    ],
)
def test_tail(stderr, said):
    """The last lines are kept, on one line, and not more than people read."""
    assert tail(stderr) == said


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            ProcessFailed(("umount", "/a b"), 32, "target is busy"),
            "`umount '/a b'` failed with status 32: target is busy",
        ),
        (
            ProcessFailed(("umount", "/a"), -9, ""),
            "`umount /a` was killed by signal 9: it said nothing",
        ),
        (ProcessTimedOut(("x",), 1.5), "`x` did not end within 1.5 s"),
        (ProgramMissing("zfs", "no such file"), "cannot start zfs: no such file"),
    ],
)
def test_words(error, words):
    """An error names the command and what became of it."""
    assert str(error) == words
