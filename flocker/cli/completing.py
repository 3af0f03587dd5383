"""What a shell offers when a user presses Tab: names and ids that the cluster has.

Click's scripts run flockerctl for it (`flockerctl completion` prints them). A cluster
that does not answer quickly offers nothing, and nothing is said.
"""

import re
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import click
from click.shell_completion import CompletionItem, ShellComplete, get_completion_class
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as Late

from flocker.cli.given import given_options
from flocker.cli.session import World
from flocker.client.interface import IFlockerClient
from flocker.model.errors import FlockerError
from flocker.runtime.reactor import IReactor
from flocker.wire.answers import DatasetAnswer, NodeAnswer

WITHIN = 2.0
"""Seconds after which whoever presses Tab is not kept waiting."""

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_FLOCKERCTL_COMPLETE"
"""How the scripts tell flockerctl what they want (click's convention)."""

_PLAIN = re.compile(r"[\w.@%+=/-]+")
"""Texts that no shell takes for something else."""

Ask = Callable[[IFlockerClient], Coroutine[Any, Any, Iterable[CompletionItem]]]


class DatasetText(click.ParamType[str]):
    """What a user types for a dataset."""

    name = "dataset"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Offer names, and ids of what has none."""

        async def ask(client: IFlockerClient) -> Iterable[CompletionItem]:
            return offer_datasets(await client.datasets(), incomplete)

        return _asked(ctx, ask)


class NodeText(click.ParamType[str]):
    """What a user types for a node."""

    name = "node"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Offer addresses, or ids once one is begun."""

        async def ask(client: IFlockerClient) -> Iterable[CompletionItem]:
            return offer_nodes(await client.nodes(), incomplete)

        return _asked(ctx, ask)


def script(shell: str, program: click.Command) -> str:
    """Give the script that makes a shell complete flockerctl's command lines."""
    found = get_completion_class(shell) or ShellComplete
    completion = found(program, {}, "flockerctl", VARIABLE)
    # Not `completion.source`: bash's looks for a bash here, which may be elsewhere.
    return completion.source_template % completion.source_vars()


def offer_datasets(
    datasets: Iterable[DatasetAnswer], incomplete: str
) -> list[CompletionItem]:
    """Give what may be meant: a name, or the id where that was begun."""
    offers = []
    for each in datasets:
        identifier = str(each.dataset_id)
        state = f"{each.name or identifier}, {each.phase}"
        if each.name and each.name.startswith(incomplete):
            offers.append(CompletionItem(each.name, help=state))
        elif identifier.startswith(incomplete.lower()):
            offers.append(CompletionItem(identifier, help=state))
    return _plain(offers)


def offer_nodes(nodes: Iterable[NodeAnswer], incomplete: str) -> list[CompletionItem]:
    """Give what may be meant: an address, or the id where that was begun."""
    offers = []
    for each in nodes:
        identifier = str(each.uuid)
        if each.host.startswith(incomplete):
            offers.append(CompletionItem(each.host, help=identifier))
        elif identifier.startswith(incomplete.lower()):
            offers.append(CompletionItem(identifier, help=each.host))
    return _plain(offers)


def _plain(offers: Iterable[CompletionItem]) -> list[CompletionItem]:
    fit = (each for each in offers if _PLAIN.fullmatch(each.value))
    return sorted(fit, key=lambda each: str(each.value))


def _asked(context: click.Context, ask: Ask) -> list[CompletionItem]:
    world = context.find_object(World)
    if world is None:
        return []
    offers: list[CompletionItem] = []
    options = given_options(context.find_root().params)

    async def command(reactor: IReactor) -> int:
        try:
            asking = Deferred.fromCoroutine(ask(world.connect(options, reactor)))
            offers.extend(await asking.addTimeout(WITHIN, reactor))
        except (FlockerError, Late):
            return 1
        return 0

    _ = world.run(command)
    return offers
