"""What the commands about a control service's files say."""

from pathlib import Path
from uuid import UUID

from click.testing import CliRunner

from flocker.control.persistence.database import Database, create
from flocker.control.persistence.directory import DATABASE
from flocker.daemons.control_files import backup
from flocker.model.changes import Change, DatasetEdit, PoolEdit
from flocker.model.datasets import DEFAULT_BACKEND, Dataset
from flocker.model.ids import DatasetID, NodeID
from flocker.model.pools import FIRST_EPOCH, PoolOwnership

NODE = NodeID(UUID(int=9))


def test_backup_counts_pools(tmp_path: Path) -> None:
    """Who owns a dataset in a pool is a record of ownership, as of a volume."""
    create(tmp_path / DATABASE, UUID(int=1))
    database = Database(tmp_path / DATABASE)
    dataset = Dataset(DatasetID(UUID(int=1)), NODE)
    owned = PoolOwnership(dataset.id, DEFAULT_BACKEND, NODE, FIRST_EPOCH, FIRST_EPOCH)
    change = Change((DatasetEdit(None, dataset), PoolEdit(None, owned)))
    database.commit([change], 0)
    file = tmp_path / "kept"
    said = CliRunner().invoke(backup, [str(file), "--data-path", str(tmp_path)])
    database.close()
    holds = "revision 1: 1 datasets, 0 leases, 1 records of ownership"
    assert said.output == f"{file} holds {holds}.\n"
