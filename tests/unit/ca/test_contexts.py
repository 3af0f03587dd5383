"""Whole handshakes in memory: who is let in, who is not, and what is said."""

import gc
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any
from weakref import ref

import pytest
from attrs import Factory as Fresh
from attrs import define, field
from cryptography.x509.oid import NameOID
from OpenSSL import SSL
from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.test.iosim import FakeTransport, connect
from twisted.web.iweb import IPolicyForHTTPS
from zope.interface import implementer

from flocker.ca.authority import Authority
from flocker.ca.contexts import (
    NoPeer,
    Peer,
    client_context,
    https_policy,
    peer_identity,
    server_context,
)
from flocker.ca.credentials import (
    VALIDITY,
    Credential,
    KeyType,
    NotANode,
)
from flocker.ca.files import write_credential
from flocker.ca.handshake import PeerRefused, explain
from flocker.ca.names import ControlSubject, NodeSubject, Role, UserSubject
from flocker.testing.certificates import (
    CLUSTER_ID,
    MADE,
    NODE_ID,
    Cluster,
    a_cluster,
    an_old_cluster,
    hand_made,
)

MINE = a_cluster()
OLD = an_old_cluster()
OTHER = a_cluster("other")
TWIN = a_cluster()
"""The name and uuid of MINE, another key."""
NODE = f"node-{NODE_ID}"

both = pytest.mark.parametrize("cluster", [MINE, OLD], ids=["new", "old"])


@implementer(IHandshakeListener)
class Speaker(Protocol):
    """Says one word when the handshake is done, and remembers what came."""

    def __init__(self) -> None:
        self.heard = b""
        self.peer: Peer | None = None
        self.lost: BaseException | None = None

    def connectionMade(self) -> None:
        with pytest.raises(NoPeer):
            peer_identity(self.transport)

    def handshakeCompleted(self) -> None:
        self.peer = peer_identity(self.transport)
        self.transport.write(b"hello")

    def dataReceived(self, data: bytes) -> None:
        self.heard += data

    def connectionLost(self, reason: Any) -> None:
        self.lost = reason.value


@define
class Conversation:
    """Both ends of a connection after all has been said."""

    server: Speaker
    client: Speaker
    server_refused: list[str] = field(default=Fresh(list))
    client_refused: list[str] = field(default=Fresh(list))
    server_noticed: list[str] = field(default=Fresh(list))
    client_noticed: list[str] = field(default=Fresh(list))

    @property
    def good(self) -> bool:
        return self.server.heard == self.client.heard == b"hello"

    @property
    def silent(self) -> bool:
        """Nothing that was said reached an application."""
        return self.server.heard == self.client.heard == b""


def converse(
    server: Credential,
    client: Credential,
    accepts: Role,
    *,
    ca: Credential = MINE.authority,
    client_ca: Credential | None = None,
    server_name: str = "control-service",
    limit: int | None = None,
) -> Conversation:
    """Connect a client to a server in memory; `limit` is the client's highest TLS."""
    talk = Conversation(Speaker(), Speaker())
    listening = server_context(
        ca.certificate,
        server,
        accepts=accepts,
        refused=talk.server_refused.append,
        noticed=talk.server_noticed.append,
    )
    dialling = client_context(
        (client_ca or ca).certificate,
        client,
        server_name=server_name,
        refused=talk.client_refused.append,
        noticed=talk.client_noticed.append,
    )
    if limit is not None:
        dialling.context.set_max_proto_version(limit)
    clock = Clock()
    ends = [
        TLSMemoryBIOFactory(creator, is_client, an_end(speaker), clock).buildProtocol(
            None
        )
        for creator, is_client, speaker in (
            (listening, False, talk.server),
            (dialling, True, talk.client),
        )
    ]
    pump = connect(
        ends[0],
        FakeTransport(ends[0], isServer=True),
        ends[1],
        FakeTransport(ends[1], isServer=False),
    )
    for _ in range(10):
        clock.advance(1)
        pump.flush()
    return talk


