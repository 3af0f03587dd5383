"""The tutorial "PostgreSQL that moves", typed as it stands, with its rows counted."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import frozen

from flocker.runtime.process import Completed, run_sync
from flocker.sandbox.machines import entering
from flocker.sandbox.names import address, node_name
from tests.acceptance.engines import ONE, Engines, engines_of

PAGE = Path(__file__).parents[2] / "docs" / "tutorial-postgresql.rst"
BLOCK = re.compile(r"^\.\. code-block:: console\n\n((?:   .*\n|\n)+)", re.MULTILINE)
LINE = re.compile(r"^   (node-\d|)\$ (.*)$", re.MULTILINE)
REFUSED = "  # refused"
LONGEST = 240.0
"""Seconds for one command, on a machine that is busy with other tests."""


@frozen
class Typed:
    """A command of the page, and what came of it."""

    where: str
    command: str
    done: Completed

    @property
    def count(self) -> int | None:
        """The rows it counted, if it did."""
        said = self.done.out.decode().strip()
        return int(said) if "SELECT count" in self.command else None


@pytest.fixture(scope="module")
def engines() -> Iterator[Engines]:
    """What the page's first command makes."""
    with engines_of(2) as made:
        yield made


def lines() -> list[tuple[str, str]]:
    """The commands of the page, with the node on which they are typed, or none."""
    blocks = BLOCK.findall(PAGE.read_text())
    return [line for block in blocks for line in LINE.findall(block)]


def typed(engines: Engines, where: str, command: str) -> Typed:
    """Type a command; it must do what the page says, or be refused if that says so."""
    expected = (125,) if command.endswith(REFUSED) else (0,)
    name = engines.cluster.sandbox.layout.name
    if where:
        enter = entering(engines.cluster.sandbox.layout, node_name(int(where[-1])))
    else:
        enter = []
        command = command.replace("flocker-sandbox", f"flocker-sandbox --name {name}")
    shell = [*enter, "sh", "-c", command]
    environment = engines.cluster.user_environment()
    done = run_sync(shell, env=environment, expected=expected, timeout=LONGEST)
    return Typed(where, command, done)


def test_page(engines: Engines) -> None:
    """What was counted before the move is there after it, and no less after a crash."""
    page = lines()
    assert page[0] == ("", "flocker-sandbox up --docker --nodes 2")
    assert page[-1] == ("", "flocker-sandbox down")
    done = [typed(engines, *line) for line in page[1:-1]]
    (refused,) = [each for each in done if each.command.endswith(REFUSED)]
    why = refused.done.err.decode()
    assert "pgdata is in use" in why
    assert address(ONE) in why
    before, moved, recovered = [each.count for each in done if each.count is not None]
    assert before > 0
    assert moved == before
    assert recovered > moved
