"""Tests of the command line that every daemon has."""

import json
from io import StringIO
from pathlib import Path

import click
import pytest

from flocker import __version__
from flocker.model.errors import FlockerError
from flocker.runtime.logging import Destination
from flocker.runtime.settings import program_status, standard_options


@click.command()
@click.option("--port", default="tcp:1")
@standard_options
def serve(log: Destination, port: str) -> None:
    """A daemon that only says that it would serve."""
    log({"port": port})


@click.command()
@standard_options
def talk(log: Destination) -> None:
    """A daemon that logs a message."""
    log({"timestamp": 0.0, "message_type": "flocker:m"})


class Stream(StringIO):
    """Standard output, on a terminal or not."""

    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@click.command()
def refuse() -> None:
    """A daemon that cannot start."""
    raise FlockerError


def run(*arguments: str) -> int:
    """Run the daemon with these arguments."""
    return program_status(serve, "flocker-test", arguments)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """--version prints the version alone."""
    assert (run("--version"), capsys.readouterr().out) == (0, f"{__version__}\n")


def test_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown option is an ERROR with the usage on standard error, and 1."""
    status = run("--nonsense")
    captured = capsys.readouterr()
    assert (status, captured.out) == (1, "")
    assert captured.err.splitlines() == [
        "ERROR: No such option '--nonsense'.",
        "Usage: flocker-test [OPTIONS]",
    ]


def test_flocker_error(capsys: pytest.CaptureFixture[str]) -> None:
    """What a daemon's command raises is one line on standard error, and 1."""
    assert program_status(refuse, "flocker-test", []) == 1
    assert capsys.readouterr().err == "ERROR: FlockerError\n"


def test_log_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    """The log goes to standard output as JSON lines, unless told otherwise."""
    assert run("-v", "--verbose", "--port", "tcp:2") == 0
    assert json.loads(capsys.readouterr().out) == {"port": "tcp:2"}


def test_logfile_not_writable(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A log file that cannot be opened is named, with the system's reason."""
    (tmp_path / "file").touch()
    assert run("--logfile", str(tmp_path / "file" / "test.log")) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"ERROR: the log file {tmp_path}/file/test.log cannot be")


def test_one_log_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--logfile and --journald exclude each other."""
    assert run("--logfile", str(tmp_path / "x"), "--journald") == 1
    first = capsys.readouterr().err.splitlines()[0]
    assert first == "ERROR: --logfile and --journald exclude each other"


@pytest.mark.parametrize(
    ("arguments", "terminal", "written"),
    [
        ((), False, '{"timestamp": 0.0, "message_type": "flocker:m"}\n'),
        (("--log-format=auto",), True, "00:00:00.000Z m\n"),
        (
            ("--log-format=json",),
            True,
            '{"timestamp": 0.0, "message_type": "flocker:m"}\n',
        ),
        (("--log-format=lines",), False, "00:00:00.000Z m\n"),
    ],
)
def test_log_format(
    *,
    arguments: tuple[str, ...],
    terminal: bool,
    written: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A terminal gets lines, anything else JSON, unless one is asked for."""
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Stream(terminal=terminal)
    monkeypatch.setattr("sys.stdout", stream)
    assert program_status(talk, "flocker-test", arguments) == 0
    assert stream.getvalue() == written


def test_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal that can gets colours."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    stream = Stream(terminal=True)
    monkeypatch.setattr("sys.stdout", stream)
    assert program_status(talk, "flocker-test", []) == 0
    assert stream.getvalue() == "\x1b[2m00:00:00.000Z\x1b[0m \x1b[1mm\x1b[0m\n"
