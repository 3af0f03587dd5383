"""From the text of an option to a listening port, or one clear sentence."""

from types import SimpleNamespace

import pytest
from twisted.internet import ssl
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure

from flocker.runtime.listening import BadEndpoint, listen

TLS = ssl.CertificateOptions()


def listening(text: str, reactor=None):
    """Listen at a text; give the port, or what was raised."""
    results: list = []
    reactor = reactor or MemoryReactorClock()
    Deferred.fromCoroutine(listen(reactor, "--port", text, TLS, Factory())).addBoth(
        results.append
    )
    (result,) = results
    return result.value if isinstance(result, Failure) else result


@pytest.mark.parametrize(
    ("text", "port", "interface"),
    [("tcp:4523", 4523, ""), ("tcp:4524:interface=127.0.0.1", 4524, "127.0.0.1")],
)
def test_listens(text, port, interface):
    """An endpoint's text says port and interface."""
    reactor = MemoryReactorClock()
    address = listening(text, reactor).getHost()
    assert address.port == port
    assert [server[3] for server in reactor.tcpServers] == [interface]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "4523",
        "tcp",
        "tcp:",
        "tcp:x",
        "tcp:1:2:3:4",
        "tcp:1:color=red",
        "nonsense:1",
        "ssl:4523",
        "\0",
    ],
)
def test_no_endpoint(text):
    """A text that is no endpoint is refused with the option it came from."""
    assert str(listening(text)) == (
        f"--port {text!r} cannot be listened on: "
        "it should look like tcp:4523 or tcp:4523:interface=127.0.0.1"
    )


class BusyReactor(MemoryReactorClock):
    """A reactor on whose ports nobody can listen; `why` is raised."""

    def __init__(self, why: Exception) -> None:
        super().__init__()
        self.why = why

    def listenTCP(self, port, factory, backlog=50, interface=""):
        raise self.why


TAKEN = CannotListenError("", 4523, OSError(98, "Address already in use"))
ODD = CannotListenError("", 4523, SimpleNamespace(strerror=None))


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (TAKEN, "Address already in use"),
        (ODD, "namespace(strerror=None)"),
        (OverflowError("port must be 0-65535."), "port must be 0-65535."),
    ],
    ids=["taken", "odd", "no port"],
)
def test_cannot_listen(error, why):
    """A port that cannot be listened on is named, with the kernel's reason."""
    found = listening("tcp:4523", BusyReactor(error))
    assert isinstance(found, BadEndpoint)
    assert str(found) == f"--port 'tcp:4523' cannot be listened on: {why}"
