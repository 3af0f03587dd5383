"""How results look: tables that fit, lines, JSON, and the live line of a wait.

Results go to standard output, everything else to standard error. A table keeps its
columns and never cuts an id; where it is not for a terminal, a row is a line.
"""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from attrs import frozen

from flocker.cli.explaining import Nodes, duration, name_node
from flocker.cli.terminal import (
    Page,
    Style,
    Text,
    columns,
    fold,
    page_on,
    shortened,
    styled,
)
from flocker.client.interface import Unreachable
from flocker.client.waiting import Observer, Seen
from flocker.model.cluster import Phase
from flocker.wire.answers import plain

_NARROWEST = 12
"""Columns in which content may fold; where there are fewer, it does not."""
_CARET_C = 3
"""Columns that a terminal needs to echo an interrupt on the live line."""
_GAP = 2
"""Columns between two columns."""

_CLEAR = "\r\x1b[2K"
"""Empties the line of a terminal's cursor, ECMA-48."""

_STYLES = {
    Phase.MOUNTED.value: Style.GREEN,
    Phase.FAILED.value: Style.BOLD_RED,
    Phase.UNKNOWN.value: Style.RED,
    Phase.DESTROYED.value: Style.DIM,
}
_UNDER_WAY = Style.YELLOW


@frozen
class Column:
    """One column; `folds` says that long content may continue on a further line."""

    title: str
    folds: bool = False
    right: bool = False


def screen() -> Page:
    """Where results go."""
    return page_on(sys.stdout, os.environ)


def aside() -> Page:
    """Where progress and errors go."""
    return page_on(sys.stderr, os.environ)


def printable(text: str) -> str:
    """Make a text of unknown origin safe: what a terminal would obey is spelled out."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else repr(letter)[1:-1] for letter in text
    )


def phase_text(phase: str) -> Text:
    """Write a phase in its colour."""
    return styled(printable(phase), _STYLES.get(phase, _UNDER_WAY))


def print_json(value: object, page: Page) -> None:
    """Print values or texts as JSON, with the keys of the REST API."""
    page.write(json.dumps(plain(value), indent=2, ensure_ascii=False) + "\n")


def print_json_line(value: object, page: Page) -> None:
    """Print a value as JSON on a line of its own, at once."""
    page.write(json.dumps(plain(value), ensure_ascii=False) + "\n")


def print_sentence(sentence: str, page: Page) -> None:
    """Print a sentence, broken between words on a terminal only."""
    words = printable(sentence)
    if page.width is None:
        page.write(f"{words}\n")
        return
    page.write("".join(f"{words[line]}\n" for line in fold(words, page.width)))


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
        [cell.cut(part) for part in fold(str(cell), width)]
        for cell, width in zip(row, widths, strict=True)
    ]
    for number in range(max(map(len, folded))):
        line = ""
        for cell, head, width in zip(folded, heads, widths, strict=True):
            text = cell[number] if number < len(cell) else styled("")
            blanks = " " * (width - columns(str(text)))
            shown = page.shown(text)
            line += (blanks + shown if head.right else shown + blanks) + " " * _GAP
        yield line.rstrip(" ")


def progress_line(seen: Seen, elapsed: float, nodes: Nodes) -> str:
    """Say in one line what was seen: phase, node, cause, time."""
    time = duration(elapsed)
    if isinstance(seen, Unreachable):
        return printable(f"{time}  {seen}")
    where = "" if seen.node is None else f" on node {name_node(seen.node, nodes)}"
    because = "" if seen.cause is None else f": {seen.cause.words}"
    return printable(f"{time}  {seen.phase}{where}{because}")


@contextmanager
def progress(page: Page, nodes: Nodes) -> Iterator[Observer]:
    """Show a wait: one live line on a terminal, else a line a change."""
    if page.width is None or not page.moves:
        yield _changes(page, nodes)
        return
    room = page.width - _CARET_C

    def show(seen: Seen, elapsed: float) -> None:
        page.write(_CLEAR + shortened(progress_line(seen, elapsed, nodes), room))

    try:
        yield show
    finally:
        page.write(_CLEAR)


def _changes(page: Page, nodes: Nodes) -> Observer:
    shown: list[object] = [None]

    def show(seen: Seen, elapsed: float) -> None:
        news = (
            str(seen)
            if isinstance(seen, Unreachable)
            else (seen.phase, seen.node, seen.cause)
        )
        if news != shown[0]:
            shown[0] = news
            page.write(progress_line(seen, elapsed, nodes) + "\n")

    return show


def _cell(cell: str | Text) -> Text:
    return cell if isinstance(cell, Text) else styled(printable(cell))
