"""Whole handshakes in memory: who is let in, and what is noticed of them."""

import gc
from weakref import ref

import pytest
from OpenSSL import SSL
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.web.iweb import IPolicyForHTTPS

from flocker.ca.authority import Authority
from flocker.ca.contexts import Peer, client_context, https_policy
from flocker.ca.credentials import Credential, KeyType, NotANode
from flocker.ca.names import ControlSubject, NodeSubject, Role, UserSubject
from flocker.testing.certificates import CLUSTER_ID, MADE, NODE_ID, Cluster, hand_made
from tests.unit.ca.conversations import MINE, NODE, OLD, both, common_name_of, converse


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


def of_another_cluster(own: Credential, unit: str | None) -> Credential:
    """The same name signed by MINE, with another OU or none."""
    return hand_made(MINE.authority, own, common_name_of(own), unit)


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


def test_https_policy() -> None:
    """Whatever host a URL names, the connection is the cluster's."""
    creator = client_context(MINE.authority.certificate, MINE.user)
    policy = https_policy(creator)
    assert IPolicyForHTTPS.providedBy(policy)
    assert policy.creatorForNetloc(b"anywhere.example", 4523) is creator


def test_connections_are_forgotten() -> None:
    """Nothing keeps a connection that has ended."""
    talk = converse(MINE.control, MINE.user, Role.USER)
    server = ref(talk.server.transport)
    assert isinstance(server(), TLSMemoryBIOProtocol)
    del talk
    gc.collect()
    assert server() is None
