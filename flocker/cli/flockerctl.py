"""`flockerctl`: look at a cluster and change what is wanted of its datasets.

The commands; what they do to a cluster is in `flocker.client`, how results look in
`flocker.cli.output`. Runs with the base install only, also on macOS.
"""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click
from pyrsistent import PMap

from flocker import __version__
from flocker.cli.arguments import parse_metadata, parse_seconds, parse_size, reading
from flocker.cli.changing import After, New, by_id, create, destroy, move
from flocker.cli.choosing import choose_dataset
from flocker.cli.connecting import CLUSTER_YML, DEFAULT_USER, Options
from flocker.cli.explaining import why
from flocker.cli.output import print_json, print_sentence, print_table, screen
from flocker.cli.session import Session, Work, World, the_world
from flocker.cli.tables import (
    DATASET_COLUMNS,
    Look,
    dataset_row,
    node_columns,
    node_row,
    refusals,
)

WAIT_WITHIN = 300.0
"""Seconds that --wait waits if it is not told."""

_EPILOG = """\b
Exit status:
  0  done
  1  failed: with --wait, the dataset cannot get there before somebody acts
  2  the command line or a configuration file is wrong
  3  no trusted connection, or no answer, from the control service
  4  no node or dataset fits, or several do
  5  the control service refused
  6  --wait: not there in time
  130  interrupted
"""
_ALIASES = {"status": "list-nodes", "ls": "list"}

_Command = Callable[..., None]


class _WithAliases(click.Group):
    """Knows some commands by a second name."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return super().get_command(ctx, _ALIASES.get(cmd_name, cmd_name))


_output = click.option(
    "-o",
    "--output",
    "json",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    callback=lambda _context, _parameter, value: value == "json",
    help="How to print the result.",
)
_long = click.option("-l", "--long", is_flag=True, help="Whole ids, and more.")
_dataset = click.option(
    "-d",
    "--dataset",
    required=True,
    metavar="DATASET",
    help="The beginning of its id, or its name.",
)
_wait = click.option(
    "--wait",
    "within",
    is_flag=False,
    flag_value=str(WAIT_WITHIN),
    metavar="[SECONDS]",
    callback=reading(parse_seconds),
    help=f"Wait until it is done, at most so long ({WAIT_WITHIN:.0f} s if not said).",
)


def _after(command: _Command) -> _Command:
    """Give a command that changes something --wait and --output, as one value."""

    @wraps(command)
    def with_after(*, within: float | None, json: bool, **own: object) -> None:
        command(after=After(within, json), **own)

    return _wait(_output(with_after))


def main() -> None:
    """Run the command with the process's arguments, then exit."""
    flockerctl(prog_name="flockerctl", obj=the_world())


@click.group(cls=_WithAliases, epilog=_EPILOG)
@click.version_option(__version__, message="%(version)s")
@click.option(
    "--control-service",
    envvar="FLOCKER_CONTROL_SERVICE",
    metavar="HOST[:PORT],...",
    help="Where the control service is; several are tried in turn.  "
    "[default: what agent.yml beside the certificates says, then cluster.yml]",
)
@click.option(
    "--control-port",
    type=click.IntRange(1, 65535),
    default=4523,
    show_default=True,
    help="Its port.",
)
@click.option(
    "--certs-path",
    envvar="FLOCKER_CERTS_PATH",
    type=click.Path(path_type=Path),
    default=Path(),
    help="Directory of the certificates.  [default: the current directory]",
)
@click.option(
    "--user",
    envvar="FLOCKER_USER",
    help="Whose certificate to show: USER.crt and USER.key.  "
    f"[default: the first user in cluster.yml, or {DEFAULT_USER!r}]",
)
@click.option(
    "--cluster-crt",
    default="cluster.crt",
    show_default=True,
    help="The cluster's authority, in the directory of the certificates.",
)
@click.option(
    "--cluster-yml",
    type=click.Path(path_type=Path),
    help=f"A description of the cluster.  [default: {CLUSTER_YML}, if it is there]",
)
@click.option(
    "--containerized", envvar="CONTAINERIZED", default="", hidden=True, metavar="ANY"
)
@click.pass_context
def flockerctl(
    context: click.Context,
    /,
    containerized: str,
    **given: Any,  # noqa: ANN401
) -> None:
    """Look at a Flocker cluster and its datasets, and change them.

    The options here may also be given as environment variables:
    FLOCKER_CONTROL_SERVICE, FLOCKER_CERTS_PATH, FLOCKER_USER.
    """
    world = context.find_object(World)
    options = Options(**given, root=Path("/host") if containerized else None)
    context.obj = Session(options, world or the_world())


