"""What flockerctl's changing commands do: ask, say so, and wait if that is wanted.

Called by `flocker.cli.flockerctl` through `Session.perform`.
"""

from collections.abc import Callable, Mapping
from uuid import uuid4

from attrs import frozen
from pyrsistent import PMap
from twisted.internet.defer import CancelledError

from flocker.cli.arguments import write_metadata
from flocker.cli.choosing import choose_dataset, choose_node, choose_volume
from flocker.cli.explaining import ON_USE, Nodes, duration, name_node
from flocker.cli.output import aside, print_json, print_sentence, progress, screen
from flocker.cli.session import Work
from flocker.client.interface import (
    NO_METADATA,
    Adoption,
    NewDataset,
    RequestRefused,
    Wishes,
)
from flocker.client.waiting import (
    Destroyed,
    Goal,
    Mounted,
    Observer,
    Resized,
    Seen,
    Wait,
    wait,
)
from flocker.model.errors import FlockerError
from flocker.model.ids import BackendName, DatasetID, NodeID
from flocker.model.sizes import humanize
from flocker.wire.answers import ConfiguredAnswer, DatasetAnswer, NodeAnswer

ATTEMPTS = 5
"""Times that metadata are changed anew because somebody was faster."""
_CHANGED_MEANWHILE = 412

Edit = Callable[[Mapping[str, str]], Mapping[str, str]]
"""Gives metadata as they are to be."""


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
    backend: str | None = None
    mount: str | None = None
    filesystem: str | None = None
    id: DatasetID | None = None


@frozen
class Found:
    """What a user said of a volume that is to be a dataset.

    Without a node it is where the dataset is wanted.
    """

    dataset: str
    node: str | None = None
    volume: str | None = None
    backend: str | None = None
    metadata: PMap[str, str] = NO_METADATA
    empty: bool = False


@frozen
class Asked:
    """A change that has been asked for, and what it should lead to."""

    dataset: DatasetID
    sentence: str
    goal: Goal
    nodes: Nodes


async def create(work: Work, new: New, after: After) -> None:
    """Create a dataset."""
    nodes = by_id(await work.client.nodes())
    node = choose_node(new.node, nodes.values()).uuid
    dataset = new.id or DatasetID(uuid4())
    wanted = NewDataset(
        id=dataset,
        primary=node,
        maximum_size=new.size,
        metadata=new.metadata,
        backend=None if new.backend is None else BackendName(new.backend),
        mount=new.mount,
        filesystem=new.filesystem,
    )
    _ = await work.client.create(wanted)
    sentence = f"Created dataset {dataset} for node {name_node(node, nodes)}."
    if new.mount == ON_USE:
        sentence += " It is mounted where it is leased."
    await follow(work, Asked(dataset, sentence, Mounted(node), nodes), after)


async def adopt(work: Work, wanted: Found, after: After) -> None:
    """Make a volume that no dataset is a dataset."""
    nodes = by_id(await work.client.nodes())
    listed = await work.client.volumes()
    volume = choose_volume(
        wanted.dataset, wanted.volume, wanted.backend, listed.volumes
    )
    dataset = volume.dataset_id
    if wanted.node is None:
        datasets = await work.client.datasets()
        node = choose_dataset(str(dataset), datasets).primary
    else:
        node = choose_node(wanted.node, nodes.values()).uuid
    _ = await work.client.adopt(
        Adoption(
            dataset,
            volume.volume,
            node,
            volume.backend,
            wanted.metadata,
            wanted.empty,
        )
    )
    sentence = f"Adopted dataset {dataset} for node {name_node(node, nodes)}."
    await follow(work, Asked(dataset, sentence, Mounted(node), nodes), after)


async def resize(work: Work, text: str, size: int, after: After) -> None:
    """Want a dataset larger, or smaller."""
    nodes = by_id(await work.client.nodes())
    found = choose_dataset(text, await work.client.datasets())
    dataset = found.dataset_id
    _ = await work.client.update(dataset, Wishes(maximum_size=size))
    sentence = f"Making dataset {dataset} {humanize(size)} large."
    goal = Resized(size, smaller=size < (found.maximum_size or 0))
    await follow(work, Asked(dataset, sentence, goal, nodes), after)


async def edit_metadata(work: Work, text: str, edit: Edit, after: After) -> None:
    """Change some of a dataset's metadata; others' changes are not lost."""
    answer = await _edit_metadata(work, text, edit, ATTEMPTS)
    if after.json:
        print_json(answer, screen())
        return
    now = write_metadata(answer.metadata) or "none"
    print_sentence(f"Metadata of dataset {answer.dataset_id}: {now}.", screen())


async def _edit_metadata(
    work: Work, text: str, edit: Edit, attempts: int
) -> ConfiguredAnswer:
    tag = await work.client.tag()
    found = choose_dataset(text, await work.client.datasets())
    wishes = Wishes(metadata=edit(found.metadata))
    try:
        return await work.client.update(found.dataset_id, wishes, tag)
    except RequestRefused as error:
        if error.status != _CHANGED_MEANWHILE or attempts == 1:
            raise
    return await _edit_metadata(work, text, edit, attempts - 1)


async def purge(work: Work, text: str, after: After) -> None:
    """Forget a destroyed dataset."""
    deleted = [each for each in await work.client.datasets() if each.deleted]
    found = choose_dataset(text, deleted)
    answer = await work.client.purge(found.dataset_id)
    if after.json:
        print_json(answer, screen())
        return
    print_sentence(
        f"Dataset {found.dataset_id} is forgotten; its id and name are free again.",
        screen(),
    )


async def destroy(work: Work, text: str, after: After) -> None:
    """Want a dataset and its data destroyed."""
    nodes = by_id(await work.client.nodes())
    found = choose_dataset(text, await work.client.datasets())
    _ = await work.client.destroy(found.dataset_id)
    sentence = f"Destroying dataset {found.dataset_id} and its data."
    await follow(work, Asked(found.dataset_id, sentence, Destroyed(), nodes), after)


def by_id(nodes: tuple[NodeAnswer, ...]) -> Mapping[NodeID, NodeAnswer]:
    """Give nodes by their ids."""
    return {node.uuid: node for node in nodes}


async def follow(work: Work, change: Asked, after: After) -> None:
    """Say what was asked for, and wait for it if that is wanted."""
    if not after.json:
        print_sentence(change.sentence, screen())
    if after.within is not None:
        await _wait(work, change, after.within, after)
    elif after.json:
        print_json(await work.client.dataset(change.dataset), screen())


async def _wait(work: Work, change: Asked, within: float, after: After) -> None:
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
        print_sentence(f"{_there(seen, change)} after {took}.", screen())


def _noting(last: list[Seen], show: Observer) -> Observer:
    def observe(seen: Seen, elapsed: float) -> None:
        last[:] = [seen]
        show(seen, elapsed)

    return observe


def _there(seen: DatasetAnswer | None, change: Asked) -> str:
    if seen is None or isinstance(change.goal, Destroyed):
        return "Destroyed"
    if isinstance(change.goal, Resized):
        return f"It is {humanize(seen.size or 0)} large"
    if seen.path is None:
        return f"It is on node {name_node(seen.node or seen.primary, change.nodes)}"
    where = (
        "" if seen.node is None else f" on node {name_node(seen.node, change.nodes)}"
    )
    return f"Mounted{where} at {seen.path}"


def _gone(dataset: DatasetID) -> dict[str, str]:
    return {"dataset_id": str(dataset), "phase": "destroyed"}
