"""A service's directory: every wrong file is one sentence that names it."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from flocker.ca.authority import Authority
from flocker.ca.credentials import Credential, KeyType
from flocker.ca.files import write_credential
from flocker.ca.services import (
    ServiceCertificates,
    UnfitCertificate,
    load_authority_certificate,
    load_service_directory,
)
from flocker.model.errors import FlockerError
from flocker.model.ids import ClusterID
from flocker.testing.certificates import MADE, NODE_ID, Cluster, hand_made
from tests.unit.ca.conversations import MINE, OLD, OTHER, TWIN

CASES = [("control-service", "control"), ("node", "node"), ("plugin", "user")]


def a_directory(path: Path, authority: Credential, own: Credential, name: str) -> Path:
    """A service's directory: the authority's certificate only, and a pair."""
    (path / "cluster.crt").write_bytes(authority.certificate_pem())
    write_credential(path, name, own)
    return path


@pytest.mark.parametrize("cluster", [MINE, OLD], ids=["new", "old"])
@pytest.mark.parametrize(("name", "role"), CASES)
def test_loads(cluster: Cluster, name: str, role: str, tmp_path: Path) -> None:
    """Each service finds its own pair and the authority, in new and old clusters."""
    own = getattr(cluster, role)
    directory = a_directory(tmp_path, cluster.authority, own, name)
    assert load_service_directory(directory, name, now=MADE) == ServiceCertificates(
        cluster.authority.certificate, own
    )


def test_new_control_certificate_of_an_old_authority(tmp_path: Path) -> None:
    """An old cluster's authority may renew the control certificate."""
    own = Authority(OLD.authority).control(["localhost"], KeyType.ECDSA, MADE)
    directory = a_directory(tmp_path, OLD.authority, own, "control-service")
    assert load_service_directory(directory, "control-service", now=MADE).own == own


@pytest.mark.parametrize("unit", ["elsewhere", None], ids=["other", "none"])
def test_hand_made_cluster_name(unit: str | None, tmp_path: Path) -> None:
    """The signature alone says whose cluster it is; peers log the oddity."""
    own = hand_made(MINE.authority, MINE.user, "user-alice", unit)
    directory = a_directory(tmp_path, MINE.authority, own, "alice")
    assert load_service_directory(directory, "alice", now=MADE).own == own


@pytest.mark.parametrize(
    ("name", "own", "complaint"),
    [
        (
            "node",
            MINE.user,
            (
                "expected a node certificate, CN node-<uuid>, "
                "got a user certificate, CN 'user-alice'"
            ),
        ),
        (
            "control-service",
            MINE.node,
            (
                "expected a control certificate, CN control-service, "
                f"got a node certificate, CN 'node-{NODE_ID}'"
            ),
        ),
        (
            "plugin",
            MINE.authority,
            "expected a user certificate, CN user-<name>, got CN 'mine'",
        ),
        (
            "plugin",
            OTHER.user,
            (
                "expected one signed by the authority 'mine' "
                "(OU 'c1c1c1c1-0000-4000-8000-000000000001'), got one signed by "
                "the authority 'other' (OU 'c1c1c1c1-0000-4000-8000-000000000001')"
            ),
        ),
        (
            "plugin",
            TWIN.user,
            (
                "expected one signed by the authority 'mine' "
                "(OU 'c1c1c1c1-0000-4000-8000-000000000001'), "
                "got one signed with another key in its name"
            ),
        ),
    ],
    ids=["user as node", "node as control", "authority as user", "other", "twin"],
)
def test_wrong_pair(name: str, own: Credential, complaint: str, tmp_path: Path) -> None:
    """A pair of another role or authority is refused: expected this, got that."""
    directory = a_directory(tmp_path, MINE.authority, own, name)
    with pytest.raises(UnfitCertificate) as raised:
        load_service_directory(directory, name, now=MADE)
    assert str(raised.value) == f"{tmp_path}/{name}.crt cannot serve: {complaint}"


def test_expired(tmp_path: Path) -> None:
    """A certificate whose time is over is refused with the moment it ended."""
    young = Authority.found(
        "mine", ClusterID(NODE_ID), KeyType.ECDSA, MADE + timedelta(days=1)
    )
    leaf = Authority(young.credential).user("bob", KeyType.ECDSA, MADE)
    directory = a_directory(tmp_path, young.credential, leaf, "bob")
    with pytest.raises(UnfitCertificate) as raised:
        load_service_directory(
            directory, "bob", now=MADE + timedelta(days=7300, hours=1)
        )
    assert raised.value.complaint == (
        "expected one that is valid now, got one that expired on 2045-12-27 00:00 UTC"
    )


def test_before_its_time(tmp_path: Path) -> None:
    """A certificate from the future points at the clock, on the first file read."""
    directory = a_directory(tmp_path, MINE.authority, MINE.user, "alice")
    with pytest.raises(UnfitCertificate) as raised:
        load_service_directory(directory, "alice", now=MADE - timedelta(hours=2))
    assert raised.value.path == tmp_path / "cluster.crt"
    assert raised.value.complaint == (
        "expected one that is valid now, got one valid only from "
        "2025-12-31 23:00 UTC (is a clock wrong?)"
    )


def test_leaf_as_authority(tmp_path: Path) -> None:
    """Another certificate copied to cluster.crt is found out."""
    (tmp_path / "cluster.crt").write_bytes(MINE.user.certificate_pem())
    with pytest.raises(UnfitCertificate) as raised:
        load_authority_certificate(tmp_path, MADE)
    assert raised.value.complaint == (
        "expected a certificate authority, got CN 'user-alice'"
    )


@pytest.mark.parametrize("name", ["cluster.crt", "node.crt", "node.key"])
@pytest.mark.parametrize("damage", ["missing", "directory", "empty"])
def test_every_fault_names_its_file(name: str, damage: str, tmp_path: Path) -> None:
    """Whatever is wrong with one of the three files, the message names it."""
    path = a_directory(tmp_path, MINE.authority, MINE.node, "node") / name
    path.unlink()
    if damage == "directory":
        path.mkdir()
    if damage == "empty":
        path.touch()
    with pytest.raises(FlockerError) as raised:
        load_service_directory(tmp_path, "node", now=MADE)
    assert str(raised.value).startswith(f"{path} ")


def test_authority_key_is_not_needed(tmp_path: Path) -> None:
    """A service never needs cluster.key, and reads nothing but its three files."""
    directory = a_directory(tmp_path, MINE.authority, MINE.node, "node")
    copied = shutil.copytree(directory, tmp_path / "copy")
    assert sorted(path.name for path in copied.iterdir()) == [
        "cluster.crt",
        "node.crt",
        "node.key",
    ]
    assert load_service_directory(copied, "node", now=MADE).own == MINE.node
