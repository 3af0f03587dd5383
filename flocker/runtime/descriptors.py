"""How many files and sockets this process has open, and may have.

When there are none left, no connection is accepted and no file opened. Who runs a
daemon should hear of it before, and once: `Watch`.
"""

import os
import resource
from collections.abc import Callable
from pathlib import Path

from attrs import define, frozen

from flocker.runtime import logging

NEARLY = 0.9
"""The part of the limit from which on it is said."""

OPEN = Path("/proc/self/fd")


@frozen
class Descriptors:
    """Open files, and how many may be."""

    used: int
    limit: int

    @property
    def scarce(self) -> bool:
        """Whether they are nearly, or all, in use."""
        return self.used >= self.limit * NEARLY

    def words(self) -> str:
        """Say so, and what would help."""
        return (
            f"{self.used} of {self.limit} files and sockets are open; see who holds"
            " connections open, or raise the limit (LimitNOFILE= of the unit)"
        )


def count(directory: Path = OPEN) -> Descriptors:
    """Count; where that needs one more than there is, all are in use."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        used = len(os.listdir(directory))  # noqa: PTH208  (names are not needed)
    except OSError:
        used = limit
    return Descriptors(used, limit)


@define
class Watch:
    """Says once that files run out, and again only after it was better."""

    counted: Callable[[], Descriptors] = count
    scarce: bool = False

    def look(self) -> None:
        """Look, and log what is new."""
        found = self.counted()
        if found.scarce and not self.scarce:
            logging.message("flocker:files:scarce", why=found.words())
        elif self.scarce and not found.scarce:
            logging.message("flocker:files:enough", used=found.used, limit=found.limit)
        self.scarce = found.scarce
