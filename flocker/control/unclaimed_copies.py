"""Copies in the pools of nodes that no dataset is, as after the restore of a backup.

They are listed for people, and served on where they are; pure. Called by
`flocker.restapi.volumes`.
"""

from collections.abc import Iterable, Mapping
from typing import Protocol

from attrs import frozen

from flocker.model.cluster import Cause, Fact, Observed
from flocker.model.configuration import Configuration
from flocker.model.ids import DatasetID, NodeID
from flocker.model.pools import PoolFact


@frozen
class UnclaimedCopy:
    """What a node says of a copy that is no dataset's, and why it is not."""

    node: NodeID
    fact: Fact
    cause: Cause


class Heard(Protocol):
    """What the agents have said; `flocker.control.observations` keeps it."""

    def datasets(self) -> Iterable[DatasetID]:
        """The datasets that any node has said something of."""

    def facts(self, dataset: DatasetID) -> Mapping[NodeID, Observed]:
        """What each node says of a dataset."""


def unclaimed_copies(
    configuration: Configuration, heard: Heard
) -> Iterable[UnclaimedCopy]:
    """Find the copies of datasets that are not configured. Costs O(all facts)."""
    for dataset in sorted(heard.datasets(), key=str):
        known = configuration.datasets.get(dataset)
        if known is not None and not known.destroyed:
            continue
        for node, observed in sorted(heard.facts(dataset).items()):
            copy = observed.fact.pool
            if copy is not None and copy.exists and _is_alive(configuration, copy):
                cause = _cause(observed.fact, copy, node)
                yield UnclaimedCopy(node, observed.fact, cause)


def _is_alive(configuration: Configuration, copy: PoolFact) -> bool:
    """Whether it is of no life that is over: what is deleted is destroyed, or waits."""
    row = configuration.pools.get(copy.record.dataset)
    return row is None or not row.deleted or copy.record.epoch > row.top


def _cause(fact: Fact, copy: PoolFact, node: NodeID) -> Cause:
    dataset = copy.record.dataset
    if copy.record.owns:
        return Cause(
            "no-such-dataset",
            f"its node owns dataset {dataset}, which is not configured",
            "to have it again, create it with its id:"
            f" flockerctl create --id {dataset} --node {node}"
            f" --backend {fact.backend}",
        )
    return Cause(
        "no-such-dataset",
        f"it is an old copy of dataset {dataset}, which is not configured",
        "create the dataset again where a node owns it; then this copy is its own",
    )