def an_end(speaker: Speaker) -> Factory:
    factory = Factory()
    factory.protocol = lambda: speaker
    factory.buildProtocol = lambda _address: speaker
    return factory


@both
@pytest.mark.parametrize("limit", [SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION])
@pytest.mark.parametrize(
    "accepts", list(Role), ids=lambda role: f"port of {role.value}"
)
@pytest.mark.parametrize("comes", list(Role), ids=lambda role: f"{role.value} comes")
def test_a_port_is_for_one_role(
    cluster: Cluster, limit: int, accepts: Role, comes: Role
) -> None:
    """Each role enters at its own port only, in both versions of TLS."""
    talk = converse(
        cluster.control,
        getattr(cluster, comes.value),
        accepts,
        ca=cluster.authority,
        limit=limit,
    )
    # Control dials nobody: v3 control certificates are for servers only.
    lets_in = accepts is comes and (comes is not Role.CONTROL or cluster is OLD)
    assert (talk.good, talk.silent) == (lets_in, not lets_in)
    assert len(talk.server_refused) == (0 if lets_in else 1)
    assert talk.client_refused == []


@both
def test_peers_are_known(cluster: Cluster) -> None:
    """After the handshake each side knows the other's role and name."""
    talk = converse(cluster.control, cluster.node, Role.NODE, ca=cluster.authority)
    assert talk.server.peer == Peer(NodeSubject(NODE_ID))
    assert (talk.server.peer.role, talk.server.peer.node) == (Role.NODE, NODE_ID)
    assert talk.client.peer == Peer(ControlSubject())


def test_only_nodes_are_nodes() -> None:
    """A peer of another role has no node."""
    with pytest.raises(NotANode) as raised:
        _ = Peer(UserSubject("alice")).node
    assert raised.value.common_name == "user-alice"


def test_nodes_serve_one_another() -> None:
    """An agent dials another under its node's name, and is known as a node itself."""
    talk = converse(MINE.node, MINE.node, Role.NODE, server_name=NODE)
    assert talk.good
    assert talk.server.peer == talk.client.peer == Peer(NodeSubject(NODE_ID))


@pytest.mark.parametrize("name", ["control-service", "127.0.0.1", "LOCALHOST"])
def test_any_name_of_the_server(name: str) -> None:
    """A client may ask for any name in the certificate, addresses too."""
    talk = converse(MINE.control, MINE.user, Role.USER, server_name=name)
    assert talk.good


def test_renewed_control_certificate() -> None:
    """Old clients and a control certificate renewed by the old authority agree."""
    renewed = Authority(OLD.authority).control(["localhost"], KeyType.ECDSA, MADE)
    talk = converse(renewed, OLD.node, Role.NODE, ca=OLD.authority)
    assert talk.good


SIGNED_BY_MINE = "expected one signed by the authority 'mine' (OU '{id}'), got "
REFUSED_CLIENTS = {
    "other authority": (
        OTHER.user,
        "the certificate 'user-alice': " + SIGNED_BY_MINE + "one signed by "
        "the authority 'other' (OU '{id}')",
    ),
    "same name, other key": (
        TWIN.user,
        "the certificate 'user-alice': "
        + SIGNED_BY_MINE
        + "one signed with another key in its name",
    ),
    "authority itself": (
        MINE.authority,
        (
            "the certificate 'mine': expected a user certificate, CN user-<name>, "
            "got CN 'mine'"
        ),
    ),
    "other authority itself": (
        OTHER.authority,
        "the certificate 'other': " + SIGNED_BY_MINE + "one signed by "
        "the authority 'other' (OU '{id}')",
    ),
    "node": (
        MINE.node,
        (
            "the certificate '{node}': expected a user certificate, CN user-<name>, "
            "got a node certificate, CN '{node}'"
        ),
    ),
}


