"""What every program of Flocker takes on its command line, and how it refuses.

A daemon's `main` is ``run_program(command, "flocker-control")``, its command decorated
with `standard_options`. Rules: spec/cli-and-config.md §1.
"""

import sys
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import NoReturn

import click
from attrs import frozen

from flocker import __version__
from flocker.model.errors import FlockerError
from flocker.runtime.journal import NoJournal, journal
from flocker.runtime.logging import Destination, lines_to, rotating_file

_Command = Callable[..., None]


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


def standard_options(command: _Command) -> _Command:
    """Give a daemon's command --version, --verbose, --logfile and --journald.

    The command gets `log`, a Destination, to call `start_logging` with.
    """

    @wraps(command)
    def with_log(*, logfile: Path | None, journald: bool, **own: object) -> None:
        command(log=_destination(logfile, journald=journald), **own)

    for option in (_journald, _logfile, _verbose, _version):
        with_log = option(with_log)
    return with_log


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


def _destination(logfile: Path | None, *, journald: bool) -> Destination:
    if logfile is not None and journald:
        raise click.UsageError("--logfile and --journald exclude each other")
    if journald:
        try:
            return journal(click.get_current_context().command_path)
        except NoJournal as error:
            raise click.BadParameter(str(error), param_hint="--journald") from error
    if logfile is None:
        return lines_to(sys.stdout)
    try:
        return rotating_file(logfile)
    except OSError as error:
        raise LogNotWritable(logfile, error.strerror or str(error)) from error
