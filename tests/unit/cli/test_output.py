"""Tests of how results look."""

import io
import json
import re
from uuid import UUID

from flocker.cli.output import (
    phase_text,
    print_json,
    print_sentence,
    progress,
    progress_line,
)
from flocker.cli.terminal import Column, Page, Style, print_table, printable
from flocker.client.interface import Unreachable
from flocker.model.ids import BackendName, DatasetID, NodeID
from flocker.wire.answers import CauseAnswer, DatasetAnswer, NodeAnswer

NODE = NodeID(UUID("aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"))
NODES = {NODE: NodeAnswer(NODE, "10.0.0.1", True, "", "", 0.0, "", "")}  # noqa: FBT003
CONTROL = r"(?:\x1b\[[?0-9;]*[a-zA-Z]|[\r\n])+"
"""What moves a terminal's cursor."""
COLUMNS = (Column("ID"), Column("SIZE", right=True), Column("MORE", folds=True))


def a_terminal(width: int) -> Page:
    """A terminal of so many columns, without colours."""
    return Page(io.StringIO(), width, moves=True)


def a_pipe() -> Page:
    """What standard output is in a pipe."""
    return Page(io.StringIO())


def printed(page: Page) -> list[str]:
    """The lines that were printed."""
    assert isinstance(page.file, io.StringIO)
    return page.file.getvalue().splitlines()


def seen(phase: str, cause: str | None = None) -> DatasetAnswer:
    """A dataset in this phase."""
    return DatasetAnswer(
        dataset_id=DatasetID(UUID(int=1)),
        name=None,
        metadata={},
        primary=NODE,
        backend=BackendName("default"),
        mount="always",
        filesystem="ext4",
        maximum_size=None,
        deleted=False,
        phase=phase,
        since="",
        seconds=0.0,
        node=NODE,
        cause=None if cause is None else CauseAnswer("code", cause),
        path=None,
        size=None,
    )


def test_table_in_a_pipe() -> None:
    """In a pipe a row is a line, however long, without blanks at its end."""
    page = a_pipe()
    print_table(COLUMNS, [["a", "1", "x" * 200], ["bb", "22", ""]], page)
    assert printed(page) == ["ID  SIZE  MORE", f"a      1  {'x' * 200}", "bb    22"]


def test_table_on_a_terminal() -> None:
    """On a terminal what may fold takes what the others leave."""
    page = a_terminal(30)
    print_table(COLUMNS, [["a" * 8, "1", "x" * 20]], page)
    assert printed(page) == [
        "ID        SIZE  MORE",
        f"aaaaaaaa     1  {'x' * 14}",
        f"                {'x' * 6}",
    ]


def test_ids_are_never_cut() -> None:
    """Where a terminal is too narrow, a row is one line that it breaks itself."""
    page = a_terminal(40)
    print_table(COLUMNS, [["a" * 36, "1", "x" * 20]], page)
    assert printed(page)[1] == f"{'a' * 36}     1  {'x' * 20}"


def test_empty_table() -> None:
    """A table without rows still has its titles."""
    page = a_pipe()
    print_table(COLUMNS, [], page)
    assert printed(page) == ["ID  SIZE  MORE"]


def test_sentence_in_a_pipe() -> None:
    """In a pipe a sentence is a line."""
    page = a_pipe()
    print_sentence("word " * 40, page)
    assert len(printed(page)) == 1


def test_sentence_on_a_terminal() -> None:
    """On a terminal a sentence breaks between words."""
    page = a_terminal(10)
    print_sentence("one two three four", page)
    assert [line.strip() for line in printed(page)] == ["one two", "three four"]


def test_control_characters() -> None:
    """What a terminal would obey is spelled out."""
    assert printable("a\x1b[2Jb\nü[bold]") == "a\\x1b[2Jb\\nü[bold]"


def test_markup_is_text() -> None:
    """Brackets in metadata are no markup."""
    page = a_pipe()
    print_table(COLUMNS, [["[red]", "1", "[/]"]], page)
    assert printed(page)[1] == "[red]     1  [/]"


def test_json() -> None:
    """JSON is one document, whatever the width of the terminal."""
    page = a_terminal(10)
    print_json({"id": NODE, "name": "ü" * 30}, page)
    assert json.loads("\n".join(printed(page))) == {
        "id": str(NODE),
        "name": "ü" * 30,
    }


def test_phases_have_colours() -> None:
    """What failed is not coloured like what is well."""
    texts = [phase_text(phase) for phase in ("mounted", "failed", "new")]
    styles = [style for text in texts for _, style in text.pieces]
    assert styles == [Style.GREEN, Style.BOLD_RED, Style.YELLOW]


def test_line_of_a_wait() -> None:
    """A line says the time, the phase, the node and the cause."""
    line = progress_line(seen("waiting", "no space"), 12.3, NODES)
    assert line == "12 s  waiting on node aaaaaaaa (10.0.0.1): no space"


def test_line_of_an_absent_control() -> None:
    """A line says it when the control service is away."""
    line = progress_line(Unreachable((("a:1", "connection refused"),)), 0.5, NODES)
    assert line == (
        "0.5 s  the control service cannot be reached: a:1: connection refused"
    )


def test_wait_in_a_pipe() -> None:
    """In a pipe a wait has a line a change, not a line a look."""
    page = a_pipe()
    away = Unreachable((("a:1", "connection refused"),))
    with progress(page, NODES) as show:
        for time, look in enumerate(
            [seen("waiting"), seen("waiting"), seen("mounting"), away, away]
        ):
            show(look, float(time))
    assert [line.split()[:3] for line in printed(page)] == [
        ["0.0", "s", "waiting"],
        ["2.0", "s", "mounting"],
        ["3.0", "s", "the"],
    ]


def test_wait_on_a_terminal() -> None:
    """On a terminal a wait is one line, which is gone at its end."""
    page = a_terminal(40)
    with progress(page, NODES) as show:
        show(seen("waiting", "x" * 100), 0.0)
        show(seen("waiting", "x" * 100), 1.0)
    assert isinstance(page.file, io.StringIO)
    text = page.file.getvalue()
    looks = [part for part in re.split(CONTROL, text) if "waiting" in part]
    assert [len(look) for look in looks] == [37, 37]
    assert text.endswith("\r\x1b[2K")
