"""The causes a dataset agent waits for, in words; pure, used by `planning`.

A template may name {dataset}, {volume}, {instance}, {device}, {path}, {carries},
{backend}, {why}.
"""

from collections.abc import Mapping
from pathlib import Path

from attrs import frozen

from flocker.backends.block_interface import Copied
from flocker.dataset_agent.states import (
    Discovered,
    Foreign,
    Stranded,
    Unreadable,
    device_of,
    instance_of,
    path_of,
    volume_of,
)
from flocker.model.cluster import Cause
from flocker.model.ids import (
    BackendName,
    InstanceID,
    NodeID,
    SnapshotID,
    VolumeID,
)
from flocker.model.sizes import humanize


@frozen
class Template:
    """Words for a cause; one with a `release` may need a person."""

    words: str
    release: str | None = None


TEMPLATES: Mapping[str, Template] = {
    "registering": Template("volume {volume} was found and is being put on record"),
    "not-listed": Template(
        "backend {backend} does not list its volume {volume}",
        "wait if it was made just now; if it was destroyed, delete the dataset",
    ),
    "attached-elsewhere": Template(
        "volume {volume} is attached to {instance}",
        "its node lets go by itself; if {instance} is no node of this cluster, detach"
        " the volume there",
    ),
    "backend-unanswered": Template("backend {backend} was not heard of yet"),
    "unclaimed": Template(
        "volume {volume} is here, and no such dataset is configured",
        "adopt it, or see to it by hand; GET /v1/status/volumes lists all of these",
    ),
    "unclaimed-volume-exists": Template(
        "volume {volume} of backend {backend} carries this id, and nothing shows that"
        " it was made for this dataset: it may hold the data of an earlier one",
        "take it with what is on it: flockerctl adopt {dataset} --volume {volume}; or"
        " destroy it in the backend, and a new one is made",
    ),
    "volume-destroyed": Template(
        "backend {backend} says that its volume {volume} is no more",
        "delete the dataset, and restore its data into a new one",
    ),
    "device-unreadable": Template(
        "volume {volume} is attached and not usable: {why}",
        "see to it in the backend and in the kernel's log of the node; it is looked at"
        " again by itself",
    ),
    "volume-blank": Template(
        "{device} (volume {volume}) is blank, and counts as holding data",
        "find out what emptied it and put its content back, or delete the dataset and"
        " restore the data into a new one; Flocker does not format it",
    ),
    "foreign-signature": Template(
        "{device} (volume {volume}) carries {carries}, which is no filesystem of ours",
        "see whose it is, and put back what was there, or delete the dataset and"
        " restore the data into a new one; if it never held data, wipefs --all"
        " {device} lets it be formatted",
    ),
    "stranded": Template(
        "{path} is mounted, but its volume {volume} is not attached as it was",
        "stop what uses {path}, then, on the node: umount {path}; the volume is"
        " attached and mounted anew by itself",
    ),
}


def explain(code: str, found: Discovered, backend: BackendName) -> Cause:
    """Put a cause of the transitions' table in words."""
    template = TEMPLATES[code]
    names = {
        "dataset": found.dataset,
        "volume": volume_of(found) or "(unknown)",
        "instance": instance_of(found),
        "device": device_of(found),
        "path": path_of(found),
        "carries": found.signature if isinstance(found, Foreign) else None,
        "backend": backend,
        "why": found.why if isinstance(found, Unreadable) else None,
    }
    release = template.release and template.release.format(**names)
    words = template.words.format(**names)
    if isinstance(found, Stranded) and found.why is not None:
        words = f"{words}: {found.why}"
    return Cause(code, words, release)


def held(holders: tuple[NodeID, ...]) -> Cause:
    """Say that another node must let go first."""
    nodes = ", ".join(str(node) for node in holders)
    return Cause("held", f"node {nodes} has not let go of it yet")


def not_marked(instance: InstanceID) -> Cause:
    """Say that control must have a node marked dead before anything is taken from it.

    Where no node is known by that name, control allows it as well.
    """
    words = f"{instance}, which has it, is off, and its node is not marked dead yet"
    return Cause("not-marked", words)


def source_missing(origin: SnapshotID, why: str) -> Cause:
    """Say that what a clone is to be made of is not there."""
    words = f"it is to begin as snapshot {origin}: {why}"
    return Cause("source-missing", words, "delete it, and clone another snapshot")


def clone_blank(device: Path, volume: VolumeID) -> Cause:
    """Say that a clone has no filesystem, though it was made from a snapshot of one."""
    return Cause(
        "clone-blank",
        f"{device} (volume {volume}) is blank, and was made from a snapshot",
        "delete the dataset, and see what became of the snapshot; Flocker does not"
        " format a clone",
        permanent=True,
    )


def cannot_grow(backend: BackendName, size: int, wanted: int) -> Cause:
    """Say that a volume stays smaller than wanted; sizes in bytes."""
    words = (
        f"its volume has {humanize(size)} and backend {backend} cannot make it"
        f" {humanize(wanted)}"
    )
    return Cause("cannot-grow", words, "copy the data into a new, larger dataset")


def no_backend(backend: BackendName) -> Cause:
    """Say that this node cannot reach where the dataset is."""
    return Cause(
        "no-such-backend",
        f"this node has no backend {backend}",
        f"add {backend} to agent.yml of this node, or move the dataset",
        permanent=True,
    )


def unanswered(backend: BackendName, seconds: float) -> Cause:
    """Say that a backend has been asked `seconds` ago and is still silent."""
    return Cause(
        "backend-slow",
        f"backend {backend} has not answered for {_duration(seconds)}",
        "see to the backend; when it answers this node goes on by itself",
    )


def under_way(step: object, seconds: float, copied: Copied | None = None) -> Cause:
    """Say that a step was begun `seconds` ago and has not ended; and how far it is."""
    name = type(step).__name__.lower()
    far = ""
    if copied is not None:
        done, whole = humanize(copied.done), humanize(copied.whole)
        far = f", in which {done} of about {whole} were copied"
    return Cause(
        "step-slow",
        f"to {name} it has taken {_duration(seconds)} until now{far}",
        "wait; if it never ends, see to the backend, and to the kernel's log of the"
        " node",
    )


def failed(backend: BackendName, words: str) -> Cause:
    """Say that a backend, or the kernel, could not be asked."""
    release = f"see to it; backend {backend} is asked again by itself"
    return Cause("backend-failed", words, release)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} seconds" if seconds < 120 else f"{seconds / 60:.0f} minutes"
