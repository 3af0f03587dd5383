"""Named moments at which a test can have a process killed; nothing in production.

A process with the environment variable `VARIABLE` looks, at each of its points, into
the file that it names: if the point stands there, the file is removed and the process
kills itself as ``kill -9`` does. So it happens once. Without the variable a point costs
a comparison.

Points are declared where they are reached, so a test finds them all in `known`.
"""

import os
from collections.abc import Callable
from pathlib import Path
from signal import SIGKILL

VARIABLE = "FLOCKER_CRASH_AT"

known: dict[str, None] = {}
"""The names of all points that were declared in this process, in order."""

_found = os.environ.get(VARIABLE)
_file = None if _found is None else Path(_found)


def crash_point(name: str) -> Callable[[], None]:
    """Declare a point; gives what is to be called when it is reached."""
    known[name] = None

    def reached() -> None:
        if _file is not None:
            _crash_if_asked(_file, name)

    return reached


def _crash_if_asked(file: Path, name: str) -> None:
    try:
        asked = file.read_text().strip()
    except FileNotFoundError:
        return
    if asked == name:
        file.unlink()
        os.kill(os.getpid(), SIGKILL)
