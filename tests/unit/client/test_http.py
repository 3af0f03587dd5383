"""Tests of the HTTP client, against the real REST API without a network."""

from datetime import timedelta
from uuid import UUID

import pytest
from pyrsistent import pmap
from treq.testing import RequestTraversalAgent
from twisted.internet import error as network
from twisted.internet.address import IPv4Address
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.web.client import ResponseNeverReceived
from twisted.web.iweb import IAgent
from twisted.web.resource import Resource
from zope.interface import implementer

from flocker import __version__
from flocker.ca.handshake import PeerRefused
from flocker.client.http import HTTPFlockerClient
from flocker.client.interface import (
    AnswerLost,
    NewDataset,
    NewLease,
    NotFlocker,
    RequestRefused,
    TLSRefused,
    Unreachable,
    Wishes,
)
from flocker.client.routes import ANSWER_WITHIN, Address, Route
from flocker.model.cluster import Condition, Fact, Want
from flocker.model.ids import BackendName, DatasetID, Era, NodeID
from flocker.model.sizes import GIBIBYTE
from flocker.testing.fakes.memory_control import MemoryControl

DATASET = DatasetID(UUID("11111111-1111-4111-8111-111111111111"))
NODE = NodeID(UUID("aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"))
OTHER = NodeID(UUID("bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"))
NEW = NewDataset(DATASET, NODE, GIBIBYTE, pmap({"name": "pg"}))


@implementer(IAgent)
class Broken:
    """An agent whose every request ends in this way; None: it never ends."""

    def __init__(self, error: Exception | None) -> None:
        self.error = error

    def request(self, method, uri, headers=None, bodyProducer=None):
        """Ask for something."""
        return Deferred() if self.error is None else fail(self.error)


class Page(Resource):
    """A web server that has one page, whatever is asked for."""

    def __init__(self, body: bytes, status: int) -> None:
        super().__init__()
        self.body = body
        self.status = status

    def getChild(self, path, request):
        """Lead every path here."""
        return self

    def render_GET(self, request):
        """Give the page."""
        request.setResponseCode(self.status)
        return self.body


def lost(cause: Exception) -> ResponseNeverReceived:
    """How Twisted says that a connection broke before the answer."""
    return ResponseNeverReceived([Failure(cause)])


def route(where: str, agent: IAgent) -> Route:
    """A way on which TLS gives no trouble."""
    return Route(where, agent, lambda _error: None)


def broken(error: Exception | None, clock: Clock | None = None) -> HTTPFlockerClient:
    """A client with one route that is broken."""
    return HTTPFlockerClient([route("a:1", Broken(error))], clock or Clock())


def answering(body: bytes, status: int = 200) -> HTTPFlockerClient:
    """A client of some web server that answers everything with this."""
    agent = RequestTraversalAgent(Page(body, status))
    return HTTPFlockerClient([route("a:1", agent)], Clock())


@pytest.fixture
def control() -> MemoryControl:
    """A control service with one node."""
    control = MemoryControl()
    control.connected(NODE, "10.0.0.1")
    return control


def test_version(control: MemoryControl) -> None:
    """The server's version is its version."""
    assert control.run(control.client().version()) == __version__


def test_nodes(control: MemoryControl) -> None:
    """Nodes come with their address and whether they are connected."""
    (node,) = control.run(control.client().nodes())
    assert (node.uuid, node.host, node.connected) == (NODE, "10.0.0.1", True)


def test_create(control: MemoryControl) -> None:
    """A created dataset is wanted as it was asked for."""
    client = control.client()
    answer = control.run(client.create(NEW))
    (listed,) = control.run(client.datasets())
    assert (answer.dataset_id, answer.primary, answer.maximum_size) == (
        DATASET,
        NODE,
        GIBIBYTE,
    )
    assert (listed.dataset_id, listed.name, listed.phase) == (DATASET, "pg", "waiting")


def test_create_without_size(control: MemoryControl) -> None:
    """Without a size the server chooses."""
    answer = control.run(control.client().create(NewDataset(DATASET, NODE)))
    assert (answer.maximum_size, dict(answer.metadata)) == (None, {})


def test_dataset_in_full(control: MemoryControl) -> None:
    """One dataset comes with what each node says of it."""
    client = control.client()
    control.run(client.create(NEW))
    control.says(
        NODE, Fact(DATASET, Want.MOUNTED, Condition.MOUNTED, path="/flocker/x")
    )
    found = control.run(client.dataset(DATASET))
    assert (found.phase, found.path) == ("mounted", "/flocker/x")
    assert found.nodes[NODE].condition == "mounted"


def test_move(control: MemoryControl) -> None:
    """A moved dataset is wanted on the other node."""
    client = control.client()
    control.run(client.create(NEW))
    assert control.run(client.move(DATASET, OTHER)).primary == OTHER


def test_destroy(control: MemoryControl) -> None:
    """A destroyed dataset is deleted."""
    client = control.client()
    control.run(client.create(NEW))
    assert control.run(client.destroy(DATASET)).deleted


