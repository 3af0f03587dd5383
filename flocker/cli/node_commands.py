"""flockerctl's commands about nodes."""

import click

from flocker.cli.changing import by_id
from flocker.cli.choosing import choose_node
from flocker.cli.explaining import duration, moment
from flocker.cli.options import as_json, long_ids, node_argument
from flocker.cli.output import print_json, print_sentence, print_table, screen
from flocker.cli.session import Session, Work
from flocker.cli.tables import (
    DATASET_COLUMNS,
    Look,
    dataset_row,
    node_columns,
    node_row,
    refusals,
)
from flocker.wire.answers import NodeAnswer, plain


@click.command("list-nodes")
@long_ids
@as_json
@click.pass_obj
def list_nodes(session: Session, *, long: bool, json: bool) -> None:
    """List the nodes of the cluster (also: status, node list)."""
    session.perform(lambda work: _show_nodes(work, long=long, json=json))


@click.group("node")
def node_group() -> None:
    """Look at the nodes."""


@node_group.command("list")
@long_ids
@as_json
@click.pass_obj
def node_list(session: Session, *, long: bool, json: bool) -> None:
    """List the nodes of the cluster."""
    session.perform(lambda work: _show_nodes(work, long=long, json=json))


@node_group.command("show")
@node_argument
@as_json
@click.pass_obj
def node_show(session: Session, *, node: str, json: bool) -> None:
    """Show what is known of NODE, and the datasets that are or should be there.

    NODE is the beginning of its id, or its address.
    """

    async def show(work: Work) -> None:
        nodes = await work.client.nodes()
        found = choose_node(node, nodes)
        there = [
            each
            for each in await work.client.datasets()
            if (each.primary == found.uuid and not each.deleted)
            or each.node == found.uuid
        ]
        if json:
            print_json({**plain(found), "datasets": plain(there)}, screen())
            return
        for line in describe(found):
            print_sentence(line, screen())
        if there:
            print_sentence("", screen())
            rows = [dataset_row(each, Look(by_id(nodes))) for each in there]
            print_table(DATASET_COLUMNS, rows, screen())

    session.perform(show)


def describe(node: NodeAnswer) -> list[str]:
    """Say what is known of a node, a line each."""
    contact = "Connected" if node.connected else "Not connected"
    lines = [
        f"Node {node.uuid} at {node.host}, Flocker {node.version}.",
        f"{contact} since {moment(node.since)}; heard {duration(node.seconds)} ago.",
        f"It is in era {node.era}.",
    ]
    lines += [
        f"Backend {each.name} is {each.driver} ({each.kind}), "
        + (
            f"where this machine is {each.instance}."
            if each.instance
            else "which does not know this machine."
        )
        for each in node.backends
    ]
    if node.refused is not None:
        lines.append(f"A second machine was refused: {node.refused}.")
    return lines


async def _show_nodes(work: Work, *, long: bool, json: bool) -> None:
    nodes = sorted(await work.client.nodes(), key=lambda node: node.host)
    if json:
        print_json(nodes, screen())
        return
    rows = [node_row(node, long=long) for node in nodes]
    print_table(node_columns(long=long), rows, screen())
    for line in refusals(nodes):
        click.echo(line, err=True)


NODE_COMMANDS = (list_nodes, node_group)
