"""Asking a part of a simulated world for what it does at once."""

from collections.abc import Coroutine
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from flocker.model.errors import FlockerError
from flocker.testing.simulation.invariants import Violated


def run_now(work: Coroutine[Any, Any, object]) -> None:
    """Do what takes no time. Raises what it raises."""
    done: list[object] = []
    task: Deferred[object] = Deferred.fromCoroutine(work)
    _ = task.addBoth(done.append)
    if not done:
        raise Violated("what should take no time takes some")
    if isinstance(done[0], Failure):
        error = done[0].value
        assert isinstance(error, FlockerError), done[0].getTraceback()
        raise error