@pytest.mark.parametrize("limit", [SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION])
@pytest.mark.parametrize("case", REFUSED_CLIENTS)
def test_server_says_whom_it_refuses(case: str, limit: int) -> None:
    """One sentence: who came, what was expected, what it was."""
    client, sentence = REFUSED_CLIENTS[case]
    talk = converse(MINE.control, client, Role.USER, limit=limit)
    assert talk.silent
    said = sentence.format(id=CLUSTER_ID, node=NODE)
    assert talk.server_refused == [f"the peer presented {said}"]


@pytest.mark.parametrize(
    ("server", "sentence"),
    [
        (OTHER.control, REFUSED_CLIENTS["other authority"][1]),
        (
            MINE.node,
            (
                "the certificate '{node}': expected one for the server name "
                "control-service, got one for {node}"
            ),
        ),
        (
            MINE.user,
            (
                "the certificate 'user-alice': expected one for the server name "
                "control-service, got one for no name at all"
            ),
        ),
    ],
    ids=["other authority", "node", "user"],
)
def test_client_says_whom_it_refuses(server: Credential, sentence: str) -> None:
    """The sentence is also the reason that the client's protocol gets."""
    talk = converse(server, MINE.user, Role.USER)
    said = sentence.format(id=CLUSTER_ID, node=NODE)
    said = f"the peer presented {said}"
    if server is OTHER.control:
        said = said.replace("user-alice", "control-service")
    assert talk.silent
    assert talk.client_refused == [said]
    (told,) = talk.server_refused
    assert told.startswith(
        f"the peer refused our certificate '{common_name_of(server)}' ("
    )
    assert isinstance(talk.client.lost, PeerRefused)
    assert explain(talk.client.lost, MINE.user) == said


@pytest.mark.parametrize(
    ("made", "complaint"),
    [
        (
            MADE - 2 * VALIDITY,
            (
                "expected one that is valid now, got one that expired on "
                "2006-01-06 00:00 UTC"
            ),
        ),
        (
            MADE + VALIDITY / 2,
            (
                "expected one that is valid now, got one valid only from "
                "2035-12-29 23:00 UTC (is a clock wrong?)"
            ),
        ),
    ],
    ids=["expired", "not yet valid"],
)
def test_dates_are_told(made: Any, complaint: str) -> None:
    """An expired or early certificate is refused with the moment that matters."""
    client = Authority(MINE.authority).user("bob", KeyType.ECDSA, made)
    talk = converse(MINE.control, client, Role.USER)
    assert talk.silent
    assert talk.server_refused == [
        f"the peer presented the certificate 'user-bob': {complaint}"
    ]


@pytest.mark.parametrize("limit", [SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION])
@pytest.mark.parametrize(
    ("made", "alert", "ours", "theirs"),
    [
        (
            MADE - 2 * VALIDITY,
            "certificate expired",
            "one that expired on 2006-01-06 00:00 UTC",
            (
                "its time is over, or the other side's clock is wrong; it is good from "
                "1986-01-10 23:00 UTC until 2006-01-06 00:00 UTC"
            ),
        ),
        (
            MADE + VALIDITY / 2,
            "bad certificate",
            "one valid only from 2035-12-29 23:00 UTC (is a clock wrong?)",
            (
                "the other side's log says why; it is good from "
                "2035-12-29 23:00 UTC until 2045-12-27 00:00 UTC"
            ),
        ),
    ],
    ids=["expired", "not yet valid"],
)
def test_both_sides_tell_dates(
    made: Any, alert: str, ours: str, theirs: str, limit: int
) -> None:
    """Who is refused for a date says it too, be it the client or the server."""
    founder = Authority(MINE.authority)
    late = founder.control(["localhost"], KeyType.ECDSA, made)
    talk = converse(late, MINE.user, Role.USER, limit=limit)
    complaint = f"expected one that is valid now, got {ours}"
    assert talk.client_refused == [
        f"the peer presented the certificate 'control-service': {complaint}"
    ]
    assert talk.server_refused == [
        f"the peer refused our certificate 'control-service' ({alert}): {theirs}"
    ]
    bob = founder.user("bob", KeyType.ECDSA, made)
    talk = converse(MINE.control, bob, Role.USER, limit=limit)
    assert talk.server_refused == [
        f"the peer presented the certificate 'user-bob': {complaint}"
    ]
    assert explain(talk.client.lost, bob) == (
        f"the other side refused our certificate 'user-bob' ({alert}): {theirs}"
    )


