"""flocker-diagnostics: one file about this machine, for those who are asked to help."""

import os
import re
from pathlib import Path

import click

from flocker import __version__
from flocker.model.errors import FlockerError
from flocker.runtime.loading import load
from flocker.runtime.settings import run_program

_DISTRIBUTION = re.compile(r"auto|[a-z]+-[0-9][0-9.]*")


class NotRoot(FlockerError):
    """Only root may read what the report needs."""

    def words(self) -> str:
        """Say so."""
        return "flocker-diagnostics must be run as root"


def _distribution(
    context: click.Context, parameter: click.Parameter, value: str
) -> str:
    if not _DISTRIBUTION.fullmatch(value):
        raise click.BadParameter(
            f"{value!r} is neither auto nor a name and version, as in ubuntu-16.04",
            context,
            parameter,
        )
    return value


@click.command()
@click.option(
    "-d",
    "--distribution-name",
    default="auto",
    show_default=True,
    callback=_distribution,
    expose_value=False,
    help="Accepted for the sake of scripts: what is there is found out.",
)
@click.option(
    "-c",
    "--config-directory",
    type=click.Path(path_type=Path, file_okay=False),
    default="/etc/flocker",
    show_default=True,
    help="Where agent.yml and certificates are.",
)
@click.option(
    "-p",
    "--rest-api-port",
    type=click.IntRange(1, 65535),
    default=4523,
    show_default=True,
    help="The control service's port.",
)
@click.option(
    "--logfile",
    "logs",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="A service's log, if it is not found by itself; may be repeated.",
)
@click.option(
    "-v",
    "--verbose",
    count=True,
    expose_value=False,
    help="Accepted for the sake of scripts; changes nothing.",
)
@click.version_option(__version__, message="%(version)s")
@click.pass_context
def diagnostics(
    context: click.Context,
    /,
    *,
    config_directory: Path,
    rest_api_port: int,
    logs: tuple[Path, ...],
) -> None:
    """Collect what others need to help with this machine, in one file.

    It is written to the current directory: logs of Flocker's services, what the control
    service says of the cluster, versions, disks, mounts, networks. No keys, and nothing
    of agent.yml that may be secret.
    """
    if os.geteuid() != 0:
        raise NotRoot
    report = load("flocker.node_tools.reporting:report")
    context.exit(report(config_directory, logs, rest_api_port))


def main() -> None:
    """Run the program (console script)."""
    run_program(diagnostics, "flocker-diagnostics")
