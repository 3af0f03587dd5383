"""What every program of Flocker takes on its command line, and how it refuses.

A daemon's `main` is ``run_program(command, "flocker-control")``, its command decorated
with `standard_options`. Rules: spec/cli-and-config.md §1.
"""

import os
import sys
from collections.abc import Callable, Sequence
from enum import Enum
from functools import wraps
from pathlib import Path
from typing import NoReturn, TextIO

import click
from attrs import frozen

from flocker import __version__
from flocker.model.errors import FlockerError
from flocker.runtime.journal import NoJournal, journal
from flocker.runtime.logging import (
    NOT_STARTED,
    Destination,
    lines_to,
    readable_to,
    rotating_file,
)
from flocker.runtime.readable import BLACK, COLOURS, Ink

_Command = Callable[..., None]


class LogFormat(Enum):
    """How a message is written; auto is lines on a terminal, JSON elsewhere."""

    JSON = "json"
    LINES = "lines"
    AUTO = "auto"


@frozen
class LogNotWritable(FlockerError):
    """The file that should take the log cannot."""

    path: Path
    why: str

    def words(self) -> str:
        """Name the file and the system's reason."""
        return f"the log file {self.path} cannot be written: {self.why}"


_version = click.version_option(__version__, message="%(version)s")
_verbose = click.option(
    "-v",
    "--verbose",
    count=True,
    expose_value=False,
    help="Accepted for the sake of scripts; changes nothing.",
)
_logfile = click.option(
    "--logfile",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Log to this file instead of standard output; 100 MiB, five are kept.",
)
_journald = click.option(
    "--journald", is_flag=True, help="Log to the systemd journal instead."
)

_log_format = click.option(
    "--log-format",
    type=click.Choice([each.value for each in LogFormat]),
    default=LogFormat.AUTO.value,
    show_default=True,
    help="JSON (of eliot), or lines for people; auto is lines on a terminal only.",
)


def standard_options(command: _Command) -> _Command:
    """Give a daemon's command --version, --verbose and the options about its log.

    The command gets `log`, a Destination, to call `start_logging` with.
    """

    @wraps(command)
    def with_log(
        *, logfile: Path | None, journald: bool, log_format: str, **own: object
    ) -> None:
        form = LogFormat(log_format)
        command(log=_destination(logfile, form, journald=journald), **own)

    for option in (_log_format, _journald, _logfile, _verbose, _version):
        with_log = option(with_log)
    return with_log


def tool_options(command: _Command) -> _Command:
    """Give the command of a tool that does not log --version and --verbose."""
    return _version(_verbose(command))


def run_program(command: click.Command, name: str) -> NoReturn:
    """Run a command with the process's arguments, and exit."""
    sys.exit(program_status(command, name, sys.argv[1:]))


def program_status(command: click.Command, name: str, arguments: Sequence[str]) -> int:
    """Run a command; give its exit status: 1 for a usage error or any other."""
    try:
        _ = command.main(list(arguments), prog_name=name, standalone_mode=False)
    except click.UsageError as error:
        click.echo(f"ERROR: {error.format_message()}", err=True)
        if error.ctx is not None:
            click.echo(error.ctx.get_usage(), err=True)
        return 1
    except FlockerError as error:
        click.echo(f"ERROR: {error}", err=True)
        return 1
    return 0


def _destination(
    logfile: Path | None, form: LogFormat, *, journald: bool
) -> Destination:
    if logfile is not None and journald:
        raise click.UsageError("--logfile and --journald exclude each other")
    for_people = form is LogFormat.LINES
    if journald:
        program = click.get_current_context().command_path
        try:
            return journal(program, for_people=for_people)
        except NoJournal as error:
            raise click.BadParameter(str(error), param_hint="--journald") from error
    if logfile is None:
        return _on(sys.stdout, form)
    try:
        return rotating_file(logfile, for_people=for_people)
    except OSError as error:
        raise LogNotWritable(logfile, error.strerror or str(error)) from error


def _on(stream: TextIO, form: LogFormat) -> Destination:
    """Write on standard output as its reader wants it."""
    terminal = stream.isatty()
    if form is LogFormat.JSON or (form is LogFormat.AUTO and not terminal):
        return lines_to(stream)
    said_twice = NOT_STARTED if terminal and sys.stderr.isatty() else None
    return readable_to(stream, _ink() if terminal else BLACK, unwanted=said_twice)


def _ink() -> Ink:
    """Colour, unless the user (no-color.org) or the terminal does not want it."""
    refused = os.environ.get("NO_COLOR") or os.environ.get("TERM") in {None, "dumb"}
    return BLACK if refused else COLOURS
