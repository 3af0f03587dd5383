"""`flocker-ca` in the test's own directory, at the time its certificates are made."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from flocker.cli.ca import run
from flocker.testing.certificates import MADE


class Ran(NamedTuple):
    """What a run of the command left behind."""

    status: int
    out: str
    err: str


Command = Callable[..., Ran]


@pytest.fixture
def flocker_ca(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Command:
    """Run the command in an empty working directory."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str) -> Ran:
        status = run(arguments, MADE)
        return Ran(status, *capsys.readouterr())

    return command


@pytest.fixture
def in_cluster(flocker_ca: Command) -> Command:
    """Run the command where a cluster was founded."""
    assert flocker_ca("initialize", "mine").status == 0
    return flocker_ca
