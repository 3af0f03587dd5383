"""flockerctl's commands about datasets; what they do is in `flocker.cli.changing`."""

from typing import Any

import click
from pyrsistent import PMap

from flocker.cli.arguments import parse_metadata, reading
from flocker.cli.changing import (
    After,
    Edit,
    Found,
    New,
    adopt,
    by_id,
    create,
    destroy,
    edit_metadata,
    purge,
    resize,
)
from flocker.cli.choosing import choose_dataset
from flocker.cli.explaining import ON_USE, why
from flocker.cli.options import (
    after_change,
    as_json,
    dataset_argument,
    dataset_option,
    long_ids,
    node_option,
)
from flocker.cli.output import aside, print_json, print_sentence, screen
from flocker.cli.session import Session, Work, pass_session
from flocker.cli.tables import (
    DATASET_COLUMNS,
    Look,
    dataset_row,
    unclaimed_copy_row,
    volume_columns,
    volume_row,
)
from flocker.cli.terminal import print_table
from flocker.model.ids import DatasetID, NotAnIdentifier, parse_uuid
from flocker.model.sizes import parse_size

UUID_VERSION = 4

_metadata = click.option(
    "-m",
    "--metadata",
    default="",
    metavar="KEY=VALUE,...",
    callback=reading(parse_metadata),
    help="Words about it; `name` is what it is called here.",
)


def _parse_id(text: str) -> DatasetID:
    try:
        found = parse_uuid(text)
    except NotAnIdentifier as error:
        raise ValueError(str(error)) from error
    if found.version != UUID_VERSION:
        raise ValueError(f"{text!r} is not a UUID of version {UUID_VERSION}")
    return DatasetID(found)


@click.command("list")
@click.option("-d", "--deleted", is_flag=True, help="Deleted datasets too.")
@long_ids
@click.option("-h", "--human", is_flag=True, help="Sizes in the unit that fits.")
@as_json
@pass_session
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


@click.command("create")
@node_option("-n", "--node", what="Where it should be")
@_metadata
@click.option(
    "-s",
    "--size",
    metavar="SIZE",
    callback=reading(parse_size),
    help="A number and T, G, M or K (of 1024), as in 1.5G.  [default: the server's]",
)
@click.option(
    "--backend",
    metavar="NAME",
    help="Which of the node's backends, as its agent.yml has them.  [default: default]",
)
@click.option(
    "--mount",
    type=click.Choice(["always", ON_USE]),
    help="Mount it always, or where it is leased only.  [default: always]",
)
@click.option(
    "--filesystem",
    type=click.Choice(["ext4", "xfs"]),
    help="What to make on its volume.  [default: ext4]",
)
@click.option(
    "--id",
    "identifier",
    metavar="UUID",
    callback=reading(_parse_id),
    help="Its id, of version 4.  [default: a new one]",
)
@after_change
@pass_session
def create_dataset(
    session: Session,
    /,
    *,
    node: str,
    metadata: PMap[str, str],
    size: int | None,
    identifier: DatasetID | None,
    after: After,
    **placing: str | None,
) -> None:
    """Create a dataset on a node."""
    if placing["mount"] == ON_USE and after.within is not None:
        raise click.UsageError(f"nobody mounts it with --mount {ON_USE}: leave --wait")
    new = New(node, size, metadata, id=identifier, **placing)
    session.perform(lambda work: create(work, new, after))


@click.command("resize")
@dataset_argument
@click.argument("size", callback=reading(parse_size))
@after_change
@pass_session
def resize_dataset(session: Session, *, dataset: str, size: int, after: After) -> None:
    """Make DATASET larger, or smaller in a pool, while it is in use.

    SIZE is a number and T, G, M or K (of 1024), as in 1.5G. A volume never gets
    smaller; a dataset in a pool does, to no less than it holds.
    """
    session.perform(lambda work: resize(work, dataset, size, after))


@click.command("destroy")
@dataset_option
@after_change
@pass_session
def destroy_dataset(session: Session, *, dataset: str, after: After) -> None:
    """Destroy a dataset and its data. It does not ask."""
    session.perform(lambda work: destroy(work, dataset, after))


@click.command("purge")
@dataset_argument
@as_json
@pass_session
def purge_dataset(session: Session, *, dataset: str, json: bool) -> None:
    """Forget a destroyed DATASET: its id and name are free again.

    It happens by itself 30 days after it was destroyed.
    """
    session.perform(lambda work: purge(work, dataset, After(None, json)))


@click.command("why")
@dataset_argument
@as_json
@pass_session
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


@click.group("metadata")
def metadata_group() -> None:
    """Change words about a dataset; `name` is what it is called here."""


@metadata_group.command("set")
@dataset_argument
@click.argument("pairs", metavar="KEY=VALUE...", nargs=-1, required=True)
@as_json
@pass_session
def set_metadata(
    session: Session, *, dataset: str, pairs: tuple[str, ...], json: bool
) -> None:
    """Set some of DATASET's metadata; the rest stays."""
    new = dict(_pair(text) for text in pairs)
    _edit(session, dataset, lambda old: {**old, **new}, json=json)


@metadata_group.command("unset")
@dataset_argument
@click.argument("keys", metavar="KEY...", nargs=-1, required=True)
@as_json
@pass_session
def unset_metadata(
    session: Session, *, dataset: str, keys: tuple[str, ...], json: bool
) -> None:
    """Remove some of DATASET's metadata; the rest stays."""
    _edit(
        session,
        dataset,
        lambda old: {key: text for key, text in old.items() if key not in keys},
        json=json,
    )


@click.command("volumes")
@long_ids
@as_json
@pass_session
def list_volumes(session: Session, *, long: bool, json: bool) -> None:
    """List volumes that no dataset is, and why; and copies in pools.

    Nothing touches them: `adopt` makes a volume a dataset again, `create --id` a copy.
    """

    async def show(work: Work) -> None:
        found = await work.client.volumes()
        if json:
            print_json(found, screen())
            return
        look = Look(by_id(await work.client.nodes()), long=long)
        rows = [volume_row(volume, look) for volume in found.volumes]
        rows.extend(unclaimed_copy_row(copy, look) for copy in found.copies)
        print_table(volume_columns(long=long), rows, screen())
        for each in found.unanswered:
            said = f"Backend {each.backend} has not answered: {each.why}."
            print_sentence(said, aside())

    session.perform(show)


@click.command("adopt")
@click.argument("dataset")
@node_option("-n", "--node", what="Where it should be", required=False)
@click.option("--volume", metavar="ID", help="Which volume, if there are several.")
@click.option("--backend", metavar="NAME", help="Which backend, if in several.")
@click.option("--empty", is_flag=True, help="It holds nothing: it may be formatted.")
@_metadata
@after_change
@pass_session
def adopt_volume(
    session: Session,
    /,
    *,
    dataset: str,
    after: After,
    **found: Any,  # noqa: ANN401
) -> None:
    """Make a volume that no dataset is the one it was.

    DATASET is the beginning of the id that `flockerctl volumes` shows for it. The data
    on the volume stay. A dataset that is configured, and has no volume yet, can stay
    where it is wanted: without a node.
    """
    wanted = Found(dataset, **found)
    session.perform(lambda work: adopt(work, wanted, after))


def _pair(text: str) -> tuple[str, str]:
    key, found, value = text.partition("=")
    if not found or not key:
        raise click.UsageError(f"{text!r} is not KEY=VALUE")
    return key, value


def _edit(
    session: Session,
    dataset: str,
    edit: Edit,
    *,
    json: bool,
) -> None:
    session.perform(lambda work: edit_metadata(work, dataset, edit, After(None, json)))
