"""Writes the report of flocker-diagnostics; loaded when it is asked for."""

from pathlib import Path
from uuid import uuid4

import click
from twisted.python.runtime import seconds

from flocker.node_tools.archive import Archive
from flocker.node_tools.collecting import Where, collect, secrets_in
from flocker.node_tools.masking import Scrubber
from flocker.runtime.main import command_status
from flocker.runtime.reactor import IReactor


def report(config_directory: Path, logs: tuple[Path, ...], rest_api_port: int) -> int:
    """Write it to the current directory and say its name; give the exit status."""
    where = Where(config_directory, logs, rest_api_port)
    path = Path(f"clusterhq_flocker_logs_{uuid4()}.tar").absolute()
    scrubber = Scrubber(secrets_in(config_directory))
    archive = Archive(path, scrubber, seconds)

    async def work(reactor: IReactor) -> int:
        await collect(reactor, where, archive)
        archive.finish()
        return 0

    status = command_status(work)
    if status:
        archive.discard()
    else:
        click.echo(path.name)
    return status
