"""Conditional requests: the configuration tag, and what clients compare with it. Pure.

The Docker plugin creates a dataset only if no other has come since it looked: it sends
the tag of its look, and anybody's change to a dataset changes the tag.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from uuid import UUID

from flocker.model.configuration import Configuration
from flocker.restapi.errors import ConfigurationChanged

TAG_HEADER = b"X-Configuration-Tag"
CONDITION_HEADER = b"X-If-Configuration-Matches"


def tag(store_id: UUID, configuration: Configuration) -> str:
    """Give the opaque tag of the datasets: 32 hexadecimal digits.

    Stores differ in `store_id`, so a tag is never taken for another cluster's.
    """
    revision = str(configuration.datasets_revision).encode("ascii")
    return sha256(store_id.bytes + revision).hexdigest()[:32]


def require(required: Sequence[str], current: str) -> None:
    """Raise `ConfigurationChanged` where tags are required and none is `current`."""
    if required and current not in required:
        raise ConfigurationChanged(tuple(required), current)


def etag(current: str) -> bytes:
    """Write a tag as HTTP's own header wants it."""
    return f'"{current}"'.encode("ascii")


def known(if_none_match: Iterable[bytes], current: bytes) -> bool:
    """Whether the client has what has this `etag`, by its If-None-Match headers."""
    candidates = [
        candidate.strip().removeprefix(b"W/")
        for line in if_none_match
        for candidate in line.split(b",")
    ]
    return current in candidates or b"*" in candidates
