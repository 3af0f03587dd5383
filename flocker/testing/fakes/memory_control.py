"""A control service without sockets: real operations and REST API, agents as words.

For tests of doors. What agents would report is put in with `connected` and `says`; its
clients are the real one.
"""

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, cast
from uuid import UUID, uuid4

from treq.testing import RequestTraversalAgent
from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectionRefusedError as Refused
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.test.iosim import IOPump
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer, IResponse
from twisted.web.resource import IResource
from zope.interface import implementer

from flocker import __version__
from flocker.client.http import HTTPFlockerClient
from flocker.client.interface import IFlockerClient
from flocker.client.routes import Route
from flocker.control.events import Events
from flocker.control.observations import Observations
from flocker.control.operations import Operations, Timing
from flocker.model.cluster import AgentIdentity, BackendReport, Fact, Role, Volume
from flocker.model.configuration import Configuration
from flocker.model.datasets import DEFAULT_BACKEND
from flocker.model.ids import Era, InstanceID, NodeID, ProcessID
from flocker.restapi.app import World, app_resource
from flocker.testing.fakes.memory_lister import MemoryListers
from flocker.testing.fakes.stores import MemoryStore

T = TypeVar("T")

_STEP = 0.1
"""Seconds by which the clock goes on while something is waited for."""
_EVENTS = b"/v1/events"
_LONGEST = 3600.0
"""Seconds after which a test has waited in vain."""


class NeverDone(AssertionError):
    """What was run does not end, however long it is waited for."""


class MemoryControl:
    """A cluster whose agents say what a test lets them say; `clock` is everybody's.

    It may be not `reachable`, or so old that it `has_events` not, or all at once
    `silent` on the streams that are open.
    """

    def __init__(self) -> None:
        self.clock = Clock()
        self.store = MemoryStore()
        self.observations = Observations()
        self.operations = Operations(
            self.store,
            Configuration(),
            self.observations,
            self.clock,
            Timing(self.clock.seconds),
        )
        self.events = Events(self.operations, UUID(int=2), self.clock.seconds)
        self.reachable = True
        self.has_events = True
        self.silent = False
        self.acts: dict[bytes, Callable[[], None]] = {}
        self.listers = MemoryListers()
        resource = app_resource(
            self.operations,
            self.events,
            World(self.clock, self.clock.seconds),
            store_id=UUID(int=1),
            agents=self.listers,
            version=__version__,
        )
        self._agent = _traversing(resource)

    def client(self, where: str = "control:4523") -> IFlockerClient:
        """Give a client of this control service."""
        return HTTPFlockerClient([self.route(where)], self.clock)

    def route(self, where: str = "control:4523") -> Route:
        """Give a way here, for a client that has several."""
        return Route(where, _Reaching(self, self._agent), lambda _error: None)

    def connected(
        self,
        node: NodeID,
        host: str,
        era: Era | None = None,
        instance: InstanceID | None = None,
    ) -> None:
        """A node's agent has connected, in another life unless that is given.

        Its backend calls the machine `instance`, if that is known.
        """
        identity = AgentIdentity(
            node=node,
            role=Role.DATASET,
            era=era or Era(uuid4()),
            process=ProcessID(uuid4()),
            host=host,
            version=__version__,
            backends=(BackendReport(DEFAULT_BACKEND, "memory", "block", instance),),
        )
        touched = self.observations.connected(identity, self.clock.seconds())
        self.operations.heard_of(touched, (node,))

    def disconnected(self, node: NodeID) -> None:
        """A node's agent is not heard any more."""
        touched = self.observations.disconnected(node, self.clock.seconds())
        self.operations.heard_of(touched, (node,))

    def says(self, node: NodeID, fact: Fact) -> None:
        """A node's agent reports something new of one dataset."""
        touched = self.observations.edit(node, [(fact, 0.0)], [], self.clock.seconds())
        self.operations.heard_of(touched)

    def before(self, method: str, act: Callable[[], None]) -> None:
        """Call `act` just before each request of this method comes in."""
        self.acts[method.encode("ascii")] = act

    def hang_up(self) -> None:
        """All connections that are open break."""
        pumps: set[IOPump] = vars(self._agent)["_pumps"]  # treq keeps them to itself
        for pump in pumps:
            pump.serverIO.loseConnection()
        self._agent.flush()

    def lists(self, node: NodeID, *volumes: Volume) -> None:
        """A node's backends list these volumes, if somebody asks."""
        self.listers.lists(node, *volumes)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do `work` while time goes by; raises `NeverDone`, and what it raises."""
        done: list[T | Failure] = []
        task: Deferred[T] = Deferred.fromCoroutine(work)
        _ = task.addBoth(done.append)
        ends = self.clock.seconds() + _LONGEST
        while not done:
            if self.clock.seconds() > ends:
                raise NeverDone
            self.clock.advance(_STEP)
            if not self.silent:
                self._agent.flush()
        result = done[0]
        if isinstance(result, Failure):
            result.raiseException()
        return result


@implementer(IAgent)
class _Reaching:
    """Refuses connections while the control service is not reachable."""

    def __init__(self, control: MemoryControl, agent: IAgent) -> None:
        self._control = control
        self._agent = agent

    def request(
        self,
        method: bytes,
        uri: bytes,
        headers: Headers | None = None,
        bodyProducer: IBodyProducer | None = None,
    ) -> Deferred[IResponse]:
        if not self._control.reachable:
            return fail(Refused())
        if uri.endswith(_EVENTS) and not self._control.has_events:
            uri += b"/are/not/served"
        self._control.acts.get(method, _do_nothing)()
        return self._agent.request(method, uri, headers, bodyProducer)


def _do_nothing() -> None: ...


class _Traversing(IAgent):
    """What treq's agent can do; it has no annotations."""

    def flush() -> None:
        """Pass on what streams have written."""


def _traversing(resource: IResource) -> _Traversing:
    # Without annotations in treq, mypy must be told what this makes.
    return cast(Callable[[IResource], _Traversing], RequestTraversalAgent)(resource)
