"""What a volume is made from, as ``-o from=VOLUME[@SNAPSHOT]`` has it; pure.

Note [What was asked for is kept]: the metadata of a volume has what it was made from in
the words of who asked. So the same Create is known again whatever has become of its
source: it may be deleted, or another volume have its name.
"""

import re
from collections.abc import Iterable, Mapping

from attrs import frozen

from flocker.client.interface import Source
from flocker.docker_plugin.options import PROFILE, BadOption, Origin, VolumeOptions
from flocker.model.errors import FlockerError
from flocker.model.ids import DatasetID, NotAnIdentifier, parse_uuid
from flocker.model.sizes import DEFAULT_SIZE, humanize
from flocker.model.snapshots import LONGEST_NAME
from flocker.wire.answers import DatasetAnswer, SnapshotAnswer

FROM = "flocker:docker:from"
"""Metadata: what was asked for; see Note [What was asked for is kept]."""
TAKEN = "flocker:docker:taken"
"""Metadata: the snapshot that was taken for this volume, as ``DATASET@SNAPSHOT``."""

_OURS = "docker-"
_DIGITS = 8
_FOREIGN = re.compile(r"[^A-Za-z0-9_.-]")
_MOST_NAMED = 10


@frozen
class NoSuchOrigin(FlockerError):
    """What a volume is to be made from is not there."""

    origin: Origin
    why: str

    def words(self) -> str:
        """Name it, and say what is missing."""
        return f"option from={self.origin}: {self.why}"


@frozen
class MadeOtherwise(FlockerError):
    """A volume of the name exists, and was made from something else."""

    name: str
    made_from: str | None
    wanted: Origin

    def words(self) -> str:
        """Name the volume and both origins."""
        made = (
            "not made from another volume"
            if self.made_from is None
            else f"made from {self.made_from}"
        )
        return (
            f"volume {self.name} exists already and was {made}, so it cannot be made"
            f" from {self.wanted}: choose another name"
        )


def check_made_from(
    name: str, metadata: Mapping[str, str], wanted: Origin | None
) -> None:
    """Raises `MadeOtherwise` where a volume that exists is no answer to a Create."""
    if wanted is None or str(wanted) in {metadata.get(FROM), made_from(metadata)}:
        return
    raise MadeOtherwise(name, made_from(metadata), wanted)


def made_from(metadata: Mapping[str, str]) -> str | None:
    """Name the volume and the snapshot from which Docker had a volume made."""
    asked, taken = metadata.get(FROM), taken_for(metadata)
    if asked is None or taken is None:
        return asked
    return f"{asked}@{taken.snapshot}"


def taken_for(metadata: Mapping[str, str]) -> Source | None:
    """Give the snapshot that was taken for the sake of a volume."""
    dataset, _, snapshot = metadata.get(TAKEN, "").partition("@")
    if not snapshot:
        return None
    try:
        return Source(DatasetID(parse_uuid(dataset)), snapshot)
    except NotAnIdentifier:
        return None


def marks(origin: Origin, source: Source, like: Mapping[str, str]) -> dict[str, str]:
    """Give the metadata of a volume that is made from `source`, a volume `like` that.

    It is in the source's storage, so its profile is that one's.
    """
    found = {FROM: str(origin)}
    if origin.snapshot is None:
        found[TAKEN] = f"{source.dataset}@{source.snapshot}"
    if PROFILE in like:
        found[PROFILE] = like[PROFILE]
    return found


def own_snapshot(name: str, dataset: DatasetID) -> str:
    """Name the snapshot that is taken for a volume, whose dataset has this id.

    No other volume's is called so, not even that of an earlier attempt.
    """
    room = LONGEST_NAME - len(_OURS) - 1 - _DIGITS
    return f"{_OURS}{_FOREIGN.sub('_', name)[:room]}-{dataset.hex[:_DIGITS]}"


def check_agrees(options: VolumeOptions, source: DatasetAnswer) -> None:
    """Raises `BadOption` for what a volume cannot be that is made from `source`."""
    called = source.metadata.get("name", str(source.dataset_id))
    has = source.maximum_size or source.size or DEFAULT_SIZE
    if options.size is not None and options.size < has:
        why = (
            f"{humanize(options.size)} is less than {called} has, and what is made"
            " from it cannot be smaller"
        )
        raise BadOption("size", why, f"size={humanize(has)}")
    profile = source.metadata.get(PROFILE)
    if options.profile not in {None, profile}:
        has_one = "none" if profile is None else f"{profile!r}"
        why = f"{called} has {has_one}, and so has what is made from it"
        raise BadOption("profile", why, f"from={called}, without a profile")
    kind = source.filesystem
    if options.filesystem is not None and options.filesystem.value != kind:
        why = f"{called} has {kind}, and so has what is made from it"
        raise BadOption("filesystem", why, f"from={called}, without a filesystem")


def pick(origin: Origin, found: Iterable[SnapshotAnswer]) -> SnapshotAnswer:
    """Find the snapshot that is named. Raises `NoSuchOrigin`, with those there are."""
    there = [each for each in found if not each.deleted]
    for each in there:
        if each.name == origin.snapshot:
            return each
    names = ", ".join(each.name for each in there[-_MOST_NAMED:])
    has = f"the last that it has: {names}" if names else "it has none"
    why = f"volume {origin.volume} has no snapshot {origin.snapshot}; {has}"
    raise NoSuchOrigin(origin, why)
