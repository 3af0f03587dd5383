"""Whole handshakes in memory with other people's clients: Python's ssl."""

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.protocols.tls import TLSMemoryBIOFactory

from flocker.ca.contexts import server_context
from flocker.ca.credentials import Credential
from flocker.ca.files import write_credential
from flocker.ca.names import Role
from flocker.testing.certificates import Cluster
from tests.unit.ca.conversations import MINE, OTHER


def a_stdlib_client(
    directory: Path, cluster: Cluster, own: Credential
) -> ssl.SSLContext:
    """What a careful Python client uses; strict as from Python 3.13."""
    (directory / "cluster.crt").write_bytes(cluster.authority.certificate_pem())
    write_credential(directory, "own", own)
    context = ssl.create_default_context(cafile=str(directory / "cluster.crt"))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.load_cert_chain(directory / "own.crt", directory / "own.key")
    return context


def shake_hands(
    context: ssl.SSLContext,
    name: str,
    refused: Callable[[str], None],
    session: ssl.SSLSession | None = None,
) -> ssl.SSLObject:
    """Let Python's ssl shake hands with our server and say ping, hear pong."""
    creator = server_context(
        MINE.authority.certificate, MINE.control, accepts=Role.USER, refused=refused
    )
    return shake_hands_with(creator, context, name, session)


class Ponger(Protocol):
    """Answers whatever comes."""

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(b"pong")


def shake_hands_with(
    creator: Any, context: ssl.SSLContext, name: str, session: ssl.SSLSession | None
) -> ssl.SSLObject:
    clock, wire = Clock(), StringTransport()
    ponging = Factory.forProtocol(Ponger)
    factory = TLSMemoryBIOFactory(
        creator, isClient=False, wrappedFactory=ponging, clock=clock
    )
    server = factory.buildProtocol(None)
    server.makeConnection(wire)
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(
        to_client, to_server, server_hostname=name, session=session
    )

    def insist(act: Callable[[], Any]) -> Any:
        for _ in range(10):
            try:
                result = act()
            except ssl.SSLWantReadError:
                result = None
            if to_server.pending:
                server.dataReceived(to_server.read())
            clock.advance(1)
            to_client.write(wire.value())
            wire.clear()
            if result is not None:
                return result
        raise AssertionError("the other side went silent")

    insist(lambda: client.do_handshake() or True)
    client.write(b"ping")
    assert insist(lambda: client.read(10)) == b"pong"
    return client


@pytest.mark.parametrize("name", ["control-service", "localhost", "127.0.0.1"])
@pytest.mark.parametrize(
    "version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=str
)
def test_strict_clients_of_others(
    name: str, version: ssl.TLSVersion, tmp_path: Path
) -> None:
    """A client with Python's strictest verification reaches us by name and address."""
    context = a_stdlib_client(tmp_path, MINE, MINE.user)
    context.minimum_version = context.maximum_version = version
    refused: list[str] = []
    shake_hands(context, name, refused.append)
    assert refused == []


def test_client_that_sends_its_whole_chain(tmp_path: Path) -> None:
    """Leaf and authority in one file, as some clients send it, is as good."""
    context = a_stdlib_client(tmp_path, MINE, MINE.user)
    with (tmp_path / "own.crt").open("ab") as file:
        file.write(MINE.authority.certificate_pem())
    context.load_cert_chain(tmp_path / "own.crt", tmp_path / "own.key")
    shake_hands(context, "localhost", pytest.fail)


def test_foreign_chain_names_the_foreign_authority(tmp_path: Path) -> None:
    """A whole chain of another cluster is refused with that authority's name."""
    context = a_stdlib_client(tmp_path, MINE, OTHER.user)
    with (tmp_path / "own.crt").open("ab") as file:
        file.write(OTHER.authority.certificate_pem())
    context.load_cert_chain(tmp_path / "own.crt", tmp_path / "own.key")
    refused: list[str] = []
    with pytest.raises(ssl.SSLError):
        shake_hands(context, "localhost", refused.append)
    assert len(refused) == 1
    assert "got one signed by the authority 'other'" in refused[0]


@pytest.mark.parametrize(
    ("version", "sentence"),
    [
        (
            ssl.TLSVersion.TLSv1_2,
            (
                "192.168.1.1:54321 presented no certificate "
                "(or shares no cipher with us): expected one"
            ),
        ),
        (
            ssl.TLSVersion.TLSv1_3,
            "192.168.1.1:54321 presented no certificate: expected one",
        ),
    ],
    ids=["1.2", "1.3"],
)
def test_no_certificate(version: ssl.TLSVersion, sentence: str, tmp_path: Path) -> None:
    """Who shows no certificate gets no application, and we say so."""
    (tmp_path / "cluster.crt").write_bytes(MINE.authority.certificate_pem())
    context = ssl.create_default_context(cafile=str(tmp_path / "cluster.crt"))
    context.minimum_version = context.maximum_version = version
    refused: list[str] = []
    with pytest.raises(ssl.SSLError):
        shake_hands(context, "localhost", refused.append)
    assert refused == [sentence]


@pytest.mark.filterwarnings("ignore:.*TLSv1_1 is deprecated:DeprecationWarning")
def test_old_tls(tmp_path: Path) -> None:
    """TLS 1.1 is refused, and we say so."""
    context = a_stdlib_client(tmp_path, MINE, MINE.user)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1_1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    refused: list[str] = []
    with pytest.raises(ssl.SSLError):
        shake_hands(context, "localhost", refused.append)
    assert refused == ["192.168.1.1:54321 speaks an old TLS: expected 1.2 or 1.3"]


@pytest.mark.parametrize(
    "version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=str
)
def test_sessions_are_not_resumed(version: ssl.TLSVersion, tmp_path: Path) -> None:
    """A returning client is verified anew: a session never replaces a certificate."""
    context = a_stdlib_client(tmp_path, MINE, MINE.user)
    context.minimum_version = context.maximum_version = version
    creator = server_context(
        MINE.authority.certificate, MINE.control, accepts=Role.USER, refused=pytest.fail
    )
    first = shake_hands_with(creator, context, "localhost", None)
    again = shake_hands_with(creator, context, "localhost", first.session)
    assert (first.session_reused, again.session_reused) == (False, False)
