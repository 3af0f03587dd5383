"""The process that keeps the namespaces of a sandbox without root together.

`enclosure` starts ``python -m flocker.sandbox.enclosing STATE TOP`` in new namespaces,
a user's among them: there the user is root. It is process 1 of its process namespace,
so whatever it holds ends with it, by whatever it is ended. It ends by itself when
somebody removes its record.

Its /proc is the outside's: all processes are known by the numbers they have there.
"""

import json
import os
import signal
import sys
from pathlib import Path
from time import sleep
from typing import NoReturn

from flocker.runtime.process import run_sync
from flocker.sandbox.namespaces import bind, detach, exchange_root, mount_empty
from flocker.sandbox.places import ENCLOSED
from flocker.sandbox.processes import Process, kernel_boot, look_up, parent
from flocker.sandbox.records import Enclosure, write_enclosure

RECORD = "enclosure.json"
_MOUNT_ROOT = Path("/flocker")
_BETWEEN_LOOKS = 1.0
"""Seconds."""


def main() -> None:
    """Make the namespaces fit for a sandbox, and keep them until killed."""
    state, top = (Path(argument) for argument in sys.argv[1:])
    own_root(state / "root", top)
    run_sync(["ip", "link", "set", "lo", "up"])
    record = Enclosure(*_numbers(), kernel_boot())
    write_enclosure(state / RECORD, record)
    keep(state / RECORD)


def own_root(place: Path, top: Path) -> None:
    """Have a root directory to which things can be added, with all of the outside's.

    A user who is root only in his namespace can mount nothing where there is nothing.
    """
    place.mkdir()
    mount_empty(place)
    old = Path("/.outside")
    (place / old.name).mkdir()
    exchange_root(place, place / old.name)
    for found in sorted(old.iterdir()):
        _show(found, Path("/") / found.name)
    detach(old)
    old.rmdir()
    place.rmdir()
    _MOUNT_ROOT.mkdir(mode=0o700)
    ENCLOSED.write_text(json.dumps({"top": str(top)}) + "\n")


def _show(found: Path, place: Path) -> None:
    """Have an entry of the outside's root directory, but not its datasets."""
    if place == _MOUNT_ROOT:
        return
    if found.is_symlink():
        place.symlink_to(found.readlink())
        return
    if found.is_dir():
        place.mkdir()
    else:
        place.touch()
    bind(found, place)


def _numbers() -> tuple[Process, Process]:
    """Give this process and the one that waits for it, as the outside numbers them."""
    own = look_up(int(Path("/proc/self").readlink().name))
    waiting = None if own is None else look_up(parent(own.pid))
    if own is None or waiting is None:
        raise SystemExit("/proc does not show this process")
    return own, waiting


def keep(record: Path) -> None:
    """Bury whom others left, until told to end, or the record is gone."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries them
    signal.signal(signal.SIGTERM, _end)
    while os.path.lexists(record):
        sleep(_BETWEEN_LOOKS)


def _end(_number: int, _frame: object) -> NoReturn:
    sys.exit(0)


if __name__ == "__main__":
    main()
