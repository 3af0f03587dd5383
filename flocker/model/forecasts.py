"""What a move is expected to take before it is made: of `flockerctl move --plan`."""

from typing import Final

from attrs import frozen

from flocker.model.ids import BackendName, DatasetID, SnapshotID

CLOSE_BEHIND: Final = 0.5
"""Seconds that a round may take for the target of a move to count as close behind."""
HAND_OVER: Final = 0.1
"""Seconds in which control and the nodes hear of each other, about, in a hand-over."""


@frozen
class FirstRound:
    """What is asked: how much a node would send of a dataset in its pool.

    To who has the snapshot `base` of it, or nothing.
    """

    pool: BackendName
    dataset: DatasetID
    base: SnapshotID | None


@frozen
class Forecast:
    """About how many bytes the first round is; or only that it is `at_most` so many.

    A pool that `sends_all` sends as many in each, and in the last.
    """

    size: int
    at_most: bool = False
    sends_all: bool = False
