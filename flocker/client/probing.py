"""What a TLS port shows when we knock, without asking anything of who is behind it.

For `flockerctl doctor`: it tells a wrong certificate from a closed port.
"""

from typing import cast

from attrs import frozen
from cryptography import x509
from OpenSSL import SSL
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as Late
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from flocker.ca.contexts import Secured, client_context
from flocker.ca.credentials import Credential
from flocker.ca.handshake import explain
from flocker.client.interface import TLSRefused, Unreachable
from flocker.client.routes import (
    CONNECT_WITHIN,
    UNCONNECTED,
    Address,
    not_connected,
)
from flocker.runtime.reactor import IReactor


@frozen
class _Ended(Exception):
    """The connection ended before the handshake did."""

    reason: BaseException


async def probe(
    address: Address, authority: x509.Certificate, own: Credential, reactor: IReactor
) -> x509.Certificate:
    """Give the certificate that control shows at an address, which was found good.

    Raises `Unreachable`, `TLSRefused`.
    """
    endpoint = HostnameEndpoint(
        reactor, address.host, address.port, timeout=CONNECT_WITHIN
    )
    shown: Deferred[x509.Certificate] = Deferred()
    factory = Factory.forProtocol(lambda: _Knocking(shown))
    factory.noisy = False
    tls = wrapClientTLS(client_context(authority, own), endpoint)
    where = str(address)
    try:
        await tls.connect(factory)
        return await shown.addTimeout(CONNECT_WITHIN, reactor)
    except UNCONNECTED as error:
        raise Unreachable(((where, not_connected(error)),)) from error
    except Late as error:
        raise Unreachable(((where, "no TLS is spoken there"),)) from error
    except (_Ended, SSL.Error) as error:
        reason = error.reason if isinstance(error, _Ended) else error
        why = explain(reason, own)
        if why is None:
            raise Unreachable(((where, str(reason).rstrip(".")),)) from error
        raise TLSRefused(where, why) from error


@implementer(IHandshakeListener)
class _Knocking(Protocol):
    """Waits for the end of the handshake, and goes."""

    def __init__(self, shown: Deferred[x509.Certificate]) -> None:
        self._shown = shown

    def handshakeCompleted(self) -> None:
        """The other side is trusted."""
        presented = cast(Secured, self.transport).getPeerCertificate()
        if presented is not None and not self._shown.called:
            self._shown.callback(presented.to_cryptography())
        if self.transport is not None:
            self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self._shown.called:
            self._shown.errback(_Ended(reason.value or ConnectionError()))