def of_another_cluster(own: Credential, unit: str | None) -> Credential:
    """The same name signed by MINE, with another OU or none."""
    return hand_made(MINE.authority, own, common_name_of(own), unit)


def common_name_of(own: Credential) -> str:
    (name,) = own.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return name.value


OTHER_UNIT = "99999999-0000-4000-8000-000000000001"


@pytest.mark.parametrize("limit", [SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION])
@pytest.mark.parametrize("unit", [OTHER_UNIT, None], ids=["other", "none"])
@pytest.mark.parametrize("role", [Role.NODE, Role.USER], ids=lambda role: role.value)
def test_client_that_names_another_cluster(
    role: Role, unit: str | None, limit: int
) -> None:
    """The signature separates clusters: a hand-made OU is noticed once and let in."""
    own = getattr(MINE, role.value)
    talk = converse(MINE.control, of_another_cluster(own, unit), role, limit=limit)
    assert talk.good
    assert talk.server.peer.role is role
    assert (talk.server_refused, talk.client_refused, talk.client_noticed) == (
        [],
        [],
        [],
    )
    assert talk.server_noticed == [
        (
            f"the peer is let in with the certificate '{common_name_of(own)}', which "
            "the cluster's authority signed: expected one of the cluster with OU "
            f"'{CLUSTER_ID}', got OU '{unit or ''}'"
        )
    ]


def test_server_that_names_another_cluster() -> None:
    """A client, too, lets in and notices a server with a hand-made OU."""
    control = of_another_cluster(MINE.control, OTHER_UNIT)
    talk = converse(control, MINE.user, Role.USER)
    assert (talk.good, talk.client_refused, talk.server_noticed) == (True, [], [])
    assert len(talk.client_noticed) == 1
    assert talk.client_noticed[0].endswith(f"got OU '{OTHER_UNIT}'")


def test_nothing_to_notice() -> None:
    """Where the clusters' names agree nothing is noticed."""
    talk = converse(MINE.control, MINE.user, Role.USER)
    assert (talk.good, talk.server_noticed, talk.client_noticed) == (True, [], [])


@pytest.mark.parametrize(
    ("client", "server", "accepts", "words"),
    [
        (
            OTHER.user,
            MINE.control,
            Role.USER,
            (
                "the other side refused our certificate 'user-alice' (unknown ca): "
                "it was not signed by the other side's authority"
            ),
        ),
        (
            MINE.user,
            MINE.control,
            Role.NODE,
            (
                "the other side refused our certificate 'user-alice' (internal error): "
                "its role is not admitted there"
            ),
        ),
    ],
    ids=["authority", "role"],
)
def test_refused_client_can_tell_why(
    client: Credential, server: Credential, accepts: Role, words: str
) -> None:
    """What the server's alert means is put into words."""
    talk = converse(server, client, accepts)
    assert explain(talk.client.lost, client) == words


def test_what_is_not_tls_is_not_explained() -> None:
    """A connection that ended for another reason has no TLS explanation."""
    assert explain(ConnectionResetError(), MINE.user) is None
    assert explain(SSL.Error([]), MINE.user) is None


def test_https_policy() -> None:
    """Whatever host a URL names, the connection is the cluster's."""
    creator = client_context(MINE.authority.certificate, MINE.user)
    policy = https_policy(creator)
    assert IPolicyForHTTPS.providedBy(policy)
    assert policy.creatorForNetloc(b"anywhere.example", 4523) is creator


# Other people's clients: Python's ssl, in memory.


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


def test_connections_are_forgotten() -> None:
    """Nothing keeps a connection that has ended."""
    talk = converse(MINE.control, MINE.user, Role.USER)
    server = ref(talk.server.transport)
    assert isinstance(server(), TLSMemoryBIOProtocol)
    del talk
    gc.collect()
    assert server() is None
