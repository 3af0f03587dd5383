"""Complaints about certificates: what was expected and what it is."""

from datetime import timedelta
from ipaddress import IPv6Address
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flocker.ca.authority import Authority
from flocker.ca.checking import (
    may_sign,
    server_names,
    wrong_cluster,
    wrong_issuer,
    wrong_role,
    wrong_server_name,
    wrong_time,
)
from flocker.ca.credentials import KeyType
from flocker.ca.names import Role
from flocker.model.ids import ClusterID
from flocker.testing.certificates import MADE, NODE_ID, a_cluster, an_old_cluster

MINE = a_cluster()
OLD = an_old_cluster()
OTHER = Authority.found(
    "mine", ClusterID(UUID("99999999-0000-4000-8000-000000000001")), KeyType.ECDSA, MADE
)
END = timedelta(days=7300)


@pytest.mark.parametrize("cluster", [MINE, OLD], ids=["new", "old"])
def test_each_role_passes_as_itself_only(cluster: object) -> None:
    """A certificate is right for its own role and wrong for the two others."""
    right = {
        (role, name)
        for role in Role
        for name in ("control", "node", "user")
        if wrong_role(getattr(cluster, name).certificate, role) is None
    }
    assert right == {(role, role.value) for role in Role}


@pytest.mark.parametrize("cluster", [MINE, OLD], ids=["new", "old"])
def test_only_the_authority_may_sign(cluster: object) -> None:
    """New or old, a leaf is no authority."""
    found = [
        may_sign(getattr(cluster, name).certificate)
        for name in ("authority", "control", "node", "user")
    ]
    assert found == [True, False, False, False]


@pytest.mark.parametrize("name", ["control-service", "CONTROL-SERVICE", "127.0.0.1"])
def test_server_names(name: str) -> None:
    """A name of the certificate is right in any case, an address too."""
    assert wrong_server_name(MINE.control.certificate, name) is None


def test_spelling_of_addresses() -> None:
    """An address has many spellings and is one address."""
    leaf = Authority(MINE.authority).control(
        [IPv6Address("fd00::1")], KeyType.ECDSA, MADE
    )
    assert wrong_server_name(leaf.certificate, "FD00:0:0::0001") is None


def test_wrong_server_name_lists_the_names() -> None:
    """Who dials a wrong name reads the right ones."""
    assert wrong_server_name(MINE.control.certificate, "10.0.0.1") == (
        "expected one for the server name 10.0.0.1, "
        "got one for control-service, localhost, 127.0.0.1"
    )


def test_common_name_is_no_server_name() -> None:
    """Without a subjectAltName a certificate is for no server, whatever its CN."""
    assert server_names(OLD.node.certificate) == ()
    assert wrong_server_name(OLD.node.certificate, f"node-{NODE_ID}") == (
        f"expected one for the server name node-{NODE_ID}, got one for no name at all"
    )


def test_cluster() -> None:
    """The cluster's UUID is compared, though a signature already separates clusters."""
    assert wrong_cluster(MINE.node.certificate, MINE.authority.certificate) is None
    assert wrong_cluster(MINE.node.certificate, OTHER.credential.certificate) == (
        "expected one of the cluster with OU '99999999-0000-4000-8000-000000000001', "
        "got OU 'c1c1c1c1-0000-4000-8000-000000000001'"
    )


@pytest.mark.parametrize("cluster", [MINE, OLD], ids=["new", "old"])
def test_issuer(cluster: object) -> None:
    """The authority signed its leaves and nobody else's."""
    leaves = [cluster.control, cluster.node, cluster.user]
    for leaf in leaves:
        mine, other = cluster.authority.certificate, OTHER.credential.certificate
        assert wrong_issuer(leaf.certificate, mine) is None
        assert wrong_issuer(leaf.certificate, other) is not None


@given(st.timedeltas(min_value=-END, max_value=2 * END))
def test_time(since: timedelta) -> None:
    """A certificate is good from an hour before it was made to its end, no longer."""
    good = timedelta(hours=-1) <= since <= END
    assert (wrong_time(MINE.node.certificate, MADE + since) is None) == good
