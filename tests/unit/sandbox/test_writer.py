"""The program that writes while a dataset moves, and what is made of its notes."""

from pathlib import Path

import pytest

from flocker.sandbox.writer import (
    RECORDS,
    Entry,
    Lost,
    acknowledged,
    append,
    check,
    end_mark,
    longest_gap,
    read,
    write,
)


def test_appends(tmp_path: Path) -> None:
    """Records are numbered from 1, whoever writes the next."""
    assert [append(tmp_path, node) for node in ("a", "a", "b")] == [1, 2, 3]
    assert [(e.number, e.node) for e in read(tmp_path)] == [
        (1, "a"),
        (2, "a"),
        (3, "b"),
    ]


def test_long_file(tmp_path: Path) -> None:
    """The number goes on, however much there is."""
    for _ in range(50):
        append(tmp_path, "node-with-a-long-name")
    assert len(read(tmp_path)) == 50


@pytest.mark.parametrize("lines", ["1 5 a\n3 6 a\n", "1 5 a\n1 6 a\n", "2 5 a\n"])
def test_lost(tmp_path: Path, lines: str) -> None:
    """A record that is missing, or there twice, is found."""
    (tmp_path / RECORDS).write_text(lines)
    with pytest.raises(Lost):
        read(tmp_path)


def test_acknowledged(tmp_path: Path) -> None:
    """What was acknowledged on any node must be there; more may be."""
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("1\n2\n9")  # the last is being written
    two.write_text("3\n")
    entries = [Entry(number, number, "a") for number in (1, 2, 3, 4)]
    numbers = acknowledged((one, two))
    assert numbers == (1, 2, 3)
    check(entries, numbers)
    with pytest.raises(Lost, match="record 3"):
        check(entries[:2], numbers)


def test_longest_gap() -> None:
    """Only the time from one node to the other counts."""
    times = [(1, 0, "a"), (2, 9, "a"), (3, 11, "b"), (4, 30, "b"), (5, 31, "a")]
    entries = [Entry(number, at * 10**9, node) for number, at, node in times]
    assert longest_gap(entries) == 2.0
    assert longest_gap(entries[:2]) == 0.0


def test_ends(tmp_path: Path) -> None:
    """It ends when it is told to, and writes nothing where nothing is mounted."""
    notes = tmp_path / "notes"
    end_mark(notes).touch()
    write(tmp_path, notes, 0)
    assert notes.read_text() == ""
    assert not (tmp_path / RECORDS).exists()
