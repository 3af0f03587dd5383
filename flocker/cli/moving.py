"""What `flockerctl move`, `copies` and `drop-copy` do.

Called by `flocker.cli.moving_commands` through `Session.perform`.
"""

from collections.abc import Iterable

from attrs import evolve, frozen

from flocker.cli.changing import After, Asked, by_id, follow
from flocker.cli.choosing import choose_dataset, choose_node
from flocker.cli.explaining import ON_USE, Nodes, duration, name_node
from flocker.cli.output import print_json, print_sentence, screen
from flocker.cli.session import Work
from flocker.cli.tables import COPY_COLUMNS, Look, copy_rows
from flocker.cli.terminal import print_table
from flocker.client.interface import MoveTerms
from flocker.client.waiting import Arrived, Goal, Mounted
from flocker.model.forecasts import CLOSE_BEHIND
from flocker.model.holders import describe_all
from flocker.model.ids import DatasetID
from flocker.model.sizes import humanize
from flocker.wire.answers import DatasetAnswer, NodeAnswer, PlanAnswer


@frozen
class Going:
    """What a user said of a move: which dataset, where to, and how."""

    dataset: str
    to: str
    terms: MoveTerms


async def move(work: Work, going: Going, after: After) -> None:
    """Want a dataset on another node."""
    nodes = by_id(await work.client.nodes())
    node = choose_node(going.to, nodes.values()).uuid
    found = choose_dataset(going.dataset, await work.client.datasets())
    dataset, where = found.dataset_id, name_node(node, nodes)
    _ = await work.client.move(dataset, node, going.terms)
    sentence = f"Moving dataset {dataset} to node {where}."
    goal: Goal = Mounted(node)
    if _travels(found, nodes[node]):
        goal = Arrived(node)
    elif found.mount == ON_USE:
        used = await _used(work, dataset, nodes)
        sentence = (
            f"Dataset {dataset} is mounted where it is used: it comes to node {where}"
            f" when it is used there, and not before.{used}"
        )
        after = evolve(after, within=None)
    await follow(work, Asked(dataset, sentence, goal, nodes), after)


async def cancel(work: Work, text: str, after: After) -> None:
    """Want a dataset where it is."""
    nodes = by_id(await work.client.nodes())
    found = choose_dataset(text, await work.client.datasets())
    stays = (await work.client.cancel_move(found.dataset_id)).primary
    sentence = (
        f"Dataset {found.dataset_id} stays on node {name_node(stays, nodes)}: its move"
        " is cancelled."
    )
    await follow(work, Asked(found.dataset_id, sentence, Arrived(stays), nodes), after)


async def plan(work: Work, going: Going, after: After) -> None:
    """Say what a move would take."""
    nodes = by_id(await work.client.nodes())
    node = choose_node(going.to, nodes.values()).uuid
    found = choose_dataset(going.dataset, await work.client.datasets())
    answer = await work.client.plan(found.dataset_id, node)
    if after.json:
        print_json(answer, screen())
        return
    for sentence in describe(found.dataset_id, answer, nodes):
        print_sentence(sentence, screen())


def _limit(plan: PlanAnswer) -> str:
    if plan.at_most is None:
        return ""
    return f": at most about {humanize(plan.at_most)}, and what snapshots hold besides"


def _how_much(plan: PlanAnswer) -> str:
    if plan.to_send is None:
        why = "" if plan.not_counted is None else f" ({plan.not_counted})"
        return f"How much that is was not counted{why}{_limit(plan)}."
    again = "; in each round, the last one too, as much" if plan.each_round else ""
    about = "at most about" if plan.bound else "about"
    return f"That is {about} {humanize(plan.to_send)} in the first round{again}."


def _for_how_long(plan: PlanAnswer) -> str:
    if plan.downtime is None:
        return (
            "For how long nobody will serve it is known when it is copied; with"
            " --max-downtime it stays if that is longer."
        )
    about = f"Nobody would serve it for about {duration(plan.downtime)}"
    match plan.downtime_from:
        case "last-round":
            return f"{about}, as the last round that was sent shows."
        case "rounds":
            return (
                f"{about}, if it is written to slower than it is sent: there are rounds"
                f" until one takes {duration(CLOSE_BEHIND)}. With --max-downtime it"
                " stays if it would be longer."
            )
        case _:
            return f"{about}."


def describe(dataset: DatasetID, plan: PlanAnswer, nodes: Nodes) -> Iterable[str]:
    """Say a plan in sentences."""
    source, target = name_node(plan.source, nodes), name_node(plan.target, nodes)
    if plan.source == plan.target:
        yield f"Dataset {dataset} is on node {source} already: nothing would be sent."
        return
    yield f"Dataset {dataset} would move from node {source} to node {target}."
    if plan.continues:
        yield f"Node {target} has a copy: what was written since is sent."
    else:
        yield f"Node {target} has no copy to go on from: all of it is sent."
    yield _how_much(plan)
    yield _for_how_long(plan)
    for blocker in plan.blockers:
        yield f"In the way: {blocker}."
    yield "Nothing was changed."


async def copies(work: Work, text: str, *, long: bool, json: bool) -> None:
    """List what each node has of a dataset."""
    nodes = by_id(await work.client.nodes())
    chosen = choose_dataset(text, await work.client.datasets())
    found = await work.client.dataset(chosen.dataset_id)
    if json:
        print_json({str(n): fact.copy for n, fact in found.nodes.items()}, screen())
        return
    print_table(COPY_COLUMNS, list(copy_rows(found, Look(nodes, long))), screen())


async def drop_copy(work: Work, text: str, of: str, after: After) -> None:
    """Want a copy destroyed that a node has kept."""
    nodes = by_id(await work.client.nodes())
    node = choose_node(of, nodes.values()).uuid
    found = choose_dataset(text, await work.client.datasets())
    answer = await work.client.drop_copy(found.dataset_id, node)
    if after.json:
        print_json(answer, screen())
        return
    print_sentence(
        f"The copy of dataset {found.dataset_id} on node {name_node(node, nodes)} is"
        " being destroyed.",
        screen(),
    )


def _travels(dataset: DatasetAnswer, to: NodeAnswer) -> bool:
    """Say whether its data are on a node's own disks, and so are copied when it moves.

    What is on block storage is only attached.
    """
    kinds = {each.kind for each in to.backends if each.name == dataset.backend}
    return "pool" in kinds


async def _used(work: Work, dataset: DatasetID, nodes: Nodes) -> str:
    lease = (await work.client.dataset(dataset)).lease
    if lease is None:
        return ""
    by = describe_all(each.holder for each in lease.holders) or "somebody"
    where = name_node(lease.node_uuid, nodes)
    return f" Now it is used on node {where} by {by}, and stays there until that ends."
