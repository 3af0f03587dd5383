"""flockerctl's commands about moves and copies; what they do is in `moving`."""

import click

from flocker.cli.arguments import parse_lifetime, reading
from flocker.cli.changing import After
from flocker.cli.moving import Going, cancel, copies, drop_copy, move, plan
from flocker.cli.options import (
    after_change,
    as_json,
    dataset_argument,
    dataset_option,
    long_ids,
    node_option,
)
from flocker.cli.session import Session, pass_session
from flocker.client.interface import ANY_TERMS, MoveTerms


@click.command("move")
@dataset_option
@node_option("-t", "--to", what="Where to", required=False)
@click.option(
    "--max-downtime",
    metavar="TIME",
    callback=reading(parse_lifetime),
    help="Leave it where it is if nobody could serve it for longer, as in 2s or 0.5s.",
)
@click.option("--force", is_flag=True, help="Take it from who leases it.")
@click.option("--cancel", is_flag=True, help="Cancel its move: it stays where it is.")
@click.option(
    "--plan", "planned", is_flag=True, help="Say what it would take, and do nothing."
)
@after_change
@pass_session
def move_dataset(
    session: Session,
    /,
    *,
    dataset: str,
    to: str | None,
    after: After,
    force: bool,
    max_downtime: float | None,
    **instead: bool,
) -> None:
    """Move a dataset, with its data, to another node.

    A dataset in a pool is copied while it is used, and moves when nobody leases it any
    more; --max-downtime, --force, --cancel and --plan are for those.
    """
    terms = MoveTerms(force, max_downtime)
    if instead["cancel"]:
        if to is not None or terms != ANY_TERMS or instead["planned"]:
            raise click.UsageError("--cancel goes with no other wish")
        session.perform(lambda work: cancel(work, dataset, after))
        return
    if to is None:
        raise click.UsageError("Missing option '-t' / '--to'.")
    going = Going(dataset, to, terms)
    if instead["planned"]:
        session.perform(lambda work: plan(work, going, after))
        return
    session.perform(lambda work: move(work, going, after))


@click.command("copies")
@dataset_argument
@long_ids
@as_json
@pass_session
def list_copies(session: Session, *, dataset: str, long: bool, json: bool) -> None:
    """List which node has which copy of DATASET, if it is in a pool.

    A copy that was set aside is one that did not fit to the others: it is kept, and
    nothing is done about it.
    """
    session.perform(lambda work: copies(work, dataset, long=long, json=json))


@click.command("drop-copy")
@dataset_option
@node_option("-n", "--node", what="Whose copy")
@as_json
@pass_session
def drop(session: Session, *, dataset: str, node: str, json: bool) -> None:
    """Destroy the copy that a node has kept of a dataset.

    It is refused unless the dataset is known to contain all of it.
    """
    session.perform(lambda work: drop_copy(work, dataset, node, After(None, json)))
