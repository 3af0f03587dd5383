"""Tests of the page that flockerctl prints on."""

import io

import pytest

from flocker.cli.terminal import (
    Page,
    Style,
    columns,
    fold,
    page_on,
    shortened,
    styled,
)

RED_AND_PLAIN = styled("no", Style.RED) + styled(" way")


class Terminal(io.StringIO):
    """A terminal that does not say how wide it is."""

    def isatty(self) -> bool:
        """Say that it is one."""
        return True


def folded(words: str, width: int) -> list[str]:
    """The lines of a text."""
    return [words[line] for line in fold(words, width)]


def test_a_file_has_no_width() -> None:
    """What is no terminal is a page without width and colours, whatever is said."""
    stream = io.StringIO()
    assert page_on(stream, {"TERM": "xterm", "COLUMNS": "20"}) == Page(stream)


@pytest.mark.parametrize(
    ("environment", "width", "colours", "moves"),
    [
        ({"TERM": "xterm"}, 80, True, True),
        ({"TERM": "xterm", "COLUMNS": "120"}, 120, True, True),
        ({"TERM": "xterm", "COLUMNS": "wide"}, 80, True, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, 80, False, True),
        ({"TERM": "dumb"}, 80, False, False),
        ({}, 80, False, False),
    ],
)
def test_a_terminal_as_it_says(environment, width, colours, moves) -> None:
    """Colours need a terminal that has them and a user who wants them."""
    found = page_on(Terminal(), environment)
    assert (found.width, found.colours, found.moves) == (width, colours, moves)


def test_colours_where_there_are_some() -> None:
    """A style is written only where the page shows colours."""
    page = Page(io.StringIO(), 80, colours=True)
    assert page.shown(RED_AND_PLAIN) == "\x1b[31mno\x1b[0m way"
    assert Page(io.StringIO()).shown(RED_AND_PLAIN) == "no way"


def test_a_part_keeps_its_styles() -> None:
    """A part of a text is in the styles that the text has there."""
    part = RED_AND_PLAIN.cut(slice(1, 4))
    assert part.pieces == (("o", Style.RED), (" w", Style.PLAIN))


@pytest.mark.parametrize(
    ("words", "width", "lines"),
    [
        ("", 5, [""]),
        ("one two", 7, ["one two"]),
        ("one two", 6, ["one", "two"]),
        ("one two", 3, ["one", "two"]),
        ("abcdefgh", 3, ["abc", "def", "gh"]),
        ("a bcdefgh", 4, ["a", "bcde", "fgh"]),
        ("日本語", 4, ["日本", "語"]),
        ("日", 1, ["日"]),
    ],
)
def test_lines_break_between_words(words, width, lines) -> None:
    """A line breaks between words, within one only where that is too long."""
    assert folded(words, width) == lines


def test_wide_letters_and_accents() -> None:
    """A wide letter takes two columns, an accent on its letter none."""
    assert [columns("abc"), columns("日本"), columns("e\u0301")] == [3, 4, 1]


def test_shortened() -> None:
    """What does not fit ends with an ellipsis, within the width."""
    assert [shortened("one two", 7), shortened("one two", 5)] == ["one two", "one …"]
