"""flockerctl's commands about snapshots of datasets."""

import click

from flocker.cli.changing import After, by_id
from flocker.cli.choosing import SHORT, choose_dataset
from flocker.cli.completing import DatasetText
from flocker.cli.explaining import Nodes, duration, name_node
from flocker.cli.options import after_change, as_json, dataset_argument, long_ids
from flocker.cli.output import print_json, print_sentence, screen
from flocker.cli.session import Session, Work, pass_session
from flocker.cli.terminal import Column, Style, Text, print_table, styled
from flocker.client.snapshot_waiting import Awaited, wait_gone, wait_taken
from flocker.wire.answers import SnapshotAnswer

_COLUMNS = (
    Column("DATASET"),
    Column("SNAPSHOT"),
    Column("TAKEN"),
    Column("STATUS"),
    Column("WHY", folds=True),
)
_STYLES = {"taken": Style.GREEN, "missing": Style.BOLD_RED}


@click.group("snapshot")
def snapshot_group() -> None:
    """Keep what a dataset holds now, as it is.

    For datasets in pools, and for volumes where the backend can do it.

    A snapshot costs nothing but the room of what is written over later; of a volume
    whose backend has to copy it, all that the volume takes. It is as whole as after a
    power cut, and travels with its dataset.
    """


@snapshot_group.command("create")
@dataset_argument
@click.argument("name")
@after_change
@pass_session
def snapshot_create(session: Session, *, dataset: str, name: str, after: After) -> None:
    """Take a snapshot of DATASET and call it NAME."""

    async def create(work: Work) -> None:
        found = choose_dataset(dataset, await work.client.datasets()).dataset_id
        made = await work.client.take_snapshot(found, name)
        if not after.json:
            words = f"Taking snapshot {name} of dataset {found}."
            print_sentence(words, screen())
        if after.within is None:
            if after.json:
                print_json(made, screen())
            return
        started = work.clock.seconds()
        wish = Awaited(found, made.snapshot_id, name, after.within)
        seen = await wait_taken(work.client, wish, work.clock)
        if after.json:
            print_json(seen, screen())
            return
        took = duration(work.clock.seconds() - started)
        where = await _where(work, seen)
        print_sentence(f"Taken{where} after {took}.", screen())

    session.perform(create)


@snapshot_group.command("list")
@click.argument("dataset", type=DatasetText(), required=False)
@long_ids
@as_json
@pass_session
def snapshot_list(
    session: Session, *, dataset: str | None, long: bool, json: bool
) -> None:
    """List the snapshots of DATASET, or of all datasets."""

    async def show(work: Work) -> None:
        datasets = await work.client.datasets()
        chosen = None
        if dataset is not None:
            chosen = choose_dataset(dataset, datasets).dataset_id
        found = await work.client.snapshots(chosen)
        if json:
            print_json(found, screen())
            return
        names = {str(each.dataset_id): each.name for each in datasets}
        print_table(
            _COLUMNS, [_row(each, names, long=long) for each in found], screen()
        )

    session.perform(show)


@snapshot_group.command("delete")
@dataset_argument
@click.argument("name")
@after_change
@pass_session
def snapshot_delete(session: Session, *, dataset: str, name: str, after: After) -> None:
    """Delete the snapshot NAME of DATASET."""

    async def delete(work: Work) -> None:
        found = choose_dataset(dataset, await work.client.datasets()).dataset_id
        gone = await work.client.delete_snapshot(found, name)
        if not after.json:
            words = f"Deleting snapshot {name} of dataset {found}."
            print_sentence(words, screen())
        if after.within is None:
            if after.json:
                print_json(gone, screen())
            return
        wish = Awaited(found, gone.snapshot_id, name, after.within)
        seen = await wait_gone(work.client, wish, work.clock)
        if after.json:
            print_json(gone if seen is None else seen, screen())
        elif seen is None or seen.cause is None:
            print_sentence("No node has it any more.", screen())
        else:
            print_sentence(f"Its room is not free yet: {seen.cause.words}.", screen())

    session.perform(delete)


async def _where(work: Work, seen: SnapshotAnswer) -> str:
    if seen.node is None:
        return ""
    nodes: Nodes = by_id(await work.client.nodes())
    return f" on node {name_node(seen.node, nodes)}"


def _row(
    seen: SnapshotAnswer, names: dict[str, str | None], *, long: bool
) -> list[str | Text]:
    dataset = str(seen.dataset_id)
    name = names.get(dataset)
    called = dataset if long else dataset[:SHORT]
    style = _STYLES.get(seen.phase, Style.YELLOW)
    return [
        f"{called} ({name})" if name else called,
        seen.name,
        "-" if seen.taken is None else seen.taken[:19].replace("T", " "),
        styled(seen.phase, style),
        seen.why or "" if seen.cause is None else seen.cause.words,
    ]
