"""What the commands of ZFS say, as values; pure. Called by `commands` and `api`.

Note [Written]: whether a filesystem was written to since its newest snapshot is told by
its property ``written``, where there is one. Old versions have none. There the bytes
that only a snapshot has (its ``used``) tell: whoever writes replaces at least the root
block, which is the snapshot's alone from then on. Unless an older snapshot has it too,
because nothing was written between the two; then ``used`` says nothing.

Note [Gone back]: OpenZFS begins a new intent log when it rolls a filesystem back. It
does not count that as a change itself (it receives what follows), but ``written`` has
its bytes. So a property says what that was, and after which snapshot. It is believed of
what is read-only, and only while it is so to the byte.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from attrs import frozen

from flocker.backends.zfs.names import (
    FRESH,
    HOLDS,
    MADE_AS,
    OURS,
    RECORD,
    REPEATING,
    WENT_BACK,
)

WRITTEN: Final = "written"
RESUMES: Final = "receive_resume_token"
"""What is asked for where the installed version has it."""
PROPERTIES: Final = (
    "type", "guid", "used", "referenced", "available", "origin", "readonly",
    "reservation", "refquota", "userrefs", "mountpoint", MADE_AS, RECORD, HOLDS, FRESH,
    REPEATING, WENT_BACK,
)  # fmt: skip
"""What is asked of every filesystem and snapshot."""

UNSET: Final = "-"
"""The value of a property that there is not."""
_LOCAL = "local"

_NOT_RUNNING = ("failed to initialize ZFS library", "/dev/zfs and /proc/self/mounts")
_FULL = (
    "out of space",
    "No space left on device",
    "quota exceeded",
    "size is greater than available space",
)
_QUOTED = re.compile("'([^']+)'")
_ESTIMATE = re.compile(rb"^size\s+(\d+)$", re.MULTILINE)

HEALTHY: Final = frozenset({"ONLINE", "DEGRADED"})
"""What a pool may be and can be used."""


def says_missing(stderr: str) -> bool:
    """Whether a name is of nothing."""
    return "does not exist" in stderr or "no such pool" in stderr


def name_in(stderr: str) -> str | None:
    """Give the name that a message is about."""
    found = _QUOTED.search(stderr)
    return found[1] if found else None


def says_busy(stderr: str) -> bool:
    """Whether something is in use, maybe only for another moment."""
    return "is busy" in stderr or "already mounted" in stderr


def says_unready(stderr: str) -> bool:
    """Whether it may be done in another moment.

    That zfs-fuse cannot read what was unmounted just now is no matter of its disks.
    """
    return says_busy(stderr) or ("cannot rollback" in stderr and "I/O error" in stderr)


def says_unmounted(stderr: str) -> bool:
    """Whether ``umount`` found nothing to unmount."""
    return "not mounted" in stderr or "no mount point specified" in stderr


def says_no_tag(stderr: str) -> bool:
    """Whether a hold that was to be released is not there."""
    return "no such tag" in stderr


def says_tag_there(stderr: str) -> bool:
    """Whether there is a hold already that was to be made."""
    return "tag already exists" in stderr


def says_nothing_kept(stderr: str) -> bool:
    """Whether there was nothing of a stream that was cut."""
    return "does not have any resumable receive state" in stderr


def says_full(stderr: str) -> bool:
    """Whether there was no room."""
    return any(words in stderr for words in _FULL)


def says_gone(stderr: str) -> bool:
    """Whether ZFS itself is not there, or waits for its disks."""
    return "suspended" in stderr or any(words in stderr for words in _NOT_RUNNING)


def explain(stderr: str) -> str:
    """Say what is wrong with ZFS itself, in our words where they are better."""
    if any(words in stderr for words in _NOT_RUNNING):
        return "ZFS is not there: its module is not loaded, or zfs-fuse does not run"
    if "suspended" in stderr:
        return "it waits for its disks (`zpool status` says which, `zpool clear`)"
    return stderr


@frozen
class Filesystem:
    """A filesystem or a snapshot of one, by its properties."""

    name: str
    is_snapshot: bool
    guid: str
    used: int
    referenced: int
    available: int
    origin: str | None
    read_only: bool
    reservation: int
    quota: int | None
    holds: int
    """How many tags ZFS knows of; ours is one at most."""
    written: int | None
    """Bytes; see Note [Written]."""
    mountpoint: str
    made_as: str | None
    record: bytes | None
    tags: frozenset[str]
    fresh: bool
    repeating: str | None = None
    """What says that it is on its way to a new snapshot; see `repeating`."""
    went_back: str | None = None
    """See Note [Gone back]."""
    token: str | None = None
    """What a stream into it that was cut goes on by."""

    @property
    def owner(self) -> str:
        """The name without that of a snapshot."""
        return self.name.partition("@")[0]

    @property
    def last(self) -> str:
        """What a snapshot is called."""
        return self.name.partition("@")[2]


@frozen
class Value:
    """A property's value, and where it comes from."""

    text: str
    source: str

    @property
    def own(self) -> str | None:
        """The text if it was set here: not above, and not by a stream."""
        return self.text if self.source == _LOCAL else None