def test_refused(control: MemoryControl) -> None:
    """What the server refuses comes with its status and its words."""
    client = control.client()
    with pytest.raises(RequestRefused) as raised:
        control.run(client.move(DATASET, NODE))
    assert (raised.value.status, raised.value.description) == (
        404,
        f"there is no dataset {DATASET}",
    )


def test_refused_with_errors(control: MemoryControl) -> None:
    """Violations of a schema are repeated one by one."""
    client = control.client()
    with pytest.raises(RequestRefused) as raised:
        control.run(client.create(NewDataset(DATASET, NODE, 5)))
    assert raised.value.status == 400
    assert len(raised.value.errors) > 0


def test_unreachable(control: MemoryControl) -> None:
    """A control service that is not there is named with the cause."""
    control.reachable = False
    with pytest.raises(Unreachable) as raised:
        control.run(control.client("host:4523").version())
    assert raised.value.tried == (("host:4523", "connection refused"),)


@pytest.mark.parametrize("cause", [network.ConnectionRefusedError(), lost(OSError())])
def test_next_address(control: MemoryControl, cause: Exception) -> None:
    """Where one address does not answer a question, the next is asked."""
    routes = [route("a:1", Broken(cause)), control.route()]
    client = HTTPFlockerClient(routes, control.clock)
    assert control.run(client.version()) == __version__


def test_all_addresses_named(control: MemoryControl) -> None:
    """If no address answers, each is named with its own cause."""
    routes = [
        route("a:1", Broken(network.DNSLookupError())),
        route("b:1", Broken(network.TimeoutError())),
    ]
    with pytest.raises(Unreachable) as raised:
        control.run(HTTPFlockerClient(routes, control.clock).version())
    assert raised.value.tried == (
        ("a:1", "there is no host of this name"),
        ("b:1", "no connection within 10 s"),
    )


def test_change_is_not_repeated(control: MemoryControl) -> None:
    """A change whose answer is lost may have been made: it is not asked for again."""
    routes = [route("a:1", Broken(lost(network.ConnectionLost()))), control.route()]
    with pytest.raises(AnswerLost):
        control.run(HTTPFlockerClient(routes, control.clock).create(NEW))
    assert control.run(control.client().datasets()) == ()


def test_change_goes_to_the_next_address(control: MemoryControl) -> None:
    """A change that was certainly not asked for may be asked of the next address."""
    routes = [route("a:1", Broken(network.ConnectionRefusedError())), control.route()]
    client = HTTPFlockerClient(routes, control.clock)
    assert control.run(client.create(NEW)).dataset_id == DATASET


def test_slow_answer(control: MemoryControl) -> None:
    """An answer that does not come in time is a cause, in words."""
    with pytest.raises(Unreachable) as raised:
        control.run(broken(None, control.clock).version())
    assert raised.value.tried == (("a:1", f"no answer within {ANSWER_WITHIN:.0f} s"),)


@pytest.mark.parametrize("change", [False, True])
def test_refused_by_tls(control: MemoryControl, change: bool) -> None:  # noqa: FBT001
    """A connection that TLS ends is no loss of an answer: its cause is said."""
    error = lost(PeerRefused("1.2.3.4:5 presented X"))
    client = HTTPFlockerClient([Route("a:1", Broken(error), str)], control.clock)
    with pytest.raises(TLSRefused) as raised:
        control.run(client.create(NEW) if change else client.nodes())
    assert (raised.value.where, raised.value.why) == ("a:1", "1.2.3.4:5 presented X")


def test_not_flocker(control: MemoryControl) -> None:
    """A server that answers with something else is not a control service."""
    with pytest.raises(NotFlocker) as raised:
        control.run(answering(b"<html>Welcome").version())
    assert raised.value.where == "a:1"


def test_not_found_by_a_stranger(control: MemoryControl) -> None:
    """An error page that is not ours is no refusal of ours."""
    with pytest.raises(NotFlocker):
        control.run(answering(b"{}").nodes())


def test_newer_server(control: MemoryControl) -> None:
    """Keys that we do not know do no harm."""
    client = answering(b'{"flocker": "3.0", "codename": "x"}')
    assert control.run(client.version()) == "3.0"


def test_address_in_words() -> None:
    """An IPv6 address is written so that its port can be told."""
    assert [str(Address("::1", 4523)), str(Address("host", 1))] == [
        "[::1]:4523",
        "host:1",
    ]


def test_cancelled_while_connecting() -> None:
    """Who gives up while a connection is made, has given up; that is no fault."""
    cancelled = network.ConnectingCancelledError(IPv4Address("TCP", "a", 1))
    with pytest.raises(CancelledError):
        MemoryControl().run(broken(cancelled).version())


def test_greet(control: MemoryControl) -> None:
    """Who answers says where, which version, and what time it is there."""
    found = control.run(control.client("there:1").greet())
    assert (found.where, found.version) == ("there:1", __version__)
    assert found.time is not None
    assert found.time.utcoffset() == timedelta()


