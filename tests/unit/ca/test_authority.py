"""The authority: founded, loaded, signing."""

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature

from flocker.ca.authority import Authority, AuthorityExpired, NotAnAuthority
from flocker.ca.credentials import KeyType, NoClusterID
from flocker.ca.files import FileNotRead, write_credential
from flocker.ca.names import BadName
from flocker.testing.certificates import (
    CLUSTER_ID,
    MADE,
    NODE_ID,
    a_cluster,
    an_old_cluster,
)

MINE = a_cluster()
OLD = an_old_cluster()


@pytest.mark.parametrize("cluster", [MINE, OLD], ids=["new", "old"])
def test_signature_is_the_authoritys(cluster: object) -> None:
    """A new and an old authority sign for all roles, in version 3."""
    authority = Authority(cluster.authority)
    for leaf in (
        authority.control(["localhost"], KeyType.ECDSA, MADE),
        authority.node(NODE_ID, KeyType.ECDSA, MADE),
        authority.user("bob", KeyType.ECDSA, MADE),
    ):
        leaf.certificate.verify_directly_issued_by(cluster.authority.certificate)
        assert leaf.certificate.version is x509.Version.v3


def test_another_authoritys_signature_differs() -> None:
    """An authority of the same name and cluster is still another one."""
    with pytest.raises(InvalidSignature):
        MINE.user.certificate.verify_directly_issued_by(
            a_cluster().authority.certificate
        )


def test_load_gives_what_was_stored(tmp_path: Path) -> None:
    """The authority that is loaded is the one that was stored."""
    write_credential(tmp_path, "cluster", MINE.authority)
    loaded = Authority.load(tmp_path)
    assert (loaded.name, loaded.credential) == ("mine", MINE.authority)


def test_no_authority(tmp_path: Path) -> None:
    """A directory without an authority is named with the file."""
    with pytest.raises(FileNotRead) as raised:
        Authority.load(tmp_path)
    assert raised.value.path == tmp_path / "cluster.crt"


@pytest.mark.parametrize("cluster", [MINE, OLD], ids=["new", "old"])
def test_a_leaf_is_no_authority(cluster: object, tmp_path: Path) -> None:
    """A node's pair named cluster.crt does not sign."""
    write_credential(tmp_path, "cluster", cluster.node)
    with pytest.raises(NotAnAuthority) as raised:
        Authority.load(tmp_path)
    assert raised.value.path == tmp_path / "cluster.crt"
    assert raised.value.common_name == f"node-{NODE_ID}"


def test_expired_authority_signs_nothing() -> None:
    """What an expired authority signed would be refused everywhere."""
    authority = Authority(MINE.authority)
    end = MADE + timedelta(days=7300)
    authority.user("bob", KeyType.ECDSA, end - timedelta(seconds=1))
    with pytest.raises(AuthorityExpired) as raised:
        authority.user("bob", KeyType.ECDSA, end)
    assert str(raised.value) == "the authority 'mine' expired on 2045-12-27"


def test_names_are_checked() -> None:
    """Neither a cluster nor a user gets a name that no file or certificate can hold."""
    with pytest.raises(BadName):
        Authority.found("", CLUSTER_ID, KeyType.ECDSA, MADE)
    with pytest.raises(BadName):
        Authority(MINE.authority).user("../root", KeyType.ECDSA, MADE)


def test_authority_of_no_cluster(tmp_path: Path) -> None:
    """An authority of other software, without a cluster's UUID, does not sign."""
    foreign = Authority.found("x", "accounting", KeyType.ECDSA, MADE)
    write_credential(tmp_path, "cluster", foreign.credential)
    with pytest.raises(NoClusterID):
        Authority.load(tmp_path)
