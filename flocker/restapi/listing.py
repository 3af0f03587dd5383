"""Lists of datasets as bytes, kept ready: a listing costs what changed since the last.

Used by `flocker.restapi.datasets` and `status`. Encoding five thousand datasets anew
takes a hundred times as long as joining what was encoded before.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

from flocker.control.observations import Observations
from flocker.control.operations import Operations
from flocker.model.changes import Change, DatasetEdit
from flocker.model.cluster import Condition, NodeSight, Observed
from flocker.model.configuration import Configuration
from flocker.model.datasets import Dataset
from flocker.model.ids import DatasetID, NodeID
from flocker.model.status import Status
from flocker.restapi.answers import encode
from flocker.wire.public import configured_dataset, dataset_status, state_dataset

SILENT_AFTER = 120.0
"""Seconds without a sign of life until a node is not listed any more: 1.15's."""

_Held = tuple[DatasetID, NodeID]


class EncodedDatasets:
    """The answer to `GET /v1/configuration/datasets`; listens to `operations`."""

    def __init__(self) -> None:
        self._revision = -1
        self._encoded: dict[DatasetID, bytes] = {}
        self._list: bytes | None = None

    def changed(self, change: Change, configuration: Configuration) -> None:
        """Take `change`, unless it is not the next: then all is read when asked for."""
        if configuration.revision != self._revision + 1:
            return
        self._revision = configuration.revision
        for edit in change.edits:
            if isinstance(edit, DatasetEdit):
                self._list = None
                self._put(edit.dataset, edit.after)

    def list(self, configuration: Configuration) -> bytes:
        """Give the JSON list of all datasets."""
        if configuration.revision != self._revision:
            self._revision = configuration.revision
            self._list = None
            self._encoded = {}
            for dataset in configuration.datasets.itervalues():
                self._put(dataset.id, dataset)
        if self._list is None:
            self._list = join(self._encoded.values())
        return self._list

    def _put(self, key: DatasetID, dataset: Dataset | None) -> None:
        if dataset is None:
            _ = self._encoded.pop(key, None)
        else:
            self._encoded[key] = encode(configured_dataset(dataset))


class EncodedFacts:
    """The answer to `GET /v1/state/datasets`; compares what it would have to read."""

    def __init__(self) -> None:
        self._made_of: object = None
        self._encoded: dict[_Held, tuple[Observed, bytes]] = {}
        self._list = b""

    def list(
        self, configuration: Configuration, observations: Observations, now: float
    ) -> bytes:
        """Give the JSON list of what nodes hold, and of what is known besides."""
        sights = observations.nodes.values()
        silent = frozenset(s.identity.node for s in sights if is_silent(s, now))
        made_of = (observations.version, configuration.datasets_revision, silent)
        if made_of != self._made_of:
            self._encoded = dict(self._encode(configuration, observations, now))
            self._list = join(encoded for _, encoded in self._encoded.values())
            self._made_of = made_of
        return self._list

    def _encode(
        self, configuration: Configuration, observations: Observations, now: float
    ) -> Iterator[tuple[_Held, tuple[Observed, bytes]]]:
        for dataset in observations.datasets():
            wanted = configuration.datasets.get(dataset)
            if wanted is not None and wanted.destroyed:
                continue
            facts = observations.facts(dataset)
            for node, observed in listed(facts, observations.nodes, now):
                kept = self._encoded.get((dataset, node))
                if kept is None or kept[0] is not observed:
                    kept = (observed, encode(state_dataset(node, observed.fact)))
                yield (dataset, node), kept


