"""The tokens by which ZFS goes on with a stream that was cut; pure.

They are ZFS's own, and it says what they are of. Called by `commands` and `resuming`.
"""

import re

from attrs import frozen

from flocker.model.ids import SnapshotID

_TOKEN = re.compile(r"\d+-[0-9a-f]+-[0-9a-f]+-[0-9a-f]+")
_LONGEST_TOKEN = 4000
_TOKEN_FIELD = re.compile(r"^\s*(\w+) = (.*)$", re.MULTILINE)


def is_token(text: str) -> bool:
    """Whether it looks like one, and not like an option."""
    return len(text) <= _LONGEST_TOKEN and _TOKEN.fullmatch(text) is not None


@frozen
class Cut:
    """What a token says about the stream that was cut; `came` in bytes."""

    name: str
    """Of the snapshot, where it was sent from."""
    identity: SnapshotID
    base: SnapshotID | None
    came: int


def parse_token(text: str) -> Cut | None:
    """Read ``zfs send -nvt TOKEN``; None if it says nothing of a stream."""
    said = dict(_TOKEN_FIELD.findall(text))
    try:
        since = int(said.get("fromguid", "0"), 16)
        identity, came = int(said["toguid"], 16), int(said["bytes"], 16)
        name = said["toname"]
    except (KeyError, ValueError):
        return None
    base = SnapshotID(str(since)) if since else None
    return Cut(name, SnapshotID(str(identity)), base, came)
