"""What a simulated machine has on record of a dataset, read as the oracle does."""

from functools import lru_cache

from flocker.model.ids import DatasetID
from flocker.model.pools import Record
from flocker.testing.simulation.pool_machines import PoolMachine
from flocker.wire import pool_records

decoded = lru_cache(maxsize=4096)(pool_records.decode)


def record_of(machine: PoolMachine, dataset: DatasetID) -> Record | None:
    """Give what a machine has on record of a dataset."""
    copy = machine.copies.get(dataset)
    found = machine.disk.ledger.get(dataset) if copy is None else copy.record
    return None if found is None else decoded(found)
