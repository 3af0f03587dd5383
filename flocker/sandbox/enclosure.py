"""What a sandbox without root is in: namespaces in which its user is root.

A user namespace with a mount, a network and a process namespace, kept together by
`enclosing`. Every command about the sandbox enters it and then works as root's do; the
machines are started in its process namespace, so that none outlives it. Nothing of it
is seen outside but its processes, and its files in the user's own directory.
"""

import os
import signal
import sys
from contextlib import ExitStack, suppress
from pathlib import Path

from attrs import frozen

from flocker.model.errors import FlockerError
from flocker.runtime.process import run_sync
from flocker.sandbox.enclosing import RECORD
from flocker.sandbox.environment import DETACHED, machine_environment
from flocker.sandbox.layout import Layout
from flocker.sandbox.namespaces import join
from flocker.sandbox.places import ENCLOSED, places
from flocker.sandbox.processes import Process, is_alive, kernel_boot, send
from flocker.sandbox.records import Enclosure, read_enclosure
from flocker.sandbox.waiting import until

NEW: tuple[str, ...] = (
    *("unshare", "--user", "--map-root-user", "--mount", "--net", "--pid"),
    *("--fork", "--kill-child", "--propagation=slave"),
)
"""Before a command that runs in new namespaces; it hears of the outside's mounts."""
_ENTERED = ("user", "net", "mnt")
"""In this order: only root of the user namespace may enter the others."""
_LONGEST = 60.0
"""Seconds."""


@frozen
class EnclosureGone(FlockerError):
    """The process that kept a sandbox together has ended, and with it all machines."""

    name: str

    def words(self) -> str:
        """Say what is to be done."""
        return (
            f"the sandbox {self.name!r} has ended: the process that kept it together is"
            f" gone; `flocker-sandbox --name {self.name} down` removes what is left"
        )


def inside() -> bool:
    """Say whether this process is in such namespaces."""
    return ENCLOSED.exists()


def kept(layout: Layout) -> Enclosure | None:
    """Give the record of a sandbox's namespaces while they are kept, else None."""
    record = read_enclosure(layout.state / RECORD)
    if record is None or record.kernel != kernel_boot() or not is_alive(record.init):
        return None
    return record


def make(layout: Layout) -> None:
    """Make the namespaces of a sandbox and be in them; hold its lock.

    Raises `Waited`, and what programs raise.
    """
    log = layout.state / "enclosure.log"
    program = (sys.executable, "-m", "flocker.sandbox.enclosing")
    arguments = (str(layout.state), str(places().top))
    run_sync(
        ["sh", "-c", DETACHED, "sh", str(log), *NEW, "--", *program, *arguments],
        env=machine_environment(),
    )
    what = f"namespaces of the user's own; see {log}"
    until(lambda: kept(layout) is not None, what, _LONGEST)
    enter(layout)


def enter(layout: Layout) -> None:
    """Be where a sandbox's namespaces are; raises `EnclosureGone`.

    Only a process with one thread can.
    """
    if inside():
        return
    record = _demand(layout)
    here = Path.cwd()
    with ExitStack() as stack:
        opened = [
            os.open(f"/proc/{record.init.pid}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC)
            for kind in _ENTERED
        ]
        for descriptor in opened:
            stack.callback(os.close, descriptor)
        _ = _demand(layout)  # its number was not another's when they were opened
        for descriptor in opened:
            join(descriptor)
    with suppress(OSError):  # it is one that only the outside has
        os.chdir(here)


def entering(layout: Layout) -> list[str]:
    """Give the command before which an outsider's command runs in the namespaces.

    Empty where a sandbox needs none. Raises `EnclosureGone`.
    """
    if not places().rootless:
        return []
    target = f"--target={_demand(layout).init.pid}"
    user = ("--user", "--preserve-credentials")
    return ["nsenter", target, *user, "--mount", "--net", "--"]


def held(layout: Layout) -> list[str]:
    """Give the command before which machines are started: they end with the enclosure.

    Empty where a sandbox needs none. Raises `EnclosureGone`.
    """
    if not places().rootless:
        return []
    return ["nsenter", f"--target={_demand(layout).init.pid}", "--pid", "--"]


def end(layout: Layout) -> None:
    """End all that is in the namespaces; nothing happens if there are none.

    The kernel has ended all others when the first process is gone. Raises `Waited`.
    """
    record = kept(layout)
    if record is None:
        return
    send(record.init, signal.SIGKILL)
    both: tuple[Process, ...] = (record.init, record.waiting)
    what = f"the end of what is in {layout.name}"
    until(lambda: not any(map(is_alive, both)), what, _LONGEST)


def _demand(layout: Layout) -> Enclosure:
    record = kept(layout)
    if record is None:
        raise EnclosureGone(layout.name)
    return record
