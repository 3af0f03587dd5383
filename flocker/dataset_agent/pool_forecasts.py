"""How much the first round of a move would send, when control asks.

The pool counts; nothing is changed for it. Called by `agent`.
"""

from collections.abc import Callable, Mapping
from time import monotonic

from twisted.python.failure import Failure

from flocker.backends.pool_errors import NoSuchFilesystem, NoSuchSnapshot
from flocker.backends.pool_interface import Copy, IFilesystemPool, PoolSnapshot
from flocker.dataset_agent.pool_marks import is_ours, lasting
from flocker.dataset_agent.pool_rig import Pool
from flocker.model.errors import FlockerError
from flocker.model.forecasts import FirstRound, Forecast
from flocker.model.ids import BackendName, SnapshotID
from flocker.runtime import logging
from flocker.wire.commands import ForecastFailed

WITHIN = 1.0
"""Seconds that a pool may count: somebody waits."""

Stream = tuple[SnapshotID | None, SnapshotID | None]
"""A snapshot, or what is now, and what it follows."""


async def forecast(
    pools: Mapping[BackendName, Pool], question: FirstRound
) -> Forecast | None:
    """Ask a pool; None if it cannot say, or not in time. Raises `ForecastFailed`."""
    pool = pools.get(question.pool)
    if pool is None:
        raise ForecastFailed(f"it has no pool {question.pool}")
    try:
        return await pool.threads.run(_count, pool.api, question, monotonic)
    except FlockerError as error:
        raise ForecastFailed(str(error)) from error
    except Exception as error:
        logging.failure("flocker:backend:failed", Failure(), backend=pool.name)
        words = f"pool {pool.name} failed: {type(error).__name__}: {error}"
        raise ForecastFailed(words) from error


def _count(
    api: IFilesystemPool, question: FirstRound, now: Callable[[], float]
) -> Forecast | None:
    """Add up all streams; in one of the pool's threads."""
    until = now() + WITHIN
    copy = api.list().copies.get(question.dataset)
    if copy is None:
        raise NoSuchFilesystem(question.dataset)
    size, at_most = 0, False
    for snapshot, base in streams(copy, question.base):
        part = api.estimate(copy.dataset, snapshot, base, max(0.0, until - now()))
        if part is None:
            return None
        size, at_most = size + part.size, at_most or part.at_most
    return Forecast(size, at_most, api.sends_all)


def streams(copy: Copy, base: SnapshotID | None) -> tuple[Stream, ...]:
    """Give the streams of a first round to who has `base`; see `Shipment.after`.

    Raises `NoSuchSnapshot`.
    """
    kept = lasting(copy.snapshots)
    found: list[Stream] = []
    before = base
    for each in _newer(copy, base):
        if not is_ours(each) or each.identity in kept:
            found.append((each.identity, before))
            before = each.identity
    return (*found, (None, before)) if copy.writable else tuple(found)


def _newer(copy: Copy, base: SnapshotID | None) -> tuple[PoolSnapshot, ...]:
    if base is None:
        return copy.snapshots
    known = [each.identity for each in copy.snapshots]
    if base not in known:
        raise NoSuchSnapshot(copy.dataset, base)
    return copy.snapshots[known.index(base) + 1 :]
