"""Whole handshakes in memory: who is not let in, and what both sides say of it."""

from typing import Any

import pytest
from OpenSSL import SSL

from flocker.ca.authority import Authority
from flocker.ca.credentials import VALIDITY, Credential, KeyType
from flocker.ca.handshake import PeerRefused, explain
from flocker.ca.names import Role
from flocker.testing.certificates import CLUSTER_ID, MADE
from tests.unit.ca.conversations import (
    MINE,
    NODE,
    OTHER,
    TWIN,
    common_name_of,
    converse,
)

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
