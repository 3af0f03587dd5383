"""flocker-control's command line; `control_service` is what it starts.

What it starts is loaded when the options are understood: --version costs no service.
"""

from collections.abc import Callable
from functools import wraps
from pathlib import Path

import click

from flocker.control.upkeep import RETENTION
from flocker.daemons.control_options import DATA_PATH, Options
from flocker.runtime.loading import LaterCommand, LaterGroup, load
from flocker.runtime.logging import Destination, start_logging
from flocker.runtime.settings import run_program, standard_options

DAY = 24 * 3600.0
"""Seconds."""

_port = click.option(
    "-p", "--port", default="tcp:4523", show_default=True, help="Port of the REST API."
)
_agent_port = click.option(
    "-a",
    "--agent-port",
    default="tcp:4524",
    show_default=True,
    help="Port that agents connect to.",
)
_certificates = click.option(
    "-c",
    "--certificates-directory",
    type=click.Path(path_type=Path, file_okay=False),
    default="/etc/flocker",
    show_default=True,
    help="Directory with cluster.crt, control-service.crt and control-service.key.",
)
_data_path = click.option(
    "-d",
    "--data-path",
    type=click.Path(path_type=Path, file_okay=False),
    default=DATA_PATH,
    show_default=True,
    help="Directory that keeps the configuration.",
)
_remember_destroyed = click.option(
    "--remember-destroyed",
    type=click.FloatRange(min=0, max=36500),
    default=RETENTION / DAY,
    show_default=True,
    metavar="DAYS",
    help="Days after which a destroyed dataset is forgotten.",
)


def _service_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of the service as one: `options`."""

    @wraps(command)
    def with_options(
        *,
        data_path: Path,
        port: str,
        agent_port: str,
        certificates_directory: Path,
        remember_destroyed: float,
        **others: object,
    ) -> None:
        options = Options(
            data_path,
            port,
            agent_port,
            certificates_directory,
            remember_destroyed * DAY,
        )
        command(options=options, **others)

    for option in (
        _remember_destroyed,
        _certificates,
        _agent_port,
        _port,
        _data_path,
    ):
        with_options = option(with_options)
    return with_options


@click.group(cls=LaterGroup, invoke_without_command=True)
@_service_options
@click.option(
    "--import",
    "file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Import a configuration of Flocker 1 into an empty data directory, and end.",
)
@click.option("--check", is_flag=True, help="Only say what --import would bring.")
@standard_options
def control(
    log: Destination, options: Options, file: Path | None, *, check: bool
) -> None:
    """Keep what is wanted of the cluster, and tell each node its part.

    Without a command, it is the service. The commands work on its data directory.
    """
    if click.get_current_context().invoked_subcommand is not None:
        if file is not None or check:
            raise click.UsageError("--import is a command of its own")
        return
    if file is not None or check:
        bring = load("flocker.daemons.control_files:import_file")
        bring(options.data_path, file, check=check)
        return
    start_logging(log)
    load("flocker.daemons.control_service:serve")(options)


control.add_command(
    LaterCommand(
        "backup",
        "flocker.daemons.control_files:backup",
        "Copy the configuration to FILE, also while the service runs.",
    )
)
control.add_command(
    LaterCommand(
        "restore",
        "flocker.daemons.control_files:restore",
        "Put the backup FILE in the place of the configuration;"
        " stop the service first.",
    )
)


def main() -> None:
    """Run the program (console script)."""
    run_program(control, "flocker-control")
