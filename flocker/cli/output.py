"""How results look: tables that fit, lines, JSON, and the live line of a wait.

Results go to standard output, everything else to standard error. A table keeps its
"""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from flocker.cli.explaining import Nodes, duration, name_node
from flocker.cli.terminal import (
    Page,
    Style,
    Text,
    fold,
    page_on,
    printable,
    shortened,
    styled,
)
from flocker.client.interface import Unreachable
from flocker.client.waiting import Observer, Seen
from flocker.model.cluster import Phase
from flocker.wire.answers import plain

_CARET_C = 3
"""Columns that a terminal needs to echo an interrupt on the live line."""

_CLEAR = "\r\x1b[2K"
"""Empties the line of a terminal's cursor, ECMA-48."""

_STYLES = {
    Phase.MOUNTED.value: Style.GREEN,
    Phase.FAILED.value: Style.BOLD_RED,
    Phase.UNKNOWN.value: Style.RED,
    Phase.DESTROYED.value: Style.DIM,
}
_UNDER_WAY = Style.YELLOW


def screen() -> Page:
    """Where results go."""
    return page_on(sys.stdout, os.environ)


def aside() -> Page:
    """Where progress and errors go."""
    return page_on(sys.stderr, os.environ)


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
