"""What a simulated machine has on record of a dataset, read as the oracle does."""

from collections.abc import Iterable
from functools import lru_cache

from flocker.model.ids import DatasetID
from flocker.model.pools import PoolOwnership, Record
from flocker.testing.fakes.memory_disk import MemoryCopy
from flocker.testing.simulation.pool_machines import PoolMachine
from flocker.wire import pool_records

decoded = lru_cache(maxsize=4096)(pool_records.decode)


def record_of(machine: PoolMachine, dataset: DatasetID) -> Record | None:
    """Give what a machine has on record of a dataset."""
    copy = machine.copies.get(dataset)
    found = machine.disk.ledger.get(dataset) if copy is None else copy.record
    return None if found is None else decoded(found)


def copy_owned(
    machines: Iterable[PoolMachine], row: PoolOwnership
) -> MemoryCopy | None:
    """Give the copy that is the dataset, by the store and by its node's record."""
    for machine in machines:
        copy = machine.copies.get(row.dataset)
        if machine.node == row.owner and copy is not None:
            record = decoded(copy.record)
            return copy if record.owns and record.epoch == row.epoch else None
    return None
