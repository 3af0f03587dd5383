"""Options that several commands of flockerctl have, each said once."""

from collections.abc import Callable
from functools import wraps

import click

from flocker.cli.arguments import parse_seconds, reading
from flocker.cli.changing import After
from flocker.cli.completing import DatasetText, NodeText

WAIT_WITHIN = 300.0
"""Seconds that --wait waits if it is not told."""

Command = Callable[..., None]

as_json = click.option(
    "-o",
    "--output",
    "json",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    callback=lambda _context, _parameter, value: value == "json",
    help="How to print the result.",
)
long_ids = click.option("-l", "--long", is_flag=True, help="Whole ids, and more.")
dataset_option = click.option(
    "-d",
    "--dataset",
    required=True,
    type=DatasetText(),
    metavar="DATASET",
    help="The beginning of its id, or its name.",
)
dataset_argument = click.argument("dataset", type=DatasetText())
node_argument = click.argument("node", type=NodeText())
_wait = click.option(
    "--wait",
    "within",
    is_flag=False,
    flag_value=str(WAIT_WITHIN),
    metavar="[SECONDS]",
    callback=reading(parse_seconds),
    help=f"Wait until it is done, at most so long ({WAIT_WITHIN:.0f} s if not said).",
)


def node_option(
    *names: str, what: str, required: bool = True
) -> Callable[[Command], Command]:
    """Give a command a node; `what` begins its help."""
    return click.option(
        *names,
        required=required,
        type=NodeText(),
        metavar="NODE",
        help=f"{what}: the beginning of the node's id, or its address.",
    )


def after_change(command: Command) -> Command:
    """Give a command that changes something --wait and --output, as one value."""

    @wraps(command)
    def with_after(*, within: float | None, json: bool, **own: object) -> None:
        command(after=After(within, json), **own)

    return _wait(as_json(with_after))
