"""What flocker-control does with its data directory: import, backup, restore.

Commands that run to their end without a reactor; `flocker.daemons.control` names them.
"""

from pathlib import Path
from uuid import uuid4

import click

from flocker.control.importing import Import, describe
from flocker.control.persistence import backups, migration
from flocker.control.persistence.directory import locked
from flocker.daemons.control_options import DATA_PATH
from flocker.model.configuration import Configuration

_same_data_path = click.option(
    "-d",
    "--data-path",
    type=click.Path(path_type=Path, file_okay=False),
    help="The same as before the command.",
)

_file = click.argument("file", type=click.Path(path_type=Path))


def import_file(data_path: Path, file: Path | None, *, check: bool) -> None:
    """Import a file of the first Flocker, or say what would come of it."""
    if file is None:
        raise click.UsageError("--check needs --import FILE")
    if check:
        click.echo(f"{file} would bring:")
        _describe(migration.inspect(file))
        return
    with locked(data_path):
        found, kept = migration.run(data_path, file, uuid4())
    click.echo(f"{file} was imported into {data_path}:")
    _describe(found)
    click.echo(f"The file is kept as {kept}. The service can be started.")


@click.command()
@_file
@_same_data_path
def backup(file: Path, data_path: Path | None) -> None:
    """Copy the configuration to FILE, also while the service runs."""
    found = backups.back_up(_given(data_path), file)
    click.echo(f"{file} holds {_summary(found)}.")


@click.command()
@_file
@_same_data_path
def restore(file: Path, data_path: Path | None) -> None:
    """Put the backup FILE in the place of the configuration; stop the service first."""
    restored = backups.restore(_given(data_path), file)
    click.echo(f"Restored {_summary(restored.configuration)}.")
    if restored.kept is not None:
        click.echo(f"What was there before is kept as {restored.kept}.")
    click.echo(
        "Start the service; once the agents have connected, GET /v1/status/volumes"
        " lists volumes that the backup did not know."
    )
    if restored.configuration.pools:
        click.echo(
            "Datasets in pools stay where their nodes have them, once these have"
            " connected; the status of each says whose word is missing."
        )


def _given(data_path: Path | None) -> Path:
    """Give the data path that stands after the command, or before it."""
    if data_path is not None:
        return data_path
    parent = click.get_current_context().parent
    return Path(DATA_PATH) if parent is None else Path(parent.params["data_path"])


def _describe(found: Import) -> None:
    for line in describe(found):
        click.echo(f"  {line}")


def _summary(found: Configuration) -> str:
    owned = len(found.ownership) + len(found.pools)  # of volumes, and in pools
    return (
        f"revision {found.revision}: {len(found.datasets)} datasets,"
        f" {len(found.leases)} leases, {owned} records of ownership"
    )
