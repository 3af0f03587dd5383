"""Connections to the agents of other nodes: the one that was meant, and no other."""

import socket
from collections.abc import Callable
from time import monotonic

from attrs import define, field, frozen
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator

from flocker.dataset_agent.transfer.accepting import NO_HANDSHAKE
from flocker.dataset_agent.transfer.channel import (
    PATIENCE,
    Channel,
    Patience,
    TransferCut,
    understand,
)
from flocker.dataset_agent.transfer.frames import Garbage, Refused
from flocker.dataset_agent.transfer.secured import SecureSocket, as_client
from flocker.model.errors import FlockerError
from flocker.runtime.threads import Threads


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
    threads: Threads,
    host: str,
    port: int,
    tls: IOpenSSLClientConnectionCreator,
    explain: Callable[[BaseException], str | None],
    patience: Patience = PATIENCE,
) -> Channel:
    """Connect to the agent that `tls` trusts, and verify that it is that one.

    It has admitted us then, too. `explain` puts the end of a TLS connection in words,
    where TLS is the reason. Whoever cancels this ends it at once. Raises
    `AgentUnreachable`.
    """
    call = _Call(host, port, tls, patience)
    try:
        return await threads.run(call.connect)
    except (*NO_HANDSHAKE, TransferCut, Garbage, _NotServed) as error:
        cause = error.__cause__ or error
        why = explain(cause) or str(error) or "it ended the connection"
        raise AgentUnreachable(host, port, why) from error
    except BaseException:
        call.cancel()
        raise


@frozen
class _NotServed(FlockerError):
    why: str

    def words(self) -> str:
        return self.why


@define(eq=False)
class _Call:
    """One attempt, which can be cancelled from another thread."""

    host: str
    port: int
    tls: IOpenSSLClientConnectionCreator
    patience: Patience
    _wire: SecureSocket | None = field(default=None, init=False)
    _cancelled: bool = field(default=False, init=False)

    def connect(self) -> Channel:
        until = monotonic() + self.patience.reached_within
        connected = self._reach(until)
        try:
            wire = self._wire = as_client(connected, self.tls)
        except OSError:
            connected.close()
            raise
        channel = Channel(wire, self.patience)
        try:
            if self._cancelled:
                wire.cut()
            wire.shake_hands(lambda: until - monotonic())
            with channel.conversation():
                refusal = channel.meet()
        except BaseException:
            channel.abort("there was no conversation")
            raise
        if refusal is not None:
            channel.finish()
            raise _NotServed(understand(Refused, refusal).words)
        return channel

    def cancel(self) -> None:
        """End it; nobody gets the channel any more."""
        self._cancelled = True
        if self._wire is not None:
            self._wire.cut()

    def _reach(self, until: float) -> socket.socket:
        """Connect to the first of its addresses that answers. Raises `OSError`."""
        found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        failed: OSError = TimeoutError("nobody answers")
        for family, kind, number, _, address in found:
            seconds = until - monotonic()
            if seconds <= 0 or self._cancelled:
                break
            connecting = socket.socket(family, kind, number)
            try:
                connecting.settimeout(seconds)
                connecting.connect(address)
            except OSError as error:
                connecting.close()
                failed = error
            else:
                return connecting
        raise failed
