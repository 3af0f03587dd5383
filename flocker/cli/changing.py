"""What flockerctl's changing commands do: ask, say so, and wait if that is wanted.

Called by `flocker.cli.flockerctl` through `Session.perform`.
"""

from collections.abc import Mapping
from uuid import uuid4

from attrs import frozen
from pyrsistent import PMap
from twisted.internet.defer import CancelledError

from flocker.cli.choosing import choose_dataset, choose_node
from flocker.cli.explaining import Nodes, duration, name_node
from flocker.cli.output import aside, print_json, print_sentence, progress, screen
from flocker.cli.session import Work
from flocker.client.interface import NO_METADATA, NewDataset
from flocker.client.waiting import Destroyed, Goal, Mounted, Observer, Seen, Wait, wait
from flocker.model.errors import FlockerError
from flocker.model.ids import DatasetID, NodeID
from flocker.wire.answers import DatasetAnswer, NodeAnswer


@frozen
class After:
    """What follows a change: `within` is how long to wait for it (s), None: not."""

    within: float | None
    json: bool


@frozen
class New:
    """What a user said of a new dataset."""

    node: str
    size: int | None = None
    metadata: PMap[str, str] = NO_METADATA


@frozen
class _Change:
    """A change that has been asked for, and what it should lead to."""

    dataset: DatasetID
    sentence: str
    goal: Goal
    nodes: Nodes


async def create(work: Work, new: New, after: After) -> None:
    """Create a dataset."""
    nodes = by_id(await work.client.nodes())
    node = choose_node(new.node, nodes.values()).uuid
    dataset = DatasetID(uuid4())
    _ = await work.client.create(NewDataset(dataset, node, new.size, new.metadata))
    sentence = f"Created dataset {dataset} for node {name_node(node, nodes)}."
    await _follow(work, _Change(dataset, sentence, Mounted(node), nodes), after)


async def move(work: Work, text: str, to: str, after: After) -> None:
    """Want a dataset on another node."""
    nodes = by_id(await work.client.nodes())
    node = choose_node(to, nodes.values()).uuid
    found = choose_dataset(text, await work.client.datasets())
    _ = await work.client.move(found.dataset_id, node)
    sentence = f"Moving dataset {found.dataset_id} to node {name_node(node, nodes)}."
    await _follow(
        work, _Change(found.dataset_id, sentence, Mounted(node), nodes), after
    )


async def destroy(work: Work, text: str, after: After) -> None:
    """Want a dataset and its data destroyed."""
    nodes = by_id(await work.client.nodes())
    found = choose_dataset(text, await work.client.datasets())
    _ = await work.client.destroy(found.dataset_id)
    sentence = f"Destroying dataset {found.dataset_id} and its data."
    await _follow(work, _Change(found.dataset_id, sentence, Destroyed(), nodes), after)


def by_id(nodes: tuple[NodeAnswer, ...]) -> Mapping[NodeID, NodeAnswer]:
    """Give nodes by their ids."""
    return {node.uuid: node for node in nodes}


async def _follow(work: Work, change: _Change, after: After) -> None:
    if not after.json:
        print_sentence(change.sentence, screen())
    if after.within is not None:
        await _wait(work, change, after.within, after)
    elif after.json:
        print_json(await work.client.dataset(change.dataset), screen())


async def _wait(work: Work, change: _Change, within: float, after: After) -> None:
    started = work.clock.seconds()
    last: list[Seen] = []
    wish = Wait(change.dataset, change.goal, within)
    try:
        with progress(aside(), change.nodes) as show:
            seen = await wait(work.client, wish, work.clock, _noting(last, show))
    except CancelledError:
        print_sentence("Not waited for any longer; it goes on by itself.", aside())
        raise
    except FlockerError:
        if after.json and last and isinstance(last[0], DatasetAnswer):
            print_json(last[0], screen())
        raise
    if after.json:
        print_json(_gone(change.dataset) if seen is None else seen, screen())
    else:
        took = duration(work.clock.seconds() - started)
        print_sentence(f"{_there(seen, change.nodes)} after {took}.", screen())


def _noting(last: list[Seen], show: Observer) -> Observer:
    def observe(seen: Seen, elapsed: float) -> None:
        last[:] = [seen]
        show(seen, elapsed)

    return observe


def _there(seen: DatasetAnswer | None, nodes: Nodes) -> str:
    if seen is None or seen.node is None or seen.path is None:
        return "Destroyed"
    return f"Mounted on node {name_node(seen.node, nodes)} at {seen.path}"


def _gone(dataset: DatasetID) -> dict[str, str]:
    return {"dataset_id": str(dataset), "phase": "destroyed"}
