"""What a volume is, and what is to be done when Docker wants it mounted; pure.

A Docker volume is a dataset that is not deleted and whose metadata has its name.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from attrs import frozen

from flocker.client.interface import Configured
from flocker.docker_plugin.options import CREATED, NAME, PROFILE, on_remove
from flocker.docker_plugin.origins import made_from
from flocker.model.cluster import Phase
from flocker.model.datasets import Mounting
from flocker.model.errors import FlockerError
from flocker.model.holders import describe, describe_all
from flocker.model.ids import DatasetID, NodeID
from flocker.model.sizes import humanize
from flocker.wire.answers import (
    CauseAnswer,
    ConfiguredAnswer,
    DatasetAnswer,
    LeaseAnswer,
    NodeAnswer,
)

Mounts = Callable[[str], bool]
"""Says whether something is mounted at a path of this node."""


@frozen
class NoSuchVolume(FlockerError):
    """No dataset of the cluster has this name."""

    name: str

    def words(self) -> str:
        """Name the volume."""
        return f"no such volume: there is no dataset of the name {self.name[:80]!r}"


@frozen
class InUse(FlockerError):
    """Another node uses the volume, so this one cannot have it."""

    name: str
    lease: LeaseAnswer
    node: NodeAnswer | None

    @property
    def is_silent(self) -> bool:
        """Whether that node is not heard; nobody knows then what it does."""
        return self.node is not None and not self.node.connected

    def words(self) -> str:
        """Name the node, who uses it there, and the way out where that is silent."""
        uuid = self.lease.node_uuid
        where = f"{uuid}" if self.node is None else f"{self.node.host} ({uuid})"
        who = describe_all(each.holder for each in self.lease.holders)
        used = f"volume {self.name} is in use on node {where} by {who}"
        if self.node is None or not self.is_silent:
            return used
        return (
            f"{used}, and that node is not connected since {self.node.since}: bring it"
            " back; or make sure that the machine is off, and say so with: flockerctl"
            f" node dead {uuid} --i-have-checked"
        )


@frozen
class MountedHere:
    """It is mounted here, at this path."""

    path: str


@frozen
class Move:
    """It is wanted elsewhere, and must be wanted here."""


@frozen
class Waiting:
    """It comes; this is why it is not here yet."""

    why: str


@frozen
class Refused:
    """It will not come before somebody acts."""

    why: str


Decision = MountedHere | Move | Waiting | Refused


def decide(seen: DatasetAnswer, node: NodeID, mounted: Mounts) -> Decision:
    """Say what is to be done about a volume that `node` has leased, to have it there.

    Only a path that is a mount is given to Docker: without its filesystem a mount
    point is an empty directory.
    """
    if seen.deleted:
        return Refused("it was deleted meanwhile")
    if seen.phase == Phase.MOUNTED.value and seen.node == node:
        if seen.path is not None and mounted(seen.path):
            return MountedHere(seen.path)
        return Waiting(f"nothing is mounted at {seen.path}, where its agent has it")
    if seen.mount == Mounting.ALWAYS.value and seen.primary != node:
        return Move()
    if seen.phase == Phase.FAILED.value:
        return Refused(because(seen))
    return Waiting(because(seen))


def because(seen: DatasetAnswer) -> str:
    """Say how far a volume is, and why not further."""
    where = "" if seen.node is None else f" on node {seen.node}"
    phase = f"it is {seen.phase}{where}"
    return phase if seen.cause is None else f"{phase}: {_cause(seen.cause)}"


def with_host(why: str, node: NodeID | None, hosts: Mapping[NodeID, str]) -> str:
    """Name a node by its host, too, where `why` names it by its id."""
    if node is None or node not in hosts:
        return why
    return why.replace(f"node {node}", f"node {hosts[node]} ({node})", 1)


def named(
    configured: Iterable[ConfiguredAnswer], name: str
) -> tuple[ConfiguredAnswer, ...]:
    """Give the datasets that are the volume `name`, the lowest id first."""
    found = [
        dataset
        for dataset in configured
        if not dataset.deleted and dataset.metadata.get(NAME) == name
    ]
    return tuple(sorted(found, key=lambda dataset: str(dataset.dataset_id)))


def choose(
    found: Sequence[ConfiguredAnswer], local: Callable[[DatasetID], bool]
) -> ConfiguredAnswer | None:
    """Of datasets of one name give the one that is here, else the lowest id."""
    here = [dataset for dataset in found if local(dataset.dataset_id)]
    return next(iter((*here, *found)), None)


def volumes_of(configured: Configured) -> tuple[ConfiguredAnswer, ...]:
    """Give all datasets that are volumes, by name."""
    found = [each for each in configured.datasets if NAME in each.metadata]
    alive = [each for each in found if not each.deleted]
    return tuple(
        sorted(alive, key=lambda each: (each.metadata[NAME], str(each.dataset_id)))
    )


def created_at(metadata: Mapping[str, str]) -> str | None:
    """Give when a volume was created, in RFC 3339, if that is known."""
    text = metadata.get(CREATED)
    try:
        return None if text is None else datetime.fromisoformat(text).isoformat()
    except ValueError:
        return None


def status(
    seen: DatasetAnswer, lease: LeaseAnswer | None, hosts: Mapping[NodeID, str]
) -> dict[str, object]:
    """Say of a volume what ``docker volume inspect`` shows under Status."""

    def host(node: NodeID) -> str:
        return hosts.get(node, str(node))

    size = seen.size if seen.size is not None else seen.maximum_size
    holders = () if lease is None else lease.holders
    shown: dict[str, object] = {
        "dataset": str(seen.dataset_id),
        "phase": seen.phase,
        "size": None if size is None else humanize(size),
        "backend": seen.backend,
        "filesystem": seen.filesystem,
        "node": None if seen.node is None else host(seen.node),
        "leased to": None if lease is None else host(lease.node_uuid),
        "used by": list(dict.fromkeys(describe(each.holder) for each in holders)),
        "cause": None if seen.cause is None else _cause(seen.cause),
        "profile": seen.metadata.get(PROFILE),
        "made from": made_from(seen.metadata),
        "on_remove": on_remove(seen.metadata).value,
    }
    return {key: value for key, value in shown.items() if value not in (None, [])}


def _cause(cause: CauseAnswer) -> str:
    release = f" (to release it: {cause.release})" if cause.release else ""
    return f"{cause.words}{release}"
