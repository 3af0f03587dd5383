"""Where a user's sandboxes are; a process has one answer for all of its life.

Root's are where the system keeps such things. Everybody else has one directory of his
own, the same in every session: what is in it decides whether a sandbox lives.
"""

import json
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from attrs import frozen

from flocker.model.errors import FlockerError

STATES: Final = Path("/run/flocker-sandbox")
"""Root's: a directory a sandbox; each is also that sandbox's lock."""
DATAS: Final = Path("/var/lib/flocker-sandbox")
ENCLOSED: Final = Path("/.flocker-sandbox.json")
"""Stands where a user without root has namespaces of his own: see `enclosure`."""
_OWN: Final = "flocker-sandbox"


@frozen
class NoPlace(FlockerError):
    """A user has no directory in which sandboxes could be."""

    why: str

    def words(self) -> str:
        """Say why, and what helps."""
        return f"{self.why}: set XDG_DATA_HOME to a directory of yours"


@frozen
class Places:
    """The directories of all sandboxes of a user: their states and their data.

    `top` holds both and is removed with the last, where the user is not root.
    """

    states: Path
    datas: Path
    top: Path | None = None

    @property
    def rootless(self) -> bool:
        """Whether it is a user without root."""
        return self.top is not None


ROOT: Final = Places(STATES, DATAS)


@cache
def places() -> Places:
    """Say where the sandboxes of whoever runs this are. Raises `NoPlace`."""
    if ENCLOSED.exists():
        return own(Path(json.loads(ENCLOSED.read_text())["top"]))
    return ROOT if os.geteuid() == 0 else own(own_top(os.environ))


def own(top: Path) -> Places:
    """Give the places in a directory of a user's own."""
    return Places(top / "run", top / "data", top)


def own_top(environment: Mapping[str, str]) -> Path:
    """Give the directory of a user without root, by the rules of XDG.

    Raises `NoPlace`.
    """
    found = environment.get("XDG_DATA_HOME", "")
    if found.startswith("/"):
        return Path(found) / _OWN
    home = environment.get("HOME", "")
    if not home.startswith("/"):
        raise NoPlace("this user has no home directory")
    return Path(home) / ".local" / "share" / _OWN


def prepare(here: Places) -> None:
    """Make a user's own directory, for nobody else. Raises `NoPlace`."""
    if here.top is None:
        return
    try:
        here.top.mkdir(mode=0o700, parents=True, exist_ok=True)
        here.top.chmod(0o700)
    except OSError as error:
        raise NoPlace(f"{here.top} cannot be used ({error.strerror})") from error
