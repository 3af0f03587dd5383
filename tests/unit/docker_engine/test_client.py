"""Tests of what goes wrong with an engine; that it goes right the conformance shows."""

from collections.abc import Coroutine
from typing import Any

import pytest
from treq.testing import RequestTraversalAgent
from twisted.internet import error as network
from twisted.internet.defer import Deferred, fail
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.web.iweb import IAgent
from twisted.web.resource import Resource
from zope.interface import implementer

from flocker.docker_engine.client import ANSWER_WITHIN, DockerEngine
from flocker.docker_engine.interface import EngineRefused, EngineUnreachable

WHERE = "/run/docker.sock"


class Answers(Resource):
    """Answers everything alike."""

    def __init__(self, code: int, body: bytes) -> None:
        super().__init__()
        self.isLeaf = 1
        self._code, self._body = code, body

    def render_GET(self, request) -> bytes:
        """Answer."""
        request.setResponseCode(self._code)
        return self._body


@implementer(IAgent)
class Broken:
    """Nobody is there; or somebody who says nothing."""

    def __init__(self, cause: Exception | None) -> None:
        self._cause = cause

    def request(self, method, uri, headers=None, bodyProducer=None):
        """Fail, or be silent."""
        return Deferred() if self._cause is None else fail(self._cause)


def raised(agent: IAgent, clock: Clock, work: str = "containers") -> Exception:
    """What a question raises."""
    found: list[Failure] = []
    asked: Coroutine[Any, Any, object] = getattr(
        DockerEngine(WHERE, agent, clock), work
    )()
    _ = Deferred.fromCoroutine(asked).addErrback(found.append)
    if isinstance(agent, RequestTraversalAgent):
        agent.flush()
    clock.advance(ANSWER_WITHIN)
    (failure,) = found
    assert isinstance(failure.value, Exception)
    return failure.value


@pytest.mark.parametrize("work", ["containers", "happenings"])
def test_nobody_there(work: str) -> None:
    """Where nobody listens the socket and the cause are named."""
    refused = network.ConnectionRefusedError(osError=111)
    error = raised(Broken(refused), Clock(), work)
    assert isinstance(error, EngineUnreachable)
    assert (error.socket, error.why) == (WHERE, "connection refused")


def test_silent() -> None:
    """Who does not answer in time is not there."""
    error = raised(Broken(None), Clock())
    assert isinstance(error, EngineUnreachable)
    assert error.why == "no answer within 10 s"


def test_refused() -> None:
    """What the engine refuses is repeated."""
    agent = RequestTraversalAgent(Answers(500, b'{"message":"broken"}\n'))
    error = raised(agent, Clock())
    assert isinstance(error, EngineRefused)
    assert (error.status, error.said) == (500, '{"message":"broken"}')


def test_not_an_engine() -> None:
    """Whoever speaks otherwise is no engine."""
    agent = RequestTraversalAgent(Answers(200, b"<html>"))
    error = raised(agent, Clock())
    assert isinstance(error, EngineRefused)
    assert "it is no JSON" in error.said
