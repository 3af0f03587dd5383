"""What killed runs of tests left on this machine goes before the next begins.

Called by the session of pytest whose tests make such things. Whose owner lives is left
alone: several runs go on beside each other. A sweep waits for another one, so when it
ends nothing is left, whoever removed it.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from flocker.sandbox import removing
from flocker.sandbox.removing import Swept
from flocker.testing import loop_devices, ordinary_users, systemd_nodes
from flocker.testing.claims import PARENT
from flocker.testing.orphans import end_orphans

_SWEEPING = PARENT / ".flocker-test-sweep.lock"


def sweep() -> Swept:
    """Remove all that killed runs left, first whoever may use anything of it."""
    with _one_at_a_time():
        return (
            end_orphans()
            + removing.sweep(lambda _: None)
            + ordinary_users.sweep()
            + systemd_nodes.sweep()
            + loop_devices.sweep()
        )


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    with _SWEEPING.open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
