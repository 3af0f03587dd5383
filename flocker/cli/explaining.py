"""Says in sentences what happens to a dataset, for `flockerctl why`; pure."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from flocker.cli.choosing import SHORT
from flocker.model.cluster import Condition, Phase, Want
from flocker.model.holders import describe_all
from flocker.model.ids import NodeID
from flocker.model.sizes import humanize
from flocker.wire.answers import (
    CauseAnswer,
    CopyAnswer,
    DatasetInFull,
    FactAnswer,
    LeaseAnswer,
    NodeAnswer,
)

Nodes = Mapping[NodeID, NodeAnswer]

CONDITIONS: Mapping[str, str] = {
    Condition.UNKNOWN.value: "that it cannot tell what its storage holds",
    Condition.MISSING.value: "that there is no volume of it yet",
    Condition.UNREGISTERED.value: "that a volume of it exists that is not recorded yet",
    Condition.FOUND.value: "that a volume of it was found that is not recorded yet",
    Condition.UNCLAIMED.value: "that a volume has its id that may be an earlier one's",
    Condition.REGISTERED.value: "that its volume is recorded and not listed yet",
    Condition.DESTROYED.value: "that its volume is gone",
    Condition.DETACHED.value: "that its volume is attached nowhere",
    Condition.ELSEWHERE.value: "that its volume is attached to another machine",
    Condition.ON_DEAD_NODE.value: "that its volume hangs on a machine that is off",
    Condition.STRANDED.value: "that it is mounted from a device that is gone",
    Condition.APPEARING.value: "that its volume is attached and has no device yet",
    Condition.UNREADABLE.value: "that its volume is attached and cannot be read",
    Condition.BLANK.value: "that its volume is attached and not formatted",
    Condition.EMPTIED.value: "that its volume is blank although it should hold data",
    Condition.FOREIGN.value: "that its volume holds something that is not ours",
    Condition.ATTACHED.value: "that its volume is attached and not mounted",
    Condition.MOUNTED.value: "that it is mounted",
}
"""How a node's finding is said after *node N says*."""

WANTS: Mapping[str, str] = {
    Want.MOUNTED.value: "told to mount it",
    Want.AWAY.value: "told to let it go",
    Want.DELETED.value: "told to destroy it",
    Want.KEPT.value: "told to keep it as it is, for nobody uses it",
    Want.LEFT_ALONE.value: "told to leave it alone",
}

ON_USE = "on-use"
"""How a dataset is mounted that nobody mounts before it is leased."""

QUIET_AFTER = 8.0
"""Seconds in which a node that lives is heard: its keep-alive is 5 s."""

_TIMES = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"))


def name_node(node: NodeID, nodes: Nodes) -> str:
    """Name a node as people know it: its address, and the beginning of its id."""
    found = nodes.get(node)
    short = str(node)[:SHORT]
    return f"{short} (not seen yet)" if found is None else f"{short} ({found.host})"


def duration(seconds: float) -> str:
    """Write a time as people read it: ``0.4 s``, ``35 s``, ``12 min``."""
    for factor, unit in _TIMES:
        if seconds >= 2 * factor:
            return f"{seconds / factor:.0f} {unit}"
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"


def moment(text: str) -> str:
    """Write a time of the REST API as people read it, to the second."""
    try:
        return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S %Z}"
    except ValueError:
        return text


def why(dataset: DatasetInFull, nodes: Nodes) -> list[str]:
    """Give the sentences, one a line."""
    return [
        _wanted(dataset, nodes),
        _happening(dataset, nodes),
        *_cause(dataset.cause),
        *_used(dataset.lease, nodes),
        _volume(dataset, nodes),
        *_reports(dataset, nodes),
    ]


def _wanted(dataset: DatasetInFull, nodes: Nodes) -> str:
    named = f" ({dataset.name})" if dataset.name else ""
    what = f"Dataset {dataset.dataset_id}{named} is wanted"
    if dataset.deleted:
        return f"{what} destroyed; it was on node {name_node(dataset.primary, nodes)}."
    if dataset.mount == ON_USE:
        return f"{what} mounted where it is leased, and nowhere else."
    return f"{what} mounted on node {name_node(dataset.primary, nodes)}."


