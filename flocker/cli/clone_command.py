"""`flockerctl clone`: a new dataset that begins as a snapshot of another."""

from uuid import uuid4

import click
from attrs import frozen
from pyrsistent import PMap

from flocker.cli.arguments import parse_metadata, reading
from flocker.cli.changing import After, Asked, by_id, follow
from flocker.cli.choosing import choose_dataset, choose_node
from flocker.cli.explaining import name_node
from flocker.cli.options import after_change, dataset_argument, node_option
from flocker.cli.session import Session, Work, pass_session
from flocker.client.interface import NewDataset, Source
from flocker.client.waiting import Arrived, Goal, Mounted
from flocker.model.ids import DatasetID


@frozen
class Cloning:
    """What a user said of a clone; without a node it stays beside its source."""

    dataset: str
    snapshot: str
    node: str | None
    metadata: PMap[str, str]


@click.command("clone")
@dataset_argument
@click.argument("snapshot")
@node_option("-n", "--node", what="Where it should be, if not there", required=False)
@click.option(
    "-m",
    "--metadata",
    default="",
    metavar="KEY=VALUE,...",
    callback=reading(parse_metadata),
    help="Words about the clone; `name` is what it is called here.",
)
@after_change
@pass_session
def clone_dataset(
    session: Session,
    *,
    dataset: str,
    snapshot: str,
    node: str | None,
    metadata: PMap[str, str],
    after: After,
) -> None:
    """Make a dataset that begins as SNAPSHOT of DATASET.

    At once, whatever its size: it costs the room of what is changed in either. It is
    made where DATASET is; for another node it is moved there, which copies it.
    """
    cloning = Cloning(dataset, snapshot, node, metadata)
    session.perform(lambda work: clone(work, cloning, after))


async def clone(work: Work, cloning: Cloning, after: After) -> None:
    """Make a clone."""
    nodes = by_id(await work.client.nodes())
    source = choose_dataset(cloning.dataset, await work.client.datasets()).dataset_id
    found = await work.client.dataset(source)
    beside = found.primary if found.pool is None else found.pool.owner
    node = beside
    if cloning.node is not None:
        node = choose_node(cloning.node, nodes.values()).uuid
    made = DatasetID(uuid4())
    wanted = NewDataset(
        id=made,
        primary=node,
        metadata=cloning.metadata,
        source=Source(source, cloning.snapshot),
    )
    _ = await work.client.create(wanted)
    sentence = (
        f"Cloned snapshot {cloning.snapshot} of dataset {source} as {made} for node"
        f" {name_node(node, nodes)}."
    )
    goal: Goal = Mounted(node) if node == beside else Arrived(node)
    await follow(work, Asked(made, sentence, goal, nodes), after)
