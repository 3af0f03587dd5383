"""What is common to all endpoints."""

from typing import Any

import eliot
import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from flocker.model.changes import Change
from flocker.model.configuration import Configuration
from flocker.testing.fakes.stores import MemoryStore

NODE = "5d7a0000-0000-4000-8000-000000000001"
DATASETS = "/v1/configuration/datasets"


@pytest.fixture
def log():
    entries: list[dict[str, Any]] = []
    eliot.add_destinations(entries.append)
    yield entries
    eliot.remove_destination(entries.append)


class FaultyStore(MemoryStore):
    """Has a mistake in it."""

    async def commit(self, changes, expected_revision: int) -> None:
        raise ZeroDivisionError("a mistake")


class SlowStore(MemoryStore):
    """Commits when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.let: Deferred[None] = Deferred()

    async def commit(self, changes, expected_revision: int) -> None:
        await self.let
        await super().commit(changes, expected_revision)


class Hearing:
    """Notes what was announced."""

    def __init__(self) -> None:
        self.heard: list[Change] = []

    def changed(self, change: Change, configuration: Configuration) -> None:
        self.heard.append(change)


def test_store_trouble(api) -> None:
    """A store that does not work is 503 with its cause, and nothing has changed."""
    api.store.broken = "database or disk is full"
    reply = api.post(DATASETS, {"primary": NODE})
    assert (reply.code, reply.header("Retry-After")) == (503, "5")
    assert "database or disk is full" in reply.json["description"]
    assert api.get(DATASETS).json == []
    api.store.broken = None
    assert api.post(DATASETS, {"primary": NODE}).code == 201


def test_fault_of_ours(new_api, log) -> None:
    """A mistake in Flocker is 500 with an incident by which the log says more."""
    reply = new_api(FaultyStore()).post(DATASETS, {"primary": NODE})
    assert (reply.code, set(reply.json)) == (500, {"description", "incident"})
    assert reply.header("Content-Type") == "application/json"
    (entry,) = [e for e in log if e.get("message_type") == "flocker:api:fault"]
    assert reply.json["incident"].startswith(entry["task_uuid"])
    assert "ZeroDivisionError" in entry["traceback"]


def test_commit_is_finished_though_the_client_hangs_up(new_api) -> None:
    """Whoever does not wait for the answer has still changed the configuration."""
    store = SlowStore()
    api = new_api(store)
    hearing = Hearing()
    api.operations.listen(hearing)
    protocol, _ = api.dial()
    body = b'{"primary": "%b"}' % NODE.encode()
    protocol.dataReceived(
        b"POST %b HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b"
        % (DATASETS.encode(), len(body), body)
    )
    protocol.connectionLost(Failure(ConnectionDone()))
    store.let.callback(None)
    assert len(hearing.heard) == 1
    assert api.operations.configuration == store.stored
    assert len(store.stored.datasets) == 1


def test_task_is_continued(api, log) -> None:
    """The log of a request is part of the task that the client names."""
    task = "9f8c7d6e-0000-4000-8000-000000000001"
    api.get("/v1/version", {"X-Eliot-Task-Id": [f"{task}@/3/2"]})
    (start,) = [e for e in log if e.get("action_type") == "flocker:api:request"][:1]
    assert (start["task_uuid"], start["task_level"]) == (task, [3, 2, 1])


@pytest.mark.parametrize(
    "value", ["", "x", "@", "x@y", "a@/", "a@/1/x", "\u00e9@/1", "a@/" + "9" * 5000]
)
def test_other_task_ids_are_ignored(api, log, value: str) -> None:
    """What is no task id starts a task like no id at all."""
    reply = api.get(
        "/v1/version", {"X-Eliot-Task-Id": [value.encode().decode("latin-1")]}
    )
    assert reply.code == 200
    assert [e for e in log if e.get("action_type") == "flocker:api:request"]


def test_get_ignores_bodies(api) -> None:
    """Clients send bodies and a JSON content type with GET and DELETE."""
    headers = {"Content-Type": ["application/json"]}
    assert api.ask("GET", "/v1/version", b"\xff{", headers).code == 200
    assert api.ask("DELETE", f"{DATASETS}/{NODE}", b"\xff{", headers).code == 404
