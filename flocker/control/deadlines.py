"""When time alone asks upkeep to look at a dataset: a heap, and what is still true."""

from collections.abc import Iterable
from heapq import heappop, heappush

from flocker.model.ids import DatasetID


class Deadlines:
    """The next deadline of each dataset that has one; seconds on any one clock."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, DatasetID]] = []
        self._due: dict[DatasetID, float] = {}

    def set(self, dataset: DatasetID, when: float | None) -> None:
        """Replace the deadline of a dataset; None for none."""
        if when is None:
            self._due.pop(dataset, None)
        elif self._due.get(dataset) != when:
            self._due[dataset] = when
            heappush(self._heap, (when, dataset))

    def next(self) -> float | None:
        """Give the first deadline."""
        self._drop_void()
        return self._heap[0][0] if self._heap else None

    def pop(self, now: float) -> Iterable[DatasetID]:
        """Take out the datasets whose deadline is over."""
        over = []
        self._drop_void()
        while self._heap and self._heap[0][0] <= now:
            _, dataset = heappop(self._heap)
            del self._due[dataset]
            over.append(dataset)
            self._drop_void()
        return over

    def _drop_void(self) -> None:
        while self._heap and self._due.get(self._heap[0][1]) != self._heap[0][0]:
            heappop(self._heap)
