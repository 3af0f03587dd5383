"""flockerctl's commands about nodes."""

from collections.abc import Awaitable, Callable
from getpass import getuser

import click

from flocker.cli.changing import by_id
from flocker.cli.choosing import choose_node
from flocker.cli.explaining import duration, moment
from flocker.cli.options import as_json, long_ids, node_argument
from flocker.cli.output import print_json, print_sentence, screen
from flocker.cli.session import Session, Work, pass_session
from flocker.cli.tables import (
    DATASET_COLUMNS,
    Look,
    dataset_row,
    is_dead,
    node_columns,
    node_row,
    refusals,
)
from flocker.cli.terminal import print_table
from flocker.wire.answers import NodeAnswer, plain


@click.command("list-nodes")
@long_ids
@as_json
@pass_session
def list_nodes(session: Session, *, long: bool, json: bool) -> None:
    """List the nodes of the cluster (also: status, node list)."""
    session.perform(lambda work: _show_nodes(work, long=long, json=json))


@click.group("node")
def node_group() -> None:
    """Look at the nodes, and say what is known of them.

    NODE is the beginning of a node's id, or its address.
    """


@node_group.command("list")
@long_ids
@as_json
@pass_session
def node_list(session: Session, *, long: bool, json: bool) -> None:
    """List the nodes of the cluster."""
    session.perform(lambda work: _show_nodes(work, long=long, json=json))


@node_group.command("show")
@node_argument
@as_json
@pass_session
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


def _told(
    session: Session,
    text: str,
    say: Callable[[Work, NodeAnswer], Awaitable[NodeAnswer]],
    done: str,
    *,
    json: bool,
) -> None:
    """Say something of a node, and what it is now."""

    async def tell(work: Work) -> None:
        found = choose_node(text, await work.client.nodes())
        after = await say(work, found)
        if json:
            print_json(after, screen())
        else:
            print_sentence(f"Node {after.uuid} at {after.host} {done}.", screen())

    session.perform(tell)


@node_group.command("label")
@node_argument
@click.argument("labels", nargs=-1, required=True, metavar="KEY=VALUE|KEY-...")
@as_json
@pass_session
def node_label(
    session: Session, *, node: str, labels: tuple[str, ...], json: bool
) -> None:
    """Set labels of NODE; KEY- takes one away."""
    wanted = dict(_label(each) for each in labels)

    async def say(work: Work, found: NodeAnswer) -> NodeAnswer:
        return await work.client.tell_node(found.uuid, wanted)

    _told(session, node, say, "is labelled", json=json)


def _label(text: str) -> tuple[str, str | None]:
    key, equals, value = text.partition("=")
    if equals and key:
        return key, value
    if not equals and text.endswith("-") and len(text) > 1:
        return text[:-1], None
    raise click.UsageError(f"{text!r} is neither KEY=VALUE nor KEY-")


@node_group.command("cordon")
@node_argument
@as_json
@pass_session
def node_cordon(session: Session, *, node: str, json: bool) -> None:
    """Let nothing new come to NODE; what is there stays.

    Move its datasets away before you take it out of service.
    """

    async def say(work: Work, found: NodeAnswer) -> NodeAnswer:
        return await work.client.tell_node(found.uuid, {}, cordoned=True)

    _told(session, node, say, "is cordoned: nothing new comes to it", json=json)


@node_group.command("uncordon")
@node_argument
@as_json
@pass_session
def node_uncordon(session: Session, *, node: str, json: bool) -> None:
    """Let datasets come to NODE again."""

    async def say(work: Work, found: NodeAnswer) -> NodeAnswer:
        return await work.client.tell_node(found.uuid, {}, cordoned=False)

    _told(session, node, say, "is not cordoned", json=json)


@node_group.command("dead")
@node_argument
@click.option(
    "--i-have-checked",
    "checked",
    is_flag=True,
    help="The machine is off, or cut off from its storage: this was looked at.",
)
@click.option("--why", metavar="TEXT", help="How it is known.")
@as_json
@pass_session
def node_dead(
    session: Session, *, node: str, checked: bool, why: str | None, json: bool
) -> None:
    """Say that NODE is dead, so that others take what it had.

    Silence is not enough: a node that cannot be reached may still write. See that the
    machine is powered off, or cannot reach its storage any more. Its volumes are then
    detached by force where they are wanted, its leases end. If it comes back without
    a reboot, it first lets go of everything; after a reboot it is a member at once.
    """
    if not checked:
        raise click.UsageError(
            "first see that the machine is powered off, or cannot reach its storage:"
            " what it still writes is lost, and a driver that cannot cut it off could"
            " fork the data; then say it again with --i-have-checked"
        )

    async def say(work: Work, found: NodeAnswer) -> NodeAnswer:
        return await work.client.declare_dead(found.uuid, getuser(), why)

    _told(
        session, node, say, "is marked dead; what it had is free for others", json=json
    )


@node_group.command("alive")
@node_argument
@as_json
@pass_session
def node_alive(session: Session, *, node: str, json: bool) -> None:
    """Take back that NODE is dead, while nothing was taken from it."""

    async def say(work: Work, found: NodeAnswer) -> NodeAnswer:
        return await work.client.declare_alive(found.uuid)

    _told(session, node, say, "is not marked dead", json=json)


@node_group.command("forget")
@node_argument
@as_json
@pass_session
def node_forget(session: Session, *, node: str, json: bool) -> None:
    """Forget NODE, which will not come back; nothing may be wanted of it."""

    async def say(work: Work, found: NodeAnswer) -> NodeAnswer:
        return await work.client.forget_node(found.uuid)

    _told(session, node, say, "is forgotten", json=json)


def describe(node: NodeAnswer) -> list[str]:
    """Say what is known of a node, a line each."""
    contact = "Connected" if node.connected else "Not connected"
    lines = [
        f"Node {node.uuid} at {node.host}, Flocker {node.version}.",
        f"{contact} since {moment(node.since)}; heard {duration(node.seconds)} ago.",
        f"It is in era {node.era}.",
    ]
    if node.labels:
        labels = ", ".join(f"{key}={text}" for key, text in sorted(node.labels.items()))
        lines.append(f"Its labels are {labels}.")
    if node.cordoned:
        lines.append("It is cordoned: nothing new comes to it.")
    if node.dead is not None and is_dead(node):
        mark = node.dead
        now = "; it is standing down" if node.connected else ""
        lines.append(
            f"It is marked dead by {mark.by} since {moment(mark.at)}:"
            f" {mark.words}{now}."
        )
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
        lines.append(f"An agent of it was refused: {node.refused}.")
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
