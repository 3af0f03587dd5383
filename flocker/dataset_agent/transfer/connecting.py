"""Connections between agents: nodes of the cluster only, and the one that was meant."""

from collections.abc import Callable
from functools import partial
from typing import cast

from attrs import frozen
from OpenSSL import SSL
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.error import ConnectError, ConnectionClosed, DNSLookupError
from twisted.internet.interfaces import (
    IAddress,
    IOpenSSLClientConnectionCreator,
    IReactorTime,
)
from twisted.internet.protocol import Factory

from flocker.ca.contexts import Secured, peer_identity
from flocker.ca.handshake import PeerRefused
from flocker.dataset_agent.transfer.channel import Channel
from flocker.dataset_agent.transfer.receiving import Receiver
from flocker.model.errors import FlockerError
from flocker.runtime import logging

CONNECT_WITHIN = 10.0
"""Seconds that another agent has to take a connection."""

_ENDED = (ConnectionClosed, SSL.Error, PeerRefused)


@frozen
class AgentUnreachable(FlockerError):
    """No conversation with the agent of another node comes about."""

    host: str
    port: int
    why: str

    def words(self) -> str:
        """Name the address and the reason."""
        return f"the agent at {self.host}:{self.port} is not reached: {self.why}"


async def dial(
    reactor: IReactorTime,
    host: str,
    port: int,
    tls: IOpenSSLClientConnectionCreator,
    explain: Callable[[BaseException], str | None],
) -> Channel:
    """Connect to the agent that `tls` trusts, and verify that it is that one.

    `explain` puts the end of a TLS connection in words, where TLS is the reason. Raises
    `AgentUnreachable`.
    """
    endpoint = HostnameEndpoint(reactor, host, port, timeout=CONNECT_WITHIN)
    factory = Factory.forProtocol(lambda: Channel(reactor))
    factory.noisy = False
    try:
        channel = cast(Channel, await wrapClientTLS(tls, endpoint).connect(factory))
        await channel.ready
    except (ConnectError, DNSLookupError, *_ENDED) as error:
        why = explain(error) or str(error)
        raise AgentUnreachable(host, port, why) from error
    return channel


class Transfers(Factory):
    """What an agent serves to the agents of other nodes; its TLS admits only nodes."""

    noisy = False

    def __init__(self, clock: IReactorTime, receiver: Receiver) -> None:
        self._clock = clock
        self._receiver = receiver

    def buildProtocol(self, addr: IAddress | None) -> Channel:
        """Serve one connection."""
        del addr
        channel = Channel(self._clock)
        served = Deferred.fromCoroutine(self._serve(channel))
        _ = served.addErrback(partial(logging.failure, "flocker:transfer:failed"))
        return channel

    async def _serve(self, channel: Channel) -> None:
        try:
            await channel.ready
        except _ENDED:  # whoever it was has been refused, in words, by TLS
            return
        secured = cast(Secured, channel.transport)
        _ = await self._receiver.serve(channel, peer_identity(secured).node)
