"""What the names of a lease's holders say to people; pure.

Users name themselves. The Docker plugin names each mount that it answered: its id, a
number from the second of one id on, and the container where that is known.
"""

import re
from collections.abc import Iterable

from attrs import frozen

DOCKER = "docker:"
"""What the names of Docker's mounts begin with."""

_DOCKER = re.compile(r"docker:(?P<id>[^# ]*)(#(?P<number>[0-9]+))?( (?P<who>.*))?")
_SHORT = 12
"""Characters of an id that are shown, as Docker shows them."""


@frozen
class Mount:
    """One mount that Docker was answered; `number` counts those of the same id."""

    id: str
    number: int = 1
    container: str | None = None

    @property
    def holder(self) -> str:
        """The name under which it holds the lease."""
        number = "" if self.number == 1 else f"#{self.number}"
        container = "" if self.container is None else f" {self.container}"
        return f"{DOCKER}{self.id}{number}{container}"


def read(holder: str) -> Mount | None:
    """Understand the name of a holder; None if it is not a mount of Docker's."""
    match = _DOCKER.fullmatch(holder)
    if match is None:
        return None
    return Mount(match["id"], int(match["number"] or 1), match["who"])


def describe(holder: str) -> str:
    """Name a holder for people."""
    mount = read(holder)
    if mount is None:
        return holder
    if mount.container is None:
        return f"a container (docker mount {mount.id[:_SHORT]})"
    return f"container {mount.container} (docker)"


def describe_all(holders: Iterable[str]) -> str:
    """Name holders for people, each once."""
    return ", ".join(dict.fromkeys(describe(holder) for holder in holders))
