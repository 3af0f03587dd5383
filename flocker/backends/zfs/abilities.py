"""What the installed ZFS can do, read from what it says of itself; pure.

Versions are not asked for: distributions build the same one with and without things,
and a new one may drop what an old one had. Called by `commands`, once a pool is opened.
"""

import re
from typing import Final

from attrs import frozen

from flocker.backends.zfs.translate import RESUMES, WRITTEN

_SEND = re.compile(r"^\s*send \[-([A-Za-z]+)\]", re.MULTILINE)
_REST = (
    re.compile(r"^\s*send \[-[A-Za-z]+\] -t ", re.MULTILINE),
    re.compile(r"^\s*receive \[-[A-Za-z]*s[A-Za-z]*\]", re.MULTILINE),
    re.compile(r"^\s*receive -A ", re.MULTILINE),
)
_LOGICAL: Final = "logicalreferenced"
_AS_THEY_ARE: Final = "Lc"
"""Large and compressed blocks are sent so, always or never: see decision 195."""


@frozen
class Abilities:
    """What can be asked of it."""

    written: bool
    """Whether a property says how much was written since the newest snapshot."""
    send_options: tuple[str, ...]
    estimates: bool
    """Whether it says how much a stream will be."""
    logical: bool
    """Whether a property says what is referenced, uncompressed."""
    resumes: bool
    """Whether streams that were cut are gone on with."""


def parse_abilities(usage: str, properties: str) -> Abilities:
    """Read what ``zfs`` says, and ``zfs get``, when they are told nothing."""
    found = _SEND.search(usage)
    letters = found[1] if found else ""
    rest = all(each.search(usage) for each in _REST)
    return Abilities(
        written=_has(properties, WRITTEN),
        send_options=tuple(f"-{each}" for each in _AS_THEY_ARE if each in letters),
        estimates="n" in letters,
        logical=_has(properties, _LOGICAL),
        resumes=rest and _has(properties, RESUMES),
    )


def _has(properties: str, name: str) -> bool:
    return f"\n\t{name} " in properties
