"""Ports: from the text of an option to a listening socket, or one clear sentence."""

from attrs import frozen
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import (
    IListeningPort,
    IOpenSSLServerConnectionCreator,
    IProtocolFactory,
    IReactorTime,
)
from twisted.protocols.tls import TLSMemoryBIOFactory

from flocker.model.errors import FlockerError


@frozen
class BadEndpoint(FlockerError):
    """An option's text is no endpoint that can be listened on."""

    option: str
    text: str
    why: str

    def words(self) -> str:
        """Name the option, its text and the fault."""
        return f"{self.option} {self.text!r} cannot be listened on: {self.why}"


async def listen(
    reactor: IReactorTime,
    option: str,
    text: str,
    tls: IOpenSSLServerConnectionCreator,
    factory: IProtocolFactory,
) -> IListeningPort:
    """Serve `factory` over TLS at an endpoint like ``tcp:4523``.

    Raises `BadEndpoint`, with the option that brought the text.
    """
    secured = TLSMemoryBIOFactory(tls, False, factory, reactor)  # noqa: FBT003
    secured.noisy = False
    return await listen_plainly(reactor, option, text, secured)


async def listen_plainly(
    reactor: IReactorTime, option: str, text: str, factory: IProtocolFactory
) -> IListeningPort:
    """Serve `factory`, which brings its own TLS. Raises `BadEndpoint`."""
    try:
        endpoint = serverFromString(reactor, text)
    except (ValueError, TypeError, LookupError, OSError) as error:
        why = "it should look like tcp:4523 or tcp:4523:interface=127.0.0.1"
        raise BadEndpoint(option, text, why) from error
    try:
        port: IListeningPort = await endpoint.listen(factory)
    except (CannotListenError, OverflowError) as error:
        raise BadEndpoint(option, text, reason(error)) from error
    return port


def reason(error: CannotListenError | OverflowError) -> str:
    """Say what the kernel said, or Python of a number that is no port."""
    found = getattr(error, "socketError", error)
    return str(getattr(found, "strerror", None) or found)