def test_create_with_all_wishes(control: MemoryControl) -> None:
    """Backend, mounting and filesystem are asked for as given."""
    new = NewDataset(
        DATASET,
        NODE,
        backend=BackendName("fast"),
        mount="on-use",
        filesystem="xfs",
    )
    control.run(control.client().create(new))
    (listed,) = control.run(control.client().datasets())
    assert (listed.backend, listed.mount, listed.filesystem) == (
        "fast",
        "on-use",
        "xfs",
    )


@pytest.mark.parametrize(
    ("wishes", "found"),
    [
        (Wishes(maximum_size=2 * GIBIBYTE), (2 * GIBIBYTE, {"name": "pg"})),
        (Wishes(metadata={"a": "b"}), (GIBIBYTE, {"a": "b"})),
        (Wishes(), (GIBIBYTE, {"name": "pg"})),
    ],
)
def test_update(
    control: MemoryControl, wishes: Wishes, found: tuple[int, dict[str, str]]
) -> None:
    """What is wished is changed, and nothing else."""
    client = control.client()
    control.run(client.create(NEW))
    answer = control.run(client.update(DATASET, wishes))
    assert (answer.maximum_size, dict(answer.metadata)) == found


def test_purge(control: MemoryControl) -> None:
    """A destroyed dataset can be forgotten, one that is not cannot."""
    client = control.client()
    control.run(client.create(NEW))
    with pytest.raises(RequestRefused) as raised:
        control.run(client.purge(DATASET))
    assert raised.value.status == 409
    control.run(client.destroy(DATASET))
    control.says(NODE, Fact(DATASET, Want.DELETED, Condition.MISSING))
    assert control.run(client.purge(DATASET)).deleted
    assert control.run(client.datasets()) == ()


def test_destroy_if_unleased(control: MemoryControl) -> None:
    """What is leased is destroyed only by who does not mind."""
    client = control.client()
    control.run(client.create(NEW))
    control.run(client.acquire(NewLease(DATASET, NODE)))
    with pytest.raises(RequestRefused, match="is leased to node") as raised:
        control.run(client.destroy(DATASET, if_unleased=True))
    assert raised.value.status == 409
    control.run(client.release(DATASET, None))
    assert control.run(client.destroy(DATASET, if_unleased=True)).deleted


def test_leases(control: MemoryControl) -> None:
    """A lease has holders, each with its own time, and goes with the last."""
    client = control.client()
    for holder, seconds in (("a b&c", None), (None, 90.0)):
        control.run(client.acquire(NewLease(DATASET, NODE, holder, seconds)))
    (lease,) = control.run(client.leases())
    assert (lease.dataset_id, lease.node_uuid, lease.expires) == (DATASET, NODE, None)
    assert [each.holder for each in lease.holders] == ["a b&c", "user"]
    left = control.run(client.release(DATASET, "a b&c"))
    assert [each.holder for each in left.holders] == ["user"]
    control.run(client.release(DATASET, None))
    assert control.run(client.leases()) == ()


def test_node_of_era(control: MemoryControl) -> None:
    """The node of an era is told, or refused."""
    (node,) = control.run(control.client().nodes())
    era = Era(UUID(node.era))
    assert control.run(control.client().node_of_era(era)) == NODE
    with pytest.raises(RequestRefused):
        control.run(control.client().node_of_era(Era(UUID(int=0))))


@pytest.mark.parametrize("status", [200, 503])
def test_health(status: int) -> None:
    """How parts are is told also by a service that is not well."""
    client = answering(b'{"store": "ok", "agents": "no words"}', status)
    assert MemoryControl().run(client.health()) == {"store": "ok", "agents": "no words"}


def test_health_refused() -> None:
    """A refusal is not taken for health."""
    client = answering(b'{"description": "the store is away"}', 503)
    with pytest.raises(RequestRefused):
        MemoryControl().run(client.health())


def test_events(control: MemoryControl) -> None:
    """Events begin with a reset and go on with what happens."""
    client = control.client()

    async def two() -> list[tuple[str, str]]:
        stream = await client.events(None)
        first = await stream.next()
        await client.create(NEW)
        second = await stream.next()
        stream.close()
        return [(each.id, each.kind) for each in (first, second)]

    boot = control.events.boot
    assert control.run(two()) == [
        (f"{boot}.1", "reset"),
        (f"{boot}.2", "configuration"),
    ]


def test_events_after(control: MemoryControl) -> None:
    """Events go on after an id that is still known."""
    control.run(control.client().create(NEW))

    async def one() -> str:
        stream = await control.client().events(f"{control.events.boot}.1")
        return (await stream.next()).kind

    assert control.run(one()) == "configuration"


def test_silent_stream(control: MemoryControl) -> None:
    """A stream over which nothing comes, no comment even, is dead."""

    async def forever() -> None:
        stream = await control.client().events(None)
        await stream.next()
        control.silent = True
        await stream.next()

    with pytest.raises(Unreachable) as raised:
        control.run(forever())
    assert "no sign of life" in str(raised.value)


def test_events_of_an_old_server(control: MemoryControl) -> None:
    """A server without events refuses."""
    control.has_events = False
    with pytest.raises(RequestRefused) as raised:
        control.run(control.client().events(None))
    assert raised.value.status == 404
