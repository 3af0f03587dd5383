"""Where commands print: how wide it is, what it can show; words in colours, and tables.

A table keeps its columns and never cuts an id; where it is not for a terminal, a row is
a line. No library for it: one that lays out everything costs more at each start than
all that is done here. Used by `flocker.cli.output` and by the sandbox.
"""

import os
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import TextIO

from attrs import frozen

_USUAL_WIDTH = 80
"""Columns of a terminal that does not say how many it has."""
_NARROWEST = 12
"""Columns in which content may fold; where there are fewer, it does not."""
_GAP = 2
"""Columns between two columns."""


class Style(Enum):
    """How words look: the parameters of ECMA-48's SGR sequence."""

    PLAIN = ""
    BOLD = "1"
    DIM = "2"
    RED = "31"
    BOLD_RED = "1;31"
    GREEN = "32"
    YELLOW = "33"


@frozen
class Text:
    """Words, each piece in its style."""

    pieces: tuple[tuple[str, Style], ...]

    def __add__(self, other: "Text") -> "Text":
        return Text(self.pieces + other.pieces)

    def __str__(self) -> str:
        return "".join(words for words, _ in self.pieces)

    def cut(self, part: slice) -> "Text":
        """Give a part of it."""
        pieces, begin = [], 0
        for words, style in self.pieces:
            start, stop = max(part.start - begin, 0), max(part.stop - begin, 0)
            if words[start:stop]:
                pieces.append((words[start:stop], style))
            begin += len(words)
        return Text(tuple(pieces))


@frozen
class Column:
    """One column; `folds` says that long content may continue on a further line."""

    title: str
    folds: bool = False
    right: bool = False


@frozen
class Page:
    """A terminal or file; `width` in columns, None where it is no terminal.

    `moves` says that its cursor can be moved.
    """

    file: TextIO
    width: int | None = None
    colours: bool = False
    moves: bool = False

    def write(self, text: str) -> None:
        """Write at once. Raises `BrokenPipeError` when nobody reads any more."""
        self.file.write(text)
        self.file.flush()

    def shown(self, text: Text) -> str:
        """Give what shows a text here."""
        if not self.colours:
            return str(text)
        return "".join(
            words if style is Style.PLAIN else f"\x1b[{style.value}m{words}\x1b[0m"
            for words, style in text.pieces
        )


def styled(words: str, style: Style = Style.PLAIN) -> Text:
    """Give words in one style."""
    return Text(((words, style),))


def page_on(stream: TextIO, environment: Mapping[str, str]) -> Page:
    """Look at a stream; no colour where the user (no-color.org) or it wants none."""
    if not stream.isatty():
        return Page(stream)
    able = environment.get("TERM") not in {None, "dumb", "unknown"}
    wanted = not environment.get("NO_COLOR")
    width = _width(stream, environment)
    return Page(stream, width, colours=able and wanted, moves=able)


def _width(stream: TextIO, environment: Mapping[str, str]) -> int:
    told = environment.get("COLUMNS", "")
    if told.isdecimal() and int(told) > 0:
        return int(told)
    try:
        return os.get_terminal_size(stream.fileno()).columns or _USUAL_WIDTH
    except OSError:
        return _USUAL_WIDTH


def columns(words: str) -> int:
    """Count the columns that words take: two for a wide letter, none for an accent."""
    return len(words) if words.isascii() else sum(map(_columns, words))


def _columns(letter: str) -> int:
    if unicodedata.combining(letter):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in {"W", "F"} else 1


def fold(words: str, width: int) -> list[slice]:
    """Say where lines of `width` break: between words, else within a long one."""
    if columns(words) <= width:
        return [slice(0, len(words))]
    lines, start = [], 0
    while start < len(words):
        end = _reach(words, start, width)
        blank = words.rfind(" ", start, end + 1) if end < len(words) else -1
        if blank > start:
            lines.append(slice(start, blank))
            start = blank + 1
        else:
            lines.append(slice(start, end))
            start = end
    return lines


def _reach(words: str, start: int, width: int) -> int:
    """Say where what fits in a line ends; a letter always fits."""
    end, used = start + 1, columns(words[start])
    while end < len(words) and used + columns(words[end]) <= width:
        used += columns(words[end])
        end += 1
    return end


def shortened(words: str, width: int) -> str:
    """Give words that fit; an ellipsis where some are left out."""
    if columns(words) <= width:
        return words
    return words[fold(words.replace(" ", "\xa0"), max(width - 1, 1))[0]] + "…"


def printable(text: str) -> str:
    """Make a text of unknown origin safe: what a terminal would obey is spelled out."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else repr(letter)[1:-1] for letter in text
    )


def print_table(
    heads: Sequence[Column], rows: Sequence[Sequence[str | Text]], page: Page
) -> None:
    """Print rows under their titles, as wide as the terminal and the ids need."""
    titles = [styled(head.title, Style.BOLD) for head in heads]
    cells = [titles, *([_cell(cell) for cell in row] for row in rows)]
    widths = _widths(heads, cells, page.width)
    lines = [line for row in cells for line in _row_lines(row, heads, widths, page)]
    page.write("".join(f"{line}\n" for line in lines))


def _widths(
    heads: Sequence[Column], rows: Sequence[Sequence[Text]], room: int | None
) -> list[int]:
    """Give each column what its content needs; one that folds, what is left."""
    needed = [
        max(1, *(columns(str(row[index])) for row in rows))
        for index in range(len(heads))
    ]
    if room is None:
        return needed
    each = list(zip(needed, heads, strict=True))
    fixed = sum(width for width, head in each if not head.folds)
    left = room - fixed - _GAP * (len(heads) - 1)
    return [
        min(width, left) if head.folds and left >= _NARROWEST else width
        for width, head in each
    ]


def _row_lines(
    row: Sequence[Text], heads: Sequence[Column], widths: Sequence[int], page: Page
) -> Iterator[str]:
    """Write a row, a line more wherever a cell folds."""
    folded = [
        [cell.cut(part) for part in fold(str(cell), width)] if head.folds else [cell]
        for cell, head, width in zip(row, heads, widths, strict=True)
    ]
    for number in range(max(map(len, folded))):
        line = ""
        for cell, head, width in zip(folded, heads, widths, strict=True):
            text = cell[number] if number < len(cell) else styled("")
            blanks = " " * (width - columns(str(text)))
            shown = page.shown(text)
            line += (blanks + shown if head.right else shown + blanks) + " " * _GAP
        yield line.rstrip(" ")


def _cell(cell: str | Text) -> Text:
    return cell if isinstance(cell, Text) else styled(printable(cell))
