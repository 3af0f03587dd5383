"""What may be asked of a new volume with ``docker volume create -o``; pure."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum

from attrs import frozen

from flocker.client.interface import NewDataset
from flocker.model.datasets import FilesystemKind, Mounting
from flocker.model.errors import FlockerError
from flocker.model.ids import BackendName, DatasetID, NodeID
from flocker.model.sizes import parse_size
from flocker.wire.agent_yaml import DockerConfig

NAME = "name"
PROFILE = "clusterhq:flocker:profile"
MAXIMUM_SIZE = "maximum_size"
"""Metadata that Flocker 1.15's plugin gave its datasets; the size in decimal."""
ON_REMOVE = "flocker:docker:on_remove"
ANONYMOUS = "flocker:docker:anonymous"
CREATED = "flocker:docker:created"
"""Metadata of our own."""

KNOWN = ("size", "profile", "filesystem", "backend", "on_remove", "from")
"""The options; others are ignored, as they always were."""

_ANONYMOUS = re.compile(r"[0-9a-f]{64}")
_BACKEND = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}")
_LONGEST = 256
"""Characters of a profile: what metadata can hold."""


class OnRemove(Enum):
    """What ``docker volume rm`` does with the data."""

    KEEP = "keep"
    DELETE = "delete"


@frozen
class BadOption(FlockerError):
    """An option has a value that it cannot have."""

    option: str
    why: str
    example: str

    def words(self) -> str:
        """Name the option, the fault and a value that would do."""
        return f"option {self.option}: {self.why}; for example: -o {self.example}"


@frozen
class Origin:
    """What a volume is to begin as: a snapshot of another; None for one taken now."""

    volume: str
    snapshot: str | None = None

    def __str__(self) -> str:
        """Write it as the option has it."""
        return (
            self.volume if self.snapshot is None else f"{self.volume}@{self.snapshot}"
        )


@frozen
class VolumeOptions:
    """What was asked for; None leaves it to the cluster. Size in bytes."""

    size: int | None = None
    profile: str | None = None
    filesystem: FilesystemKind | None = None
    backend: BackendName | None = None
    on_remove: OnRemove | None = None
    origin: Origin | None = None


def is_anonymous(name: str) -> bool:
    """Whether Docker made this name up, for a container that named no volume."""
    return _ANONYMOUS.fullmatch(name) is not None


def read_options(options: Mapping[str, str]) -> VolumeOptions:
    """Understand Docker's options; an empty value is none. Raises `BadOption`."""
    given = {key: value for key, value in options.items() if value}
    return VolumeOptions(
        size=_size(given.get("size")),
        profile=_profile(given.get("profile")),
        filesystem=_filesystem(given.get("filesystem")),
        backend=_backend(given.get("backend")),
        on_remove=_on_remove(given.get("on_remove")),
        origin=_origin(given.get("from")),
    )


def new_dataset(
    name: str,
    options: VolumeOptions,
    settings: DockerConfig,
    place: tuple[DatasetID, NodeID],
    now: datetime,
) -> NewDataset:
    """Give the dataset that is a new volume; it is mounted where it is used."""
    anonymous = is_anonymous(name)
    usual = settings.anonymous_size if anonymous else settings.size
    default = OnRemove.DELETE if anonymous else OnRemove(settings.on_remove)
    metadata = {
        NAME: name,
        CREATED: now.astimezone(UTC).isoformat(timespec="seconds"),
        ON_REMOVE: (options.on_remove or default).value,
    }
    if options.profile is not None:
        metadata[PROFILE] = options.profile
    if options.size is not None:
        metadata[MAXIMUM_SIZE] = str(options.size)
    if anonymous:
        metadata[ANONYMOUS] = "true"
    dataset, node = place
    return NewDataset(
        id=dataset,
        primary=node,
        maximum_size=options.size or usual,
        metadata=metadata,
        backend=options.backend,
        mount=Mounting.ON_USE.value,
        filesystem=None if options.filesystem is None else options.filesystem.value,
    )


def on_remove(metadata: Mapping[str, str]) -> OnRemove:
    """Say what removing a volume does; data that nobody gave away is kept."""
    return (
        OnRemove.DELETE
        if metadata.get(ON_REMOVE) == OnRemove.DELETE.value
        else OnRemove.KEEP
    )


def _size(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return parse_size(text)
    except ValueError as error:
        raise BadOption("size", str(error), "size=10G") from error


def _profile(text: str | None) -> str | None:
    if text is not None and (len(text) > _LONGEST or "\n" in text):
        why = f"it has more than {_LONGEST} characters, or a line break"
        raise BadOption("profile", why, "profile=gold")
    return text


def _filesystem(text: str | None) -> FilesystemKind | None:
    if text is None:
        return None
    try:
        return FilesystemKind(text)
    except ValueError as error:
        kinds = " or ".join(kind.value for kind in FilesystemKind)
        why = f"{text[:40]!r} is not {kinds}"
        raise BadOption("filesystem", why, "filesystem=xfs") from error


def _backend(text: str | None) -> BackendName | None:
    if text is None:
        return None
    if not _BACKEND.fullmatch(text):
        why = f"{text[:80]!r} is no name of a backend in agent.yml"
        raise BadOption("backend", why, "backend=default")
    return BackendName(text)


def _on_remove(text: str | None) -> OnRemove | None:
    if text is None:
        return None
    try:
        return OnRemove(text)
    except ValueError as error:
        why = f"{text[:40]!r} is not keep or delete"
        raise BadOption("on_remove", why, "on_remove=delete") from error


def _origin(text: str | None) -> Origin | None:
    """Read what a volume is made from: no snapshot has an ``@`` in its name."""
    if text is None:
        return None
    if len(text) > _LONGEST or "\n" in text:
        why = f"it has more than {_LONGEST} characters, or a line break"
        raise BadOption("from", why, "from=letters@monday")
    volume, mark, snapshot = text.rpartition("@")
    if not mark:
        return Origin(text)
    if not volume or not snapshot:
        why = f"{text[:80]!r} is not VOLUME or VOLUME@SNAPSHOT"
        raise BadOption("from", why, "from=letters@monday")
    return Origin(volume, snapshot)
