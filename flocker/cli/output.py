"""How results look: tables that fit, lines, JSON, and the live line of a wait.

Results go to standard output, everything else to standard error. A table keeps its
columns and never cuts an id; where it is not for a terminal, a row is a line.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from attrs import frozen
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from flocker.cli.explaining import Nodes, duration, name_node
from flocker.client.interface import Unreachable
from flocker.client.waiting import Observer, Seen
from flocker.model.cluster import Phase
from flocker.wire.answers import plain

_WIDE = 100_000
"""Columns of a page on which nothing is folded."""
_NARROWEST = 12
"""Columns in which content may fold; where there are fewer, it does not."""
_CARET_C = 3
"""Columns that a terminal needs to echo an interrupt on the live line."""
_GAP = 2
"""Columns between two columns."""

_STYLES = {
    Phase.MOUNTED.value: "green",
    Phase.FAILED.value: "bold red",
    Phase.UNKNOWN.value: "red",
    Phase.DESTROYED.value: "dim",
}
_UNDER_WAY = "yellow"


@frozen
class Column:
    """One column; `folds` says that long content may continue on a further line."""

    title: str
    folds: bool = False
    right: bool = False


def screen() -> Console:
    """Where results go."""
    return Console(file=sys.stdout, highlight=False, markup=False, emoji=False)


def aside() -> Console:
    """Where progress and errors go."""
    return Console(file=sys.stderr, highlight=False, markup=False, emoji=False)


def printable(text: str) -> str:
    """Make a text of unknown origin safe: what a terminal would obey is spelled out."""
    return "".join(
        letter if letter.isprintable() else repr(letter)[1:-1] for letter in text
    )


def phase_text(phase: str) -> Text:
    """Write a phase in its colour."""
    return Text(printable(phase), style=_STYLES.get(phase, _UNDER_WAY))


def print_json(value: object, console: Console) -> None:
    """Print values or texts as JSON, with the keys of the REST API."""
    text = json.dumps(plain(value), indent=2, ensure_ascii=False)
    console.file.write(text + "\n")


def print_json_line(value: object, console: Console) -> None:
    """Print a value as JSON on a line of its own, at once."""
    console.file.write(json.dumps(plain(value), ensure_ascii=False) + "\n")
    console.file.flush()


def print_sentence(sentence: str, console: Console) -> None:
    """Print a sentence, broken between words on a terminal only."""
    console.print(printable(sentence), soft_wrap=not console.is_terminal)


def print_table(
    columns: Sequence[Column],
    rows: Sequence[Sequence[str | Text]],
    console: Console,
) -> None:
    """Print rows under their titles, as wide as the terminal and the ids need."""
    cells = [[_cell(cell) for cell in row] for row in rows]
    widths = _widths(columns, cells, console.width if console.is_terminal else _WIDE)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column, width in zip(columns, widths, strict=True):
        table.add_column(
            column.title,
            width=width,
            overflow="fold",
            justify="right" if column.right else "left",
        )
    for row in cells:
        table.add_row(*row)
    options = console.options.update(width=sum(widths) + _GAP * len(widths))
    for line in console.render_lines(table, options, pad=False):
        text = Text.assemble(*((part.text, part.style or "") for part in line))
        text.rstrip()
        console.print(text, soft_wrap=True)


def _widths(
    columns: Sequence[Column], rows: Sequence[Sequence[Text]], room: int
) -> list[int]:
    """Give each column what its content needs; one that folds, what is left."""
    needed = [
        max(len(column.title), *(row[index].cell_len for row in rows), 1)
        for index, column in enumerate(columns)
    ]
    fixed = sum(
        width for width, column in zip(needed, columns, strict=True) if not column.folds
    )
    left = room - fixed - _GAP * (len(columns) - 1)
    return [
        min(width, left) if column.folds and left >= _NARROWEST else width
        for width, column in zip(needed, columns, strict=True)
    ]


def progress_line(seen: Seen, elapsed: float, nodes: Nodes) -> str:
    """Say in one line what was seen: phase, node, cause, time."""
    time = duration(elapsed)
    if isinstance(seen, Unreachable):
        return printable(f"{time}  {seen}")
    where = "" if seen.node is None else f" on node {name_node(seen.node, nodes)}"
    because = "" if seen.cause is None else f": {seen.cause.words}"
    return printable(f"{time}  {seen.phase}{where}{because}")


@contextmanager
def progress(console: Console, nodes: Nodes) -> Iterator[Observer]:
    """Show a wait: one live line on a terminal, else a line a change."""
    if not console.is_terminal or console.is_dumb_terminal:
        yield _changes(console, nodes)
        return
    with Live(console=console, auto_refresh=False, transient=True) as live:

        def show(seen: Seen, elapsed: float) -> None:
            line = Text(progress_line(seen, elapsed, nodes), no_wrap=True)
            line.truncate(console.width - _CARET_C, overflow="ellipsis")
            live.update(line, refresh=True)

        yield show


def _changes(console: Console, nodes: Nodes) -> Observer:
    shown: list[object] = [None]

    def show(seen: Seen, elapsed: float) -> None:
        news = (
            str(seen)
            if isinstance(seen, Unreachable)
            else (seen.phase, seen.node, seen.cause)
        )
        if news != shown[0]:
            shown[0] = news
            console.print(progress_line(seen, elapsed, nodes), soft_wrap=True)

    return show


def _cell(cell: str | Text) -> Text:
    return cell if isinstance(cell, Text) else Text(printable(cell))
