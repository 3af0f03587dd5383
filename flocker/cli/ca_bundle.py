"""`flocker-ca bundle`: all files of a new cluster at once, and what to do with them."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import click
from attrs import frozen

from flocker.ca.bundle import Bundle, Order, fill, write_bundle
from flocker.ca.bundle_settings import LOOPBACK, Storage, parse_options
from flocker.ca.credentials import KeyType, node_id
from flocker.cli.ca_options import key_type, verbose

ETC = "/etc/flocker"
_LISTS = ("--control", "--users")
_DIRECTORY = "flocker-bundle"


class _Listing(click.Command):
    """A command without arguments some of whose options take one value or several."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Give every further value its option, as click wants it."""
        return super().parse_args(ctx, list(_repeated(args)))


def _repeated(words: Iterable[str]) -> Iterator[str]:
    """``--users a b`` is ``--users a --users b``."""
    option, given = "", False
    for word in words:
        if word.startswith("-"):
            name, _, value = word.partition("=")
            option, given = (name, bool(value)) if name in _LISTS else ("", False)
        elif option and given:
            yield option
        else:
            given = True
        yield word


@frozen
class _Asked:
    """The options that say what the cluster is to have."""

    controls: tuple[str, ...]
    nodes: int
    users: tuple[str, ...]
    name: str
    backend: str
    options: tuple[str, ...]
    with_plugin: bool
    kind: KeyType


@click.command(cls=_Listing, short_help="Make all files of a new cluster.")
@click.option(
    "--control",
    "controls",
    metavar="HOST...",
    multiple=True,
    required=True,
    help="DNS names and addresses under which the control service is reached.",
)
@click.option(
    "--nodes",
    metavar="N",
    type=click.IntRange(1, 10_000),
    required=True,
    help="How many nodes there are.",
)
@click.option(
    "--users",
    metavar="NAME...",
    multiple=True,
    required=True,
    help="Who may use the cluster.",
)
@click.option(
    "--name", default="flocker", show_default=True, help="The cluster's name."
)
@click.option(
    "-o",
    "--outputpath",
    "directory",
    type=click.Path(path_type=Path),
    default=Path(_DIRECTORY),
    show_default=True,
    help="Directory to make; it must not be there yet.",
)
@click.option(
    "--backend",
    metavar="NAME",
    default=LOOPBACK,
    show_default=True,
    help="The nodes' storage, for agent.yml.",
)
@click.option(
    "--backend-option",
    "options",
    metavar="KEY=VALUE",
    multiple=True,
    help="A key of that storage, its value as in YAML; repeat it for more. Secrets are "
    "better written into agent.yml by hand: others may see your command line.",
)
@click.option(
    "--with-plugin",
    is_flag=True,
    help="Give each node a certificate for the Docker plugin, too.",
)
@key_type
@verbose
@click.pass_context
def bundle(
    context: click.Context,
    /,
    directory: Path,
    **asked: Any,  # noqa: ANN401
) -> None:
    """Make all files of a new cluster, in folders ready to be copied.

    \b
    For example:
      flocker-ca bundle --control control.example.org 10.0.0.1 \\
                        --nodes 3 --users alice bob

    Folders are private (0700), and so are files (0600); nothing is ever overwritten.
    """
    now: datetime = context.obj
    wish = _Asked(**asked)
    made = fill(_order(wish), uuid4, now)
    write_bundle(made, directory)
    click.echo(_story(made, directory, wish))


def _order(wish: _Asked) -> Order:
    return Order(
        cluster=wish.name,
        controls=wish.controls,
        nodes=wish.nodes,
        users=wish.users,
        storage=Storage(wish.backend, parse_options(wish.options)),
        with_plugin=wish.with_plugin,
        kind=wish.kind,
    )


def _story(made: Bundle, directory: Path, wish: _Asked) -> str:
    control, node = directory / made.control.name, directory / made.nodes[0].name
    authority = directory / made.authority.name
    lines = [
        f"Made the files of the cluster {wish.name!r} in {directory}.",
        "",
        _table(list(_rows(made, wish))),
        "",
        "Next:",
        f"1. On control and nodes, as root: install -d -m 700 {ETC}",
        "2. Copy each folder to its own place and to no other:",
        f"     scp -p {control}/* root@{wish.controls[0]}:{ETC}/",
        f"     scp -p {node}/* root@NODE:{ETC}/",
        f"3. Check it there: flocker-ca verify {ETC}",
        "4. Start flocker-control, and on the nodes flocker-dataset-agent.",
        "5. In a user's folder: flockerctl list-nodes",
        "6. Delete here what you have copied. Keep the authority's folder safe:",
        "   whoever has it controls the cluster. It makes further certificates:",
        f"     flocker-ca create-node-certificate -i {authority}",
        f"     flocker-ca create-api-certificate -i {authority} NAME",
    ]
    if wish.backend == LOOPBACK:
        lines += [
            "",
            "Each agent.yml says backend: loopback, which is for trying Flocker out:",
            "put your storage there before there is data that matters.",
        ]
    return "\n".join(lines)


def _rows(made: Bundle, wish: _Asked) -> Iterator[tuple[str, str]]:
    yield "FOLDER", "COPY ITS FILES TO"
    yield made.control.name, f"{ETC} of control: {', '.join(wish.controls)}"
    for folder in made.nodes:
        ((_name, own), *_more) = folder.pairs
        yield folder.name, f"{ETC} of one node: {node_id(own)}"
    for folder, user in zip(made.users, wish.users, strict=True):
        yield folder.name, f"a private directory of {user}"
    yield made.authority.name, "no machine of the cluster: keep it safe"


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in rows
    )
