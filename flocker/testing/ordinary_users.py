"""A user without root, for tests that are run by root; he has a home and nothing else.

He is nobody whom the system knows. What of Flocker and its Python only root may see is
shown to him too, in a mount namespace in which all his commands run.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import SystemRandom

from attrs import frozen

import flocker
from flocker.runtime.process import DEFAULT_ENVIRONMENT
from flocker.sandbox.environment import search_path
from flocker.sandbox.layout import programs
from flocker.sandbox.machines import kill_all
from flocker.sandbox.processes import Process, everyone, look_up
from flocker.sandbox.removing import Swept
from flocker.testing.claims import claimed, empty, sweep_claims
from flocker.testing.loop_devices import scratch_directory
from flocker.testing.orphans import DIES_WITH_US
from flocker.testing.side_by_side import while_none_runs

_NOBODYS = range(1_600_000_000, 1_700_000_000)
"""Numbers of users that no system gives away."""
_PREFIX = "flocker-home-"
_HOME = "home"

_SHOW = """
set -eu
while [ "$1" != -- ]; do
    closed=$1 number=$2
    shift 2
    mount --rbind "$closed" "$STASH"
    mount -t tmpfs -o mode=755 shown "$closed"
    while [ "$number" -gt 0 ]; do
        mkdir -p "$closed/$1"
        mount --rbind "$STASH/$1" "$closed/$1"
        shift
        number=$((number - 1))
    done
    umount --lazy "$STASH"
done
grep ' - [^ ]* /dev/loop' /proc/self/mountinfo | cut -d' ' -f5 | tac |
    while read -r place; do umount --lazy "$place" || :; done
echo ready
exec sleep infinity
"""


@frozen
class OrdinaryUser:
    """A user of this machine who is not root."""

    number: int
    home: Path
    world: int
    """A process in the mount namespace in which his commands run."""

    def environment(self) -> dict[str, str]:
        """Give what is set for him."""
        path = search_path(DEFAULT_ENVIRONMENT["PATH"])
        return {"HOME": str(self.home), "PATH": path, "LC_ALL": "C.UTF-8"}

    def command(self, *arguments: str, by: tuple[str, ...] = ()) -> list[str]:
        """Give a command as root runs it for him, itself run `by` another of root."""
        number = str(self.number)
        become = ("setpriv", f"--reuid={number}", f"--regid={number}", "--clear-groups")
        enter = ("nsenter", f"--target={self.world}", "--mount", f"--wd={self.home}")
        return [*enter, "--", *by, *become, "--", *arguments]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; its output may not be what was wanted."""
        return subprocess.run(  # noqa: S603
            self.command(*arguments),
            capture_output=True,
            text=True,
            env=self.environment(),
            check=False,
        )

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Run a command beside the test."""
        return subprocess.Popen(  # noqa: S603
            self.command(*arguments),
            stdout=subprocess.PIPE,
            stdin=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self.environment(),
        )

    def processes(self) -> list[int]:
        """Find all that he runs."""
        return [process.pid for process in _processes_of(self.number)]

    def files(self) -> list[Path]:
        """Find what is in his home, and what is his where all may write."""
        shared = (*Path("/tmp").iterdir(), *Path("/var/tmp").iterdir())  # noqa: S108
        found = [path for path in shared if _owner(path) == self.number]
        return [*found, *self.home.iterdir()]


@contextmanager
def world() -> Iterator[int]:
    """Make a mount namespace for users; gives a process that is in it.

    It has no loop device mounted that others here want to let go of.
    """
    make = ("unshare", "--mount", "--propagation=private", "sh", "-c", _SHOW, "sh")
    with scratch_directory() as scratch:
        stash = scratch / "stash"
        stash.mkdir()
        with while_none_runs():
            kept = subprocess.Popen(  # noqa: S603
                [*DIES_WITH_US, *make, *_shown(), "--"],
                env={**DEFAULT_ENVIRONMENT, "STASH": str(stash)},
                stdout=subprocess.PIPE,
                text=True,
            )
            assert kept.stdout is not None
            assert kept.stdout.readline() == "ready\n"
        try:
            yield kept.pid
        finally:
            kept.kill()
            kept.communicate()


@contextmanager
def ordinary_user(world: int) -> Iterator[OrdinaryUser]:
    """Have such a user; whatever he leaves is ended and removed afterwards."""
    number = _NOBODYS.start + SystemRandom().randrange(len(_NOBODYS))
    with claimed(_PREFIX, _clear) as place:
        place.chmod(0o755)
        home = place / _HOME
        home.mkdir(mode=0o700)
        os.chown(home, number, number)
        yield OrdinaryUser(number, home, world)


def sweep() -> Swept:
    """End and remove users of runs that died."""
    return sweep_claims(_PREFIX, _clear)


def _clear(place: Path) -> None:
    number = _owner(place / _HOME)
    # Never one of this system: he may not have moved in yet.
    if number is not None and number in _NOBODYS:
        kill_all(lambda: _processes_of(number), f"the end of user {number}")
    empty(place)


def _processes_of(number: int) -> list[Process]:
    his = (look_up(pid) for pid in everyone() if _user_of(pid) == number)
    return [process for process in his if process is not None]


def _shown() -> Sequence[str]:
    """Give the directories that only root may see, each with what is needed in it.

    Each is followed by how much that is.
    """
    needed = (Path(sys.base_prefix), programs().parent, Path(flocker.__file__).parent)
    found: dict[Path, list[str]] = {}
    for path in needed:
        above = [*reversed(path.parents), path]
        closed = next((each for each in above if not _is_open(each)), None)
        if closed is not None:
            found.setdefault(closed, []).append(str(path.relative_to(closed)))
    return [
        word
        for closed, below in found.items()
        for word in (str(closed), str(len(below)), *below)
    ]


def _is_open(directory: Path) -> bool:
    """Whether everybody may go there."""
    return bool(directory.stat().st_mode & 0o001)


def _user_of(pid: int) -> int | None:
    return _owner(Path(f"/proc/{pid}"))


def _owner(path: Path) -> int | None:
    try:
        return path.lstat().st_uid
    except FileNotFoundError:
        return None
