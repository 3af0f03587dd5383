"""Which datasets are those of a pool, and which row is a dataset's; pure.

Asked by whoever treats them otherwise than volumes: slices, upkeep, the REST API.
"""

from collections.abc import Iterable

from flocker.model.configuration import Configuration
from flocker.model.datasets import Dataset
from flocker.model.ids import DatasetID, NodeID
from flocker.model.pools import PoolOwnership


def row_of(configuration: Configuration, dataset: Dataset) -> PoolOwnership | None:
    """Give the row of a dataset that is in a pool; never that of an earlier life.

    A row outlives its dataset: a deleted one may be of a life that is over.
    """
    row = configuration.pools.get(dataset.id)
    if row is None or not row.deleted:
        return row
    return row if dataset.deleted and belongs_in_pool(configuration, dataset) else None


def belongs_in_pool(configuration: Configuration, dataset: Dataset) -> bool:
    """Whether the node where it is wanted keeps it in a pool, as far as that is known.

    What has a volume on record is no dataset of a pool, whatever the node has now.
    """
    if dataset.id in configuration.ownership:
        return False
    node = configuration.nodes.get(dataset.primary)
    found = None if node is None else node.backend(dataset.backend)
    return found is not None and found.is_pool


def is_buried(configuration: Configuration, dataset: Dataset) -> bool:
    """Whether a dataset of a pool is deleted, and only waits for nodes to say so."""
    row = row_of(configuration, dataset)
    return row is not None and row.deleted


def bound_for(configuration: Configuration, node: NodeID) -> Iterable[DatasetID]:
    """Give the datasets of pools that are to go to a node. Costs O(all rows of pools).

    What was in the way of a move may be so no more when a node is otherwise.
    """
    for row in configuration.pools.itervalues():
        dataset = configuration.datasets.get(row.dataset)
        if row.deleted or dataset is None or row.owner == node:
            continue
        if dataset.primary == node or row.moves_to(node):
            yield row.dataset
