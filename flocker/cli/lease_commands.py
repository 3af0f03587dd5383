"""flockerctl's commands about leases."""

import click

from flocker.cli.arguments import parse_lifetime, reading
from flocker.cli.changing import by_id
from flocker.cli.choosing import (
    choose_dataset,
    choose_holder,
    choose_lease,
    choose_node,
)
from flocker.cli.explaining import duration, name_node
from flocker.cli.options import as_json, dataset_option, long_ids, node_option
from flocker.cli.output import print_json, print_sentence, screen
from flocker.cli.session import Session, Work, pass_session
from flocker.cli.tables import LEASE_COLUMNS, Look, lease_rows
from flocker.cli.terminal import print_table
from flocker.client.interface import NewLease
from flocker.model.holders import describe_all
from flocker.wire.answers import LeaseAnswer

_HOLDER = "Who uses it"


@click.group("lease")
def lease_group() -> None:
    """Keep datasets where they are used.

    A leased dataset stays on its node, whatever else is asked for, until the last
    holder has released it.
    """


@lease_group.command("list")
@long_ids
@as_json
@pass_session
def lease_list(session: Session, *, long: bool, json: bool) -> None:
    """List the leases with their holders."""

    async def show(work: Work) -> None:
        leases = sorted(await work.client.leases(), key=lambda each: each.dataset_id)
        if json:
            print_json(leases, screen())
            return
        names = {each.dataset_id: each.name for each in await work.client.datasets()}
        look = Look(by_id(await work.client.nodes()), long=long)
        rows = [
            row
            for lease in leases
            for row in lease_rows(lease, names.get(lease.dataset_id), look)
        ]
        print_table(LEASE_COLUMNS, rows, screen())

    session.perform(show)


@lease_group.command("acquire")
@dataset_option
@node_option("-n", "--node", what="Where it is used")
@click.option("--holder", metavar="NAME", help=f"{_HOLDER}.  [default: user]")
@click.option(
    "--expires",
    metavar="TIME",
    callback=reading(parse_lifetime),
    help="How long, as in 90s, 30m, 12h or 7d.  [default: until it is released]",
)
@as_json
@pass_session
def lease_acquire(
    session: Session,
    *,
    dataset: str,
    node: str,
    holder: str | None,
    expires: float | None,
    json: bool,
) -> None:
    """Keep a dataset on a node; the same holder's again renews it."""

    async def acquire(work: Work) -> None:
        nodes = by_id(await work.client.nodes())
        found = choose_node(node, nodes.values()).uuid
        leased = choose_dataset(dataset, await work.client.datasets()).dataset_id
        lease = await work.client.acquire(NewLease(leased, found, holder, expires))
        if json:
            print_json(lease, screen())
            return
        until = (
            "until it is released" if expires is None else f"for {duration(expires)}"
        )
        print_sentence(
            f"Dataset {leased} stays on node {name_node(found, nodes)} {until}.",
            screen(),
        )

    session.perform(acquire)


@lease_group.command("release")
@dataset_option
@click.option("--holder", metavar="NAME", help=f"{_HOLDER} no more.  [default: all]")
@as_json
@pass_session
def lease_release(
    session: Session, *, dataset: str, holder: str | None, json: bool
) -> None:
    """End a lease, or one holder's part in it."""

    async def release(work: Work) -> None:
        leases = await work.client.leases()
        found = choose_lease(dataset, leases, await work.client.datasets())
        name = None if holder is None else choose_holder(holder, found)
        ended = await work.client.release(found.dataset_id, name)
        if json:
            print_json(ended, screen())
            return
        print_sentence(_released(found, name), screen())

    session.perform(release)


def _released(lease: LeaseAnswer, holder: str | None) -> str:
    others = [each.holder for each in lease.holders if each.holder != holder]
    if holder is None or not others:
        return f"Dataset {lease.dataset_id} is not leased any more."
    by = describe_all(sorted(others))
    return f"Dataset {lease.dataset_id} is still leased by {by}."