def _happening(dataset: DatasetInFull, nodes: Nodes) -> str:
    since = f"for {duration(dataset.seconds)}, since {moment(dataset.since)}"
    where = "" if dataset.node is None else f" on node {name_node(dataset.node, nodes)}"
    if dataset.phase == Phase.DESTROYED.value:
        return f"It is destroyed {since}."
    path = f" at {dataset.path}" if dataset.path else ""
    if dataset.phase == Phase.UNKNOWN.value:
        return f"What becomes of it{where}{path} is unknown {since}."
    return f"It is {dataset.phase}{where}{path} {since}."


def _cause(cause: CauseAnswer | None) -> Iterator[str]:
    if cause is None:
        return
    yield f"Cause: {cause.words} [{cause.code}]."
    if cause.release:
        yield f"What would release it: {cause.release}."


def _used(lease: LeaseAnswer | None, nodes: Nodes) -> Iterator[str]:
    if lease is not None:
        by = describe_all(each.holder for each in lease.holders) or "somebody"
        yield f"It is leased to node {name_node(lease.node_uuid, nodes)} by {by}."


def _volume(dataset: DatasetInFull, nodes: Nodes) -> str:
    if dataset.pool is not None:
        size = "" if dataset.size is None else f", of at most {humanize(dataset.size)}"
        return (
            f"It is in the pool {dataset.backend!r} of node"
            f" {name_node(dataset.pool.owner, nodes)}{size}."
        )
    if dataset.volume is None:
        return f"No volume of backend {dataset.backend!r} is recorded as its own."
    size = "" if dataset.size is None else f", {humanize(dataset.size)}"
    data = (
        "it counts as holding data" if dataset.acquired else "it was never mounted yet"
    )
    return (
        f"Its volume is {dataset.volume} of backend {dataset.backend!r}{size}; {data}."
    )


def _reports(dataset: DatasetInFull, nodes: Nodes) -> Iterable[str]:
    if not dataset.nodes:
        return ["No node has said anything of it."]
    ordered = sorted(
        dataset.nodes.items(), key=lambda item: (item[0] != dataset.primary, item[0])
    )
    return [_report(node, fact, nodes) for node, fact in ordered]


_OF_COPIES: Mapping[str, str] = {
    Want.MOUNTED.value: "told that it owns it",
    Want.AWAY.value: "told that another node owns it",
}
"""What a node with a pool is told, of which each may have a copy."""


def _says_of_copy(fact: FactAnswer, copy: CopyAnswer) -> str:
    """Say what a node with a pool has of a dataset."""
    if fact.condition == Condition.MISSING.value or not copy.exists:
        found = "that it has no copy"
    elif fact.condition == Condition.DETACHED.value:
        found = "that it has a copy, which is not mounted"
    else:
        found = CONDITIONS.get(fact.condition, f"{fact.condition!r}")
    if copy.asides:
        found += f", and copies that were set aside ({', '.join(copy.asides)})"
    return found


def _report(node: NodeID, fact: FactAnswer, nodes: Nodes) -> str:
    seen = nodes.get(node)
    silent = ""
    if seen is not None and (not seen.connected or seen.seconds >= QUIET_AFTER):
        silent = f", not heard for {duration(seen.seconds)},"
    where = f" at {fact.path}" if fact.path else ""
    device = f" from {fact.device}" if fact.device else ""
    says = CONDITIONS.get(fact.condition, f"{fact.condition!r}")
    told = WANTS.get(fact.wants, f"told {fact.wants!r}")
    doing = f" It is {fact.doing}." if fact.doing else ""
    because = f" It adds: {fact.cause.words}." if fact.cause else ""
    if fact.copy is not None:
        says = _says_of_copy(fact, fact.copy)
        told = _OF_COPIES.get(fact.wants, told)
    return (
        f"Node {name_node(node, nodes)}{silent} says for {duration(fact.seconds)} "
        f"{says}{where}{device}; it is {told}.{doing}{because}"
    )