def parse_filesystems(text: str) -> tuple[Filesystem, ...]:
    """Read ``zfs get -Hp -o name,property,value,source``, in its order.

    ZFS gives the snapshots of a filesystem oldest first.
    """
    found: dict[str, dict[str, Value]] = {}
    for name, key, value, source in _fields(text, 4):
        found.setdefault(name, {})[key] = Value(value, source)
    return tuple(
        _filesystem(name, values)
        for name, values in found.items()
        if values["type"].text in {"filesystem", "snapshot"}
    )


def parse_properties(text: str) -> Mapping[str, Mapping[str, str]]:
    """Read ``zfs get -Hp -o name,property,value``."""
    found: dict[str, dict[str, str]] = {}
    for name, key, value in _fields(text, 3):
        found.setdefault(name, {})[key] = value
    return found


def parse_pairs(text: str) -> Iterator[tuple[str, str]]:
    """Read ``zfs get -H -o name,value`` of one property."""
    return ((name, value) for name, value in _fields(text, 2))


def _fields(text: str, number: int) -> Iterator[Sequence[str]]:
    """Leave out the rest of a value that has several lines: none of ours has."""
    for line in text.split("\n"):
        fields = line.split("\t", number - 1)
        if len(fields) == number:
            yield fields


def _filesystem(name: str, values: Mapping[str, Value]) -> Filesystem:
    def number(key: str) -> int:
        text = values[key].text if key in values else UNSET
        return 0 if text == UNSET else int(text)

    record = values[RECORD].own
    token = values[RESUMES].text if RESUMES in values else UNSET
    origin = values["origin"].text
    written = number(WRITTEN) if _is_set(values, WRITTEN) else None
    repeating = values[REPEATING].own if REPEATING in values else None
    under_way = repeating is not None
    return Filesystem(
        name=name,
        is_snapshot=values["type"].text == "snapshot",
        guid=values["guid"].text,
        used=number("used"),
        referenced=number("referenced"),
        available=number("available"),
        origin=None if origin in {UNSET, ""} else origin,
        read_only=under_way or values["readonly"].text == "on",
        reservation=number("reservation"),
        quota=number("refquota") or None,
        holds=number("userrefs"),
        written=0 if under_way else written,
        mountpoint=values["mountpoint"].text,
        made_as=values[MADE_AS].own,
        record=None if record is None else record.encode(),
        tags=frozenset((values[HOLDS].own or "").split()),
        fresh=values[FRESH].own is not None,
        repeating=repeating,
        went_back=values[WENT_BACK].own if WENT_BACK in values else None,
        token=None if token == UNSET else token,
    )


def _is_set(values: Mapping[str, Value], key: str) -> bool:
    return key in values and values[key].text != UNSET


def seen(snapshots: Iterable[Filesystem]) -> tuple[Filesystem, ...]:
    """Leave out the snapshots that are none of anybody's business."""
    return tuple(each for each in snapshots if not each.last.startswith(OURS))


def was_written(live: Filesystem, snapshots: Sequence[Filesystem]) -> bool | None:
    """Say whether it was written to since its newest snapshot, if there is one.

    None if that cannot be told by the properties; see Note [Written].
    """
    if not snapshots:
        return True
    if live.written is not None:
        left = gone_back(snapshots[-1], live.written)
        return live.written > 0 and not (live.read_only and live.went_back == left)
    if snapshots[-1].used > 0:
        return True
    alone = len(snapshots) == 1 and live.origin is None
    if alone or (len(snapshots) > 1 and snapshots[-2].used > 0):
        return False
    return None


def gone_back(snapshot: Filesystem, written: int) -> str:
    """Say what rolling back to a snapshot left written; see Note [Gone back]."""
    return f"{snapshot.guid} {written}"


def parse_estimate(out: bytes) -> int | None:
    """Read ``zfs send -nP``: the size in bytes; None if it gives none."""
    found = _ESTIMATE.search(out)
    return int(found[1]) if found else None
