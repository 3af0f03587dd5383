"""What the agents have said: facts by dataset and node, and who is connected.

Kept in memory only; agents say everything anew when they connect. Written by
`flocker.control.agents`, read by upkeep, slices and the status API.
"""

from collections.abc import Iterable, Mapping, Set
from typing import Protocol
from uuid import UUID

from attrs import evolve
from pyrsistent import PMap, pmap

from flocker.model.cluster import AgentIdentity, Fact, NodeSight, Observed, Role
from flocker.model.ids import DatasetID, NodeID, ProcessID
from flocker.model.nodes import Node

_NOTHING: PMap[NodeID, Observed] = pmap()
NO_PROCESS = ProcessID(UUID(int=0))
"""The process of an agent that has not connected to this control service."""

_NOBODY: frozenset[NodeID] = frozenset()


class Watcher(Protocol):
    """Whoever must know what agents say: the event stream."""

    def observed(self, datasets: Iterable[DatasetID]) -> None:
        """Other facts are known of `datasets`."""

    def sighted(self, sight: NodeSight) -> None:
        """A node came, went, or an agent of it was turned away."""


class Observations:
    """Facts and sights, each with its time on control's steady clock (seconds)."""

    def __init__(self) -> None:
        self._watchers: list[Watcher] = []
        self._facts: dict[DatasetID, PMap[NodeID, Observed]] = {}
        self._of_node: dict[NodeID, set[DatasetID]] = {}
        self._nodes: dict[NodeID, NodeSight] = {}
        self._elsewhere: dict[tuple[NodeID, DatasetID], Fact] = {}
        self._acting: dict[DatasetID, set[NodeID]] = {}
        self._letting_go: dict[DatasetID, set[NodeID]] = {}
        self.version = 0
        """Grows with each fact that comes, changes or goes."""

    def watch(self, watcher: Watcher) -> None:
        """Tell `watcher` of everything from now on."""
        self._watchers.append(watcher)

    @property
    def nodes(self) -> Mapping[NodeID, NodeSight]:
        """Every node that is registered or has connected."""
        return self._nodes

    def facts(self, dataset: DatasetID) -> Mapping[NodeID, Observed]:
        """What each node says of `dataset`."""
        return self._facts.get(dataset, _NOTHING)

    def reported_by(self, node: NodeID) -> Iterable[DatasetID]:
        """The datasets that `node` has said something of."""
        return tuple(self._of_node.get(node, ()))

    def datasets(self) -> Iterable[DatasetID]:
        """The datasets that any node has said something of."""
        return tuple(self._facts)

    def held_by(self, dataset: DatasetID) -> tuple[NodeID, ...]:
        """The connected nodes that have the volume, act on it, or still may.

        A silent node is left out: whether its volume is free, the backend must say.
        """
        engaged = {
            node
            for node, observed in self.facts(dataset).items()
            if observed.fact.engaged and self._nodes[node].connected
        }
        return tuple(sorted(engaged | self._acting.get(dataset, _NOBODY), key=str))

    def may_act(
        self, node: NodeID, dataset: DatasetID, *, lets_go: bool = False
    ) -> None:
        """A node may act on a dataset until it confirms that it is not its any more.

        One that `lets_go` is told to let others have it. See `flocker.control.agents`,
        Notes [Still acting] and [Told to let go].
        """
        self._acting.setdefault(dataset, set()).add(node)
        if lets_go:
            self._letting_go.setdefault(dataset, set()).add(node)

    def letting_go(self, dataset: DatasetID) -> Set[NodeID]:
        """The nodes of which it is not known whether they let a dataset go."""
        return self._letting_go.get(dataset, _NOBODY)

    def unconfirmed(self, node: NodeID) -> set[DatasetID]:
        """The datasets that were taken from a node, which has not confirmed it."""
        places = (self._acting, self._letting_go)
        return {d for place in places for d, nodes in place.items() if node in nodes}

    def acts_no_more(self, node: NodeID, datasets: Iterable[DatasetID]) -> None:
        """A node has confirmed, or cannot be waited for."""
        for dataset in datasets:
            _ = _discard(self._acting, dataset, node)

    def confirmed(self, node: NodeID, datasets: Iterable[DatasetID]) -> None:
        """A node has said what it does with datasets, knowing what is wanted now."""
        datasets = tuple(datasets)
        self.acts_no_more(node, datasets)
        surer = [each for each in datasets if _discard(self._letting_go, each, node)]
        if surer:
            self._tell(surer)

    def taken_from(self, node: NodeID) -> tuple[DatasetID, ...]:
        """The datasets that a node had when it was last heard, and another has now."""
        return tuple(
            sorted(
                (
                    dataset
                    for dataset in self.reported_by(node)
                    if self.facts(dataset)[node].fact.holds
                    and set(self.held_by(dataset)) - {node}
                ),
                key=str,
            )
        )

    def recall(self, nodes: Iterable[Node]) -> None:
        """Know of nodes that an earlier process has seen, and nothing they said."""
        for node in nodes:
            identity = AgentIdentity(
                node=node.id,
                role=Role.DATASET,
                era=node.era,
                process=NO_PROCESS,
                host=node.host,
                version=node.version,
                backends=node.backends,
            )
            seen = node.last_seen
            sight = NodeSight(
                identity, connected=False, last_seen=seen, since=seen, joined=seen
            )
            self._nodes.setdefault(node.id, sight)

    def forget(self, node: NodeID) -> None:
        """A node that is not connected was dropped from the registry."""
        self.confirmed(node, self.unconfirmed(node))
        self._forget(node)
        self._nodes.pop(node, None)

    def sight(self, node: NodeID) -> NodeSight | None:
        """What is seen of a node."""
        return self._nodes.get(node)

    def elsewhere(self) -> Iterable[tuple[NodeID, Fact]]:
        """Give each fact that has a volume at another machine, and who says it."""
        for (node, _), fact in self._elsewhere.items():
            yield node, fact

    def connected(self, identity: AgentIdentity, now: float) -> set[DatasetID]:
        """A node's agent has connected; give the datasets whose facts it dropped.

        A new era means a reboot: what the node said before is void.
        """
        before = self._nodes.get(identity.node)
        touched = set(self.reported_by(identity.node))
        rebooted = before is not None and before.identity.era != identity.era
        if rebooted:
            self._forget(identity.node)
        sight = NodeSight(
            identity, connected=True, last_seen=now, since=now, joined=now
        )
        self._see(sight)
        if rebooted:
            self._tell(touched)
        return touched

    def disconnected(self, node: NodeID, now: float) -> set[DatasetID]:
        """A node's connection is gone; give the datasets it has said something of.

        What it knew of rows is void with it: who connects next may know of others.
        """
        for dataset in self.reported_by(node):
            said = self.facts(dataset)[node]
            if said.fact.lasting != said.fact:
                self._put(node, evolve(said, fact=said.fact.lasting))
        sight = self._nodes[node]
        self._see(evolve(sight, connected=False, since=now))
        return set(self.reported_by(node))

    def heard(self, node: NodeID, now: float) -> None:
        """A node has shown that it lives."""
        self._nodes[node] = evolve(self._nodes[node], last_seen=now)

    def refused(self, node: NodeID, words: str) -> None:
        """An agent of `node` was turned away; remember why. It will try again."""
        sight = self._nodes.get(node)
        if sight is not None and sight.refused != words:
            self._see(evolve(sight, refused=words))

    def stood_down(self, node: NodeID) -> None:
        """A connected node has let go of everything, as it was told."""
        self._see(evolve(self._nodes[node], stood_down=True))

    def replace(
        self, node: NodeID, facts: Iterable[tuple[Fact, float]], now: float
    ) -> set[DatasetID]:
        """Take a node's full report; give the datasets of which anything changed."""
        told = {fact.dataset: (fact, age) for fact, age in facts}
        gone = set(self.reported_by(node)) - set(told)
        return self.edit(node, told.values(), gone, now)

    def edit(
        self,
        node: NodeID,
        changed: Iterable[tuple[Fact, float]],
        gone: Iterable[DatasetID],
        now: float,
    ) -> set[DatasetID]:
        """Take a node's edits; each fact with its age in seconds when it was sent.

        An age that cannot be is taken for the nearest one that can.
        """
        touched = set()
        for fact, age in changed:
            before = self.facts(fact.dataset).get(node)
            if before is None or before.fact != fact:
                self._put(node, Observed(fact, now - min(max(age, 0.0), now)))
                touched.add(fact.dataset)
        for dataset in gone:
            if node in self.facts(dataset):
                self._drop(node, dataset)
                touched.add(dataset)
        if touched:
            self._tell(touched)
        return touched

    def _see(self, sight: NodeSight) -> None:
        self._nodes[sight.identity.node] = sight
        for watcher in self._watchers:
            watcher.sighted(sight)

    def _tell(self, touched: Iterable[DatasetID]) -> None:
        for watcher in self._watchers:
            watcher.observed(touched)

    def _put(self, node: NodeID, observed: Observed) -> None:
        dataset = observed.fact.dataset
        self.version += 1
        self._note_elsewhere(node, dataset, observed.fact)
        self._facts[dataset] = self._facts.get(dataset, _NOTHING).set(node, observed)
        self._of_node.setdefault(node, set()).add(dataset)

    def _note_elsewhere(
        self, node: NodeID, dataset: DatasetID, fact: Fact | None
    ) -> None:
        if fact is not None and fact.instance is not None:
            self._elsewhere[node, dataset] = fact
        else:
            _ = self._elsewhere.pop((node, dataset), None)

    def _drop(self, node: NodeID, dataset: DatasetID) -> None:
        left = self._facts[dataset].discard(node)
        self.version += 1
        self._note_elsewhere(node, dataset, None)
        if left:
            self._facts[dataset] = left
        else:
            del self._facts[dataset]
        self._of_node[node].discard(dataset)

    def _forget(self, node: NodeID) -> None:
        for dataset in self.reported_by(node):
            self._drop(node, dataset)


def _discard(
    nodes_of: dict[DatasetID, set[NodeID]], dataset: DatasetID, node: NodeID
) -> bool:
    """Take a node out; say whether it was in."""
    nodes = nodes_of.get(dataset, set())
    found = node in nodes
    nodes.discard(node)
    if not nodes:
        _ = nodes_of.pop(dataset, None)
    return found
