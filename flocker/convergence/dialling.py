"""How an agent reaches control: which host, over which TLS, and as whom."""

from collections.abc import Awaitable, Callable
from typing import cast

from attrs import frozen
from OpenSSL import SSL
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.error import ConnectError, ConnectionClosed, DNSLookupError
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IReactorTime
from twisted.internet.protocol import Factory

from flocker.convergence.link import Hearer, Link
from flocker.model.cluster import AgentIdentity
from flocker.model.errors import FlockerError

CONNECT_WITHIN = 10.0
"""Seconds that a control host has to take a connection."""

Identify = Callable[[str], Awaitable[AgentIdentity]]
"""Says who the agent is, given its address on the connection."""


@frozen
class ControlUnreachable(FlockerError):
    """No conversation with control comes about."""

    host: str
    port: int
    why: str

    def words(self) -> str:
        """Name the address and the reason."""
        return f"control service {self.host}:{self.port} is not reached: {self.why}"


@frozen
class Control:
    """Where control is, in the order of trying, and how to trust it.

    `explain` puts the end of a TLS connection in words, where TLS is the reason.
    """

    hosts: tuple[str, ...]
    port: int
    tls: IOpenSSLClientConnectionCreator
    explain: Callable[[BaseException], str | None]


async def dial(
    reactor: IReactorTime,
    control: Control,
    turn: int,
    hearer: Hearer,
    identify: Identify,
    slice_number: tuple[str, int],
) -> Link:
    """Connect to the host whose turn it is and say Hello.

    Raises `ControlUnreachable` and what control refuses with.
    """
    host = control.hosts[turn % len(control.hosts)]
    endpoint = HostnameEndpoint(reactor, host, control.port, timeout=CONNECT_WITHIN)
    factory = Factory.forProtocol(lambda: Link(hearer, reactor))
    factory.noisy = False
    try:
        link = cast(Link, await wrapClientTLS(control.tls, endpoint).connect(factory))
        await greet(link, identify, slice_number)
    except (ConnectError, ConnectionClosed, DNSLookupError, SSL.Error) as error:
        why = control.explain(error) or str(error)
        raise ControlUnreachable(host, control.port, why) from error
    return link


async def greet(link: Link, identify: Identify, slice_number: tuple[str, int]) -> None:
    """Say Hello on a new connection, which is closed if that does not work.

    Raises what `Link.hello` raises.
    """
    try:
        await link.hello(await identify(link.local_host()), *slice_number)
    except Exception:
        link.abort("Hello was not answered as it should")
        raise
