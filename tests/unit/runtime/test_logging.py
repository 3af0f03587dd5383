"""Actions are logged with their end, and abandoned ones disturb nobody."""

from collections.abc import Iterator
from contextvars import copy_context
from typing import Any

import eliot
import pytest
from twisted.internet.defer import Deferred

from flocker.runtime.logging import action, continued, current_task_id


@pytest.fixture
def logged() -> Iterator[list[dict[str, Any]]]:
    """What is logged during a test."""
    found: list[dict[str, Any]] = []
    destination = found.append
    eliot.add_destinations(destination)
    found.clear()
    yield found
    eliot.remove_destination(destination)


def statuses(logged: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Actions and how they are, in order."""
    return [(each["action_type"], each["action_status"]) for each in logged]


def test_succeeds(logged):
    """An action says that it began and that it succeeded."""
    with action("flocker:test:work"):
        pass
    assert statuses(logged) == [
        ("flocker:test:work", "started"),
        ("flocker:test:work", "succeeded"),
    ]


def test_fails(logged):
    """An action that raises says so, and raises."""
    with pytest.raises(ZeroDivisionError), action("flocker:test:work"):
        raise ZeroDivisionError
    assert statuses(logged)[-1] == ("flocker:test:work", "failed")
    assert current_task_id() == ""


def test_continued(logged):
    """An action of another process goes on in its task."""
    with action("flocker:test:asks"):
        task = current_task_id()
    with continued(task, "flocker:test:does"):
        pass
    assert len({each["task_uuid"] for each in logged}) == 1


def test_abandoned(logged):
    """A coroutine that nobody waits for any more may be closed in any context."""

    async def work() -> None:
        with action("flocker:test:work"):
            await Deferred()

    abandoned = work()
    copy_context().run(abandoned.send, None)
    copy_context().run(abandoned.close)
    assert statuses(logged) == [("flocker:test:work", "started")]