@flockerctl.command("list-nodes")
@_long
@_output
@click.pass_obj
def list_nodes(session: Session, *, long: bool, json: bool) -> None:
    """List the nodes of the cluster (also: status)."""
    session.perform(lambda work: _show_nodes(work, long=long, json=json))


async def _show_nodes(work: Work, *, long: bool, json: bool) -> None:
    nodes = sorted(await work.client.nodes(), key=lambda node: node.host)
    if json:
        print_json(nodes, screen())
        return
    rows = [node_row(node, long=long) for node in nodes]
    print_table(node_columns(long=long), rows, screen())
    for line in refusals(nodes):
        click.echo(line, err=True)


@flockerctl.command("list")
@click.option("-d", "--deleted", is_flag=True, help="Deleted datasets too.")
@_long
@click.option("-h", "--human", is_flag=True, help="Sizes in the unit that fits.")
@_output
@click.pass_obj
def list_datasets(
    session: Session, *, deleted: bool, long: bool, human: bool, json: bool
) -> None:
    """List the datasets (also: ls)."""

    async def show(work: Work) -> None:
        found = [d for d in await work.client.datasets() if deleted or not d.deleted]
        datasets = sorted(found, key=lambda d: (d.name or "", str(d.dataset_id)))
        if json:
            print_json(datasets, screen())
            return
        look = Look(by_id(await work.client.nodes()), long=long, human=human)
        rows = [dataset_row(dataset, look) for dataset in datasets]
        print_table(DATASET_COLUMNS, rows, screen())

    session.perform(show)


@flockerctl.command("create")
@click.option(
    "-n",
    "--node",
    required=True,
    metavar="NODE",
    help="Where it should be: the beginning of the node's id, or its address.",
)
@click.option(
    "-m",
    "--metadata",
    metavar="KEY=VALUE,...",
    default="",
    callback=reading(parse_metadata),
    help="Words about it; `name` is what other programs know it by.",
)
@click.option(
    "-s",
    "--size",
    metavar="SIZE",
    callback=reading(parse_size),
    help="A number and T, G, M or K (of 1024), as in 1.5G.  [default: the server's]",
)
@_after
@click.pass_obj
def create_dataset(
    session: Session,
    *,
    node: str,
    metadata: PMap[str, str],
    size: int | None,
    after: After,
) -> None:
    """Create a dataset on a node."""
    new = New(node, size, metadata)
    session.perform(lambda work: create(work, new, after))


@flockerctl.command("move")
@_dataset
@click.option(
    "-t",
    "--to",
    required=True,
    metavar="NODE",
    help="The beginning of the node's id, or its address.",
)
@_after
@click.pass_obj
def move_dataset(session: Session, *, dataset: str, to: str, after: After) -> None:
    """Move a dataset, with its data, to another node."""
    session.perform(lambda work: move(work, dataset, to, after))


@flockerctl.command("destroy")
@_dataset
@_after
@click.pass_obj
def destroy_dataset(session: Session, *, dataset: str, after: After) -> None:
    """Destroy a dataset and its data. It does not ask."""
    session.perform(lambda work: destroy(work, dataset, after))


@flockerctl.command("why")
@click.argument("dataset")
@_output
@click.pass_obj
def explain(session: Session, *, dataset: str, json: bool) -> None:
    """Say what happens to DATASET, and what it waits for.

    DATASET is the beginning of its id, or its name.
    """

    async def tell(work: Work) -> None:
        chosen = choose_dataset(dataset, await work.client.datasets())
        found = await work.client.dataset(chosen.dataset_id)
        if json:
            print_json(found, screen())
            return
        for sentence in why(found, by_id(await work.client.nodes())):
            print_sentence(sentence, screen())

    session.perform(tell)


@flockerctl.command("version")
@click.option("--server", is_flag=True, help="Ask for the control service's too.")
@_output
@click.pass_obj
def show_version(session: Session, *, server: bool, json: bool) -> None:
    """Show the version of this client."""
    if not server:
        _show_versions({"client": __version__}, json=json)
        return

    async def ask(work: Work) -> None:
        found = {"client": __version__, "server": await work.client.version()}
        _show_versions(found, json=json)

    session.perform(ask)


def _show_versions(versions: dict[str, str], *, json: bool) -> None:
    if json:
        print_json(versions, screen())
    elif len(versions) == 1:
        click.echo(__version__)
    else:
        click.echo("\n".join(f"{who}: {what}" for who, what in versions.items()))
