"""What is left of streams that were cut goes when nobody is to bring the rest."""

from collections.abc import Callable

from flocker.backends.pool_resuming import IResumingPool
from flocker.dataset_agent.pool_looking import PoolSeen, Seen
from flocker.dataset_agent.pool_peers import expects
from flocker.dataset_agent.pool_rig import Pool
from flocker.dataset_agent.pool_states import Here
from flocker.model.ids import DatasetID


async def drop_unexpected(
    pool: Pool,
    seen: PoolSeen,
    here: Callable[[DatasetID, Seen], Here],
    doing: Callable[[DatasetID], bool],
) -> None:
    """Drop it, as control tells, but for datasets that something is being done about.

    Called when control was heard. Raises `PoolUnavailable`.
    """
    api = pool.api
    if not IResumingPool.providedBy(api):
        return
    for dataset in sorted(seen.unfinished, key=str):
        now = here(dataset, seen.of(dataset))
        expected = now.told is not None and expects(now, now.told)
        if not expected and not doing(dataset):
            await pool.threads.run(api.drop_unfinished, dataset)
