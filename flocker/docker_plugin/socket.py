"""The socket at which Docker finds the plugin: for root only, whoever was there before.

What a killed plugin left, of Flocker 1 too, is removed; one that lives is not pushed
aside.
"""

import socket as sockets
from contextlib import closing
from pathlib import Path

from attrs import frozen
from twisted.internet.endpoints import UNIXServerEndpoint
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import (
    IListeningPort,
    IProtocolFactory,
    IReactorUNIX,
)

from flocker.model.errors import FlockerError

LOCK = ".lock"
"""The suffix of the link that Flocker 1's plugin left beside its socket."""
_DIRECTORY = 0o700
_SOCKET = 0o600


@frozen
class SocketInUse(FlockerError):
    """Another plugin listens there."""

    path: Path

    def words(self) -> str:
        """Name the socket."""
        return f"another process listens at {self.path}; one plugin a node is enough"


@frozen
class SocketUnusable(FlockerError):
    """The socket cannot be made."""

    path: Path
    why: str

    def words(self) -> str:
        """Name the socket and the system's reason."""
        return f"the socket {self.path} cannot be made: {self.why}"


async def serve(
    reactor: IReactorUNIX, path: Path, factory: IProtocolFactory
) -> IListeningPort:
    """Listen at a socket. Raises `SocketInUse`, `SocketUnusable`."""
    _make_room(path)
    endpoint = UNIXServerEndpoint(reactor, str(path), mode=_SOCKET, wantPID=False)
    try:
        port: IListeningPort = await endpoint.listen(factory)
    except (CannotListenError, OSError) as error:
        found = getattr(error, "socketError", error)
        raise SocketUnusable(path, str(found)) from error
    return port


def _make_room(path: Path) -> None:
    try:
        path.parent.mkdir(mode=_DIRECTORY, parents=True, exist_ok=True)
        path.parent.chmod(_DIRECTORY)
        if _is_alive(path):
            raise SocketInUse(path)
        path.unlink(missing_ok=True)
        path.with_name(path.name + LOCK).unlink(missing_ok=True)
    except OSError as error:
        raise SocketUnusable(path, error.strerror or str(error)) from error


def _is_alive(path: Path) -> bool:
    if not path.is_socket():
        return False
    with closing(sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM)) as knocking:
        knocking.settimeout(1.0)
        try:
            knocking.connect(str(path))
        except ConnectionRefusedError:
            return False
    return True
