"""The REST API in memory: the real resource over a store in memory."""

import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from attrs import frozen
from jsonschema import Draft202012Validator, FormatChecker
from treq.testing import StubTreq
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from flocker.control.events import Events
from flocker.control.observations import Observations
from flocker.control.operations import Operations, Timing
from flocker.model.cluster import (
    AgentIdentity,
    BackendReport,
    Condition,
    Fact,
    Role,
    Volume,
    Want,
)
from flocker.model.datasets import DEFAULT_BACKEND
from flocker.model.ids import DatasetID, Era, InstanceID, NodeID, ProcessID
from flocker.restapi.app import World, app_resource, site
from flocker.restapi.endpoint import endpoints_of
from flocker.restapi.openapi import ROOMS, answers_of, document
from flocker.testing.fakes.memory_lister import MemoryListers
from flocker.testing.fakes.stores import MemoryStore

START = 1_700_000_000.0
BACKENDS = (BackendReport(DEFAULT_BACKEND, "memory", "block", InstanceID("i-1")),)
STORE = UUID("57000000-0000-4000-8000-000000000000")


@frozen
class Reply:
    """An answer as a client gets it."""

    code: int
    headers: Mapping[str, list[str]]
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)

    def header(self, name: str) -> str | None:
        values = self.headers.get(name.lower(), [])
        return values[-1] if values else None


def read_reply(sent: bytes) -> Reply:
    """Take apart one answer as it goes over the wire."""
    head, _, content = sent.partition(b"\r\n\r\n")
    if head == b"HTTP/1.1 100 Continue":
        head, _, content = content.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers: dict[str, list[str]] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        headers.setdefault(name.lower(), []).append(value)
    return Reply(int(status.split()[1]), headers, content)


DOCUMENT = document(ROOMS)
SCHEMAS = {"$defs": DOCUMENT["components"]["schemas"]}


@cache
def validator(schema: str) -> Draft202012Validator:
    """What checks a body by the schema of this name."""
    text = json.dumps({"$ref": f"#/components/schemas/{schema}", **SCHEMAS})
    found = json.loads(text.replace("#/components/schemas/", "#/$defs/"))
    return Draft202012Validator(found, format_checker=FormatChecker())


def check_promise(method: str, path: str, reply: Reply) -> None:
    """See that an answer is one that the description of the API has."""
    plain = path.partition("?")[0]
    for room in ROOMS:
        for found in endpoints_of(room):
            pattern = re.sub(r"<\w+>", "[^/]+", found.path)
            if found.method == method and re.fullmatch(pattern, plain):
                schema = answers_of(found)[reply.code]
                if schema not in {"nothing", "stream", "exposition"}:
                    validator(schema).validate(reply.json)


class Api:
    """A control service without a network, and whoever talks to it.

    Whatever it answers must be what its own description says.
    """

    def __init__(self, store: MemoryStore | None = None) -> None:
        self.clock = Clock()
        self.clock.advance(START)
        self.store = store or MemoryStore()
        self.observations = Observations()
        self.operations = Operations(
            self.store,
            self.store.stored,
            self.observations,
            self.clock,
            Timing(self.clock.seconds),
        )
        self.events = Events(self.operations, STORE, self.clock.seconds)
        numbers = count(1)
        self.listers = MemoryListers()
        self.resource = app_resource(
            self.operations,
            self.events,
            World(
                self.clock,
                self.clock.seconds,
                lambda: UUID(
                    int=(0xD << 124) | (0x4 << 76) | (2 << 62) | next(numbers)
                ),
            ),
            store_id=STORE,
            agents=self.listers,
            version="2.0.0.test",
        )
        self.treq = StubTreq(self.resource)

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, Iterable[str]] | None = None,
    ) -> Reply:
        """Ask through a real HTTP client; a body that is not bytes is sent as JSON."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body)
        replies: list[Any] = []

        async def asking() -> Reply:
            response = await self.treq.request(
                method,
                f"https://control{path}",
                data=data,
                headers={k: list(v) for k, v in (headers or {}).items()},
            )
            self.treq.flush()
            content = await response.content()
            got = {
                name.decode().lower(): [value.decode() for value in values]
                for name, values in response.headers.getAllRawHeaders()
            }
            return Reply(response.code, got, content)

        Deferred.fromCoroutine(asking()).addBoth(replies.append)
        self.treq.flush()
        (reply,) = replies
        assert isinstance(reply, Reply), reply
        check_promise(method, path, reply)
        return reply

    def get(self, path: str, headers=None) -> Reply:
        return self.ask("GET", path, headers=headers)

    def post(self, path: str, body: object, headers=None) -> Reply:
        return self.ask("POST", path, body, headers)

    def delete(self, path: str, headers=None) -> Reply:
        return self.ask("DELETE", path, headers=headers)

    def dial(self) -> tuple[Any, StringTransport]:
        """Connect to the real protocol; give it and what it writes to."""
        protocol = site(self.resource, self.clock).buildProtocol(None)
        transport = StringTransport()
        protocol.makeConnection(transport)
        return protocol, transport

    def raw(self, request: bytes) -> Reply:
        """Send bytes over a connection of their own; read the one answer."""
        protocol, transport = self.dial()
        protocol.dataReceived(request)
        reply = read_reply(transport.value())
        protocol.connectionLost(Failure(ConnectionDone()))
        return reply

    def connect(self, node: NodeID, host: str = "10.0.0.1", era: int = 1) -> None:
        """Let the agent of `node` connect."""
        identity = AgentIdentity(
            node,
            Role.DATASET,
            Era(UUID(int=era)),
            ProcessID(UUID(int=7)),
            host,
            "2.0",
            BACKENDS,
        )
        self.observations.connected(identity, self.clock.seconds())

    def lists(self, node: NodeID, *volumes: Volume) -> None:
        """Let the backends of a connected `node` list these volumes."""
        self.listers.lists(node, *volumes)

    def report(self, node: NodeID, *facts: Fact) -> None:
        """Let the agent of `node` report all that it knows."""
        now = self.clock.seconds()
        self.observations.replace(node, [(fact, 0.0) for fact in facts], now)


def a_fact(dataset: UUID, condition: Condition, **fields: Any) -> Fact:
    """A fact about `dataset`."""
    return Fact(DatasetID(dataset), Want.MOUNTED, condition, **fields)


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture(scope="session")
def new_api():
    """For Hypothesis, which wants a new one an example."""
    return Api


@pytest.fixture
def fact():
    return a_fact
