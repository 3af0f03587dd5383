"""`flockerctl rollback`: a dataset becomes again what one of its snapshots was."""

import click

from flocker.cli.changing import After, Asked, by_id, follow
from flocker.cli.choosing import choose_dataset
from flocker.cli.completing import DatasetText
from flocker.cli.options import after_change
from flocker.cli.output import print_sentence, screen
from flocker.cli.session import Session, Work, pass_session
from flocker.client.waiting import RolledBack, is_rolled_back


@click.command("rollback")
@click.argument("dataset", type=DatasetText())
@click.argument("snapshot", required=False)
@click.option("--cancel", is_flag=True, help="Let it stay what it is, if it still is.")
@after_change
@pass_session
def rollback(
    session: Session,
    *,
    dataset: str,
    snapshot: str | None,
    cancel: bool,
    after: After,
) -> None:
    """Make DATASET again what its SNAPSHOT was; for datasets in pools.

    What it is before is kept as another snapshot, so that nothing is lost. Nobody may
    use it meanwhile: stop its container first.
    """
    if cancel:
        if snapshot is not None:
            raise click.UsageError("--cancel goes without a snapshot")
        session.perform(lambda work: _cancel(work, dataset, after))
        return
    if snapshot is None:
        raise click.UsageError("Missing argument 'SNAPSHOT'.")
    session.perform(lambda work: _roll_back(work, dataset, snapshot, after))


async def _roll_back(work: Work, text: str, snapshot: str, after: After) -> None:
    nodes = by_id(await work.client.nodes())
    dataset = choose_dataset(text, await work.client.datasets()).dataset_id
    made = await work.client.roll_back(dataset, snapshot)
    sentence = (
        f"Rolling dataset {dataset} back to its snapshot {made.snapshot}; what it is"
        f" now is kept as its snapshot {made.safety}."
    )
    await follow(work, Asked(dataset, sentence, RolledBack(made.number), nodes), after)
    if after.within is None or after.json:
        return
    for each in await work.client.snapshots(dataset):
        if each.rollback == made.number and each.name != made.safety:
            words = f"Snapshot {each.name} was kept as well: {each.why}."
            print_sentence(words, screen())


async def _cancel(work: Work, text: str, after: After) -> None:
    nodes = by_id(await work.client.nodes())
    dataset = choose_dataset(text, await work.client.datasets()).dataset_id
    made = await work.client.cancel_rollback(dataset)
    sentence = (
        f"Cancelling the rollback of dataset {dataset} to its snapshot {made.snapshot}."
    )
    goal = RolledBack(made.number, cancelled=True)
    await follow(work, Asked(dataset, sentence, goal, nodes), after)
    if after.within is None or after.json:
        return
    seen = await work.client.dataset(dataset)
    too_late = is_rolled_back(seen, made.number)
    print_sentence(
        f"It was rolled back already: snapshot {made.safety} has what it was before."
        if too_late
        else "It was not rolled back.",
        screen(),
    )
