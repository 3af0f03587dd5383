"""What is said of a dataset that is rolled back, or was to be: causes; pure.

Called by `flocker.model.pool_status`, and by who waits for a rollback.
"""

from attrs import evolve

from flocker.model.cluster import Cause
from flocker.model.ids import DatasetID
from flocker.model.pools import NotRolledBack, PoolOwnership, Rollback

GIVEN_UP = "rollback-given-up"
"""The code of what is said of a dataset that is as it was: nothing is wrong with it."""


def under_way(
    row: PoolOwnership, wish: Rollback, owner: str, said: Cause | None
) -> Cause:
    """Say what is happening; `owner` names its node, which `said` what is in the way.

    Whoever waits can always do without, so each way out is named.
    """
    if wish.cancelled:
        how = "cancelled" if row.not_rolled_back is None else "given up"
        words = (
            f"its rollback to its snapshot {wish.name} is {how}, which {owner} has"
            " not confirmed yet"
        )
        if said is not None:
            return evolve(said, words=f"{words}: {said.words}")
        return Cause("cancelling", words)
    if said is None:
        words = (
            f"it is rolled back to its snapshot {wish.name}; what it is before is"
            f" kept as its snapshot {wish.kept_as}"
        )
        return Cause("rolling-back", words)
    cancel = f"let it stay as it is: flockerctl rollback {row.dataset} --cancel"
    release = cancel if said.release is None else f"{said.release}; or {cancel}"
    return evolve(said, release=release)


def given_up(dataset: DatasetID, name: str, why: str, release: str | None) -> Cause:
    """Say that a dataset was not rolled back to its snapshot `name`, and why."""
    again = "roll it back again"
    first = again if release is None else f"{release}, and {again}"
    return Cause(
        GIVEN_UP,
        f"its rollback to its snapshot {name} was given up, and it is as it was: {why}",
        f"{first}; or leave it: flockerctl rollback {dataset} --cancel",
    )


def of_row(dataset: DatasetID, found: NotRolledBack | None) -> Cause | None:
    """Say why the last rollback was given up, if it was."""
    if found is None:
        return None
    return given_up(dataset, found.wish.name, found.why, found.release)
