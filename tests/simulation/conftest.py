"""What every simulated cluster is checked for, besides its own invariants."""

import gc
from collections.abc import Iterator
from typing import Any

import eliot
import pytest
from twisted.logger import LogEvent, LogLevel, formatEvent, globalLogPublisher

OURS = ("flocker:report:fault", "flocker:session:fault", "flocker:connection:")
"""Log messages of faults that no driver can be blamed for."""


@pytest.fixture(autouse=True)
def _no_faults_of_ours() -> Iterator[None]:
    """Nothing is raised and dropped, and no part of the agent fails by itself."""
    faults: list[object] = []

    def from_eliot(message: dict[str, Any]) -> None:
        name = str(message.get("message_type"))
        if "traceback" in message and name.startswith(OURS):
            faults.append(message)

    def from_twisted(event: LogEvent) -> None:
        if event.get("log_level", LogLevel.info) >= LogLevel.error:
            faults.append(formatEvent(event))

    eliot.add_destinations(from_eliot)
    faults.clear()  # the first destination is given what was logged before
    globalLogPublisher.addObserver(from_twisted)
    gc.freeze()  # so that only what the test left is looked through
    yield
    gc.collect()
    gc.unfreeze()
    globalLogPublisher.removeObserver(from_twisted)
    eliot.remove_destination(from_eliot)
    assert faults == []