class EncodedStatuses:
    """The answer to `GET /v1/status/datasets`: only what may be another is made anew.

    Listens to `operations` and watches its observations. Where nodes come, go or are
    marked, all statuses are in doubt.
    """

    def __init__(
        self, operations: Operations, status_of: Callable[[Dataset], Status]
    ) -> None:
        self._operations = operations
        self._status_of = status_of
        self._encoded: dict[DatasetID, tuple[bytes, float, bytes]] = {}
        self._in_doubt: set[DatasetID] | None = None
        """None where all are."""
        self._version = 0
        operations.listen(self)
        operations.observations.watch(self)

    def changed(self, change: Change, configuration: Configuration) -> None:
        """Note a committed change (`operations.Listener`)."""
        if change.nodes:
            self._in_doubt = None
        self.observed(change.datasets)

    def observed(self, datasets: Iterable[DatasetID]) -> None:
        """Note what a node said (`observations.Watcher`)."""
        if self._in_doubt is not None:
            self._in_doubt.update(datasets)

    def sighted(self, sight: NodeSight) -> None:
        """Note that a node came or went (`observations.Watcher`)."""
        self._in_doubt = None

    def version(self) -> int:
        """Give a number that is higher when any is another, but for its seconds."""
        if self._in_doubt is None or self._in_doubt:
            self._version += self._make_anew()
            self._in_doubt = set()
        return self._version

    def _make_anew(self) -> bool:
        """Encode what is in doubt; say whether any is another."""
        datasets = self._operations.configuration.datasets
        if self._in_doubt is None:
            before = self._encoded
            self._encoded = {d.id: self._encode(d) for d in datasets.itervalues()}
            return self._encoded != before
        differs = False
        for name in self._in_doubt:
            known, dataset = self._encoded.get(name), datasets.get(name)
            if dataset is not None:
                self._encoded[name] = self._encode(dataset)
            elif known is not None:
                del self._encoded[name]
            differs = differs or self._encoded.get(name) != known
        return differs

    def list(self, now: float) -> bytes:
        """Give the JSON list of all statuses as they are `now`."""
        _ = self.version()
        parts: list[bytes] = []
        for head, since, tail in self._encoded.values():
            parts += head, b"%.3f" % max(0.0, now - since), tail
        if not parts:
            return b"[]"
        # As in `join`: of a long list only one copy is made.
        parts[0] = b"[" + parts[0]
        parts[-1] = parts[-1].removesuffix(b",") + b"]"
        return b"".join(parts)

    def _encode(self, dataset: Dataset) -> tuple[bytes, float, bytes]:
        """Give what stands before the seconds, since when they count, and the rest."""
        found = self._status_of(dataset)
        plain = encode(dataset_status(dataset, found, found.since))
        # No text looks like this: in one, quotes are escaped.
        head, _, tail = plain.partition(b'"seconds":0.0')
        return head + b'"seconds":', found.since, tail + b","


def join(encoded: Iterable[bytes]) -> bytes:
    """Make a JSON list of elements that are JSON already."""
    parts = list(encoded)
    if not parts:
        return b"[]"
    # The brackets go to the ends first: of a long list only one copy is made.
    parts[0] = b"[" + parts[0]
    parts[-1] += b"]"
    return b",".join(parts)


def is_silent(sight: NodeSight | None, now: float) -> bool:
    """Whether the node has not been heard for so long that it is not listed."""
    return sight is None or now - sight.last_seen >= SILENT_AFTER


def listed(
    facts: Mapping[NodeID, Observed],
    nodes: Mapping[NodeID, NodeSight],
    now: float,
) -> Iterable[tuple[NodeID, Observed]]:
    """Give the facts about one dataset that `GET /v1/state/datasets` shows.

    Each node on which it is mounted; where there is none, one of those that know it.
    What a silent node said of mounts is not believed any more.
    """
    mounted = []
    known = None
    for node, observed in facts.items():
        if observed.fact.condition is Condition.MOUNTED:
            if not is_silent(nodes.get(node), now):
                mounted.append((node, observed))
        elif state_dataset(node, observed.fact) is not None:
            sized = observed.fact.size is not None
            if known is None or (sized and known[1].fact.size is None):
                known = (node, observed)
    return mounted or ([] if known is None else [known])
