"""Directories of certificates and what is found in them."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from flocker.ca.authority import Authority
from flocker.ca.credentials import VALIDITY, Credential, KeyType
from flocker.ca.files import write_credential, write_private
from flocker.ca.services import UnfitCertificate
from flocker.ca.verifying import Doubtful, Fit, KeyExposed, Unfit, verify_directory
from flocker.testing.certificates import (
    CLUSTER_ID,
    MADE,
    NODE_ID,
    a_cluster,
    an_old_cluster,
    hand_made,
)

MINE = a_cluster()
OLD = an_old_cluster()
AUTHORITY = Authority(MINE.authority)
SOON = "expires soon, 30 days left"
LATE = "expected one that is valid now, got one that expired on 2045-12-27 00:00 UTC"
AGENT = """
version: 1
control-service: {hostname: [LOCALHOST, 127.0.0.1, elsewhere.example]}
dataset: {backend: loopback}
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A directory with the authority's certificate only."""
    write_private(tmp_path / "cluster.crt", MINE.authority.certificate_pem())
    return tmp_path


def findings(directory: Path, now: object = MADE) -> list[str]:
    """What is not well, a line each: the kind and the sentence without the folder."""
    return [
        f"{type(found).__name__} {found}".replace(f"{directory}/", "")
        for found in verify_directory(directory, now)
        if not isinstance(found, Fit)
    ]


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("control-service", MINE.control),
        ("control-localhost", MINE.control),
        ("control-127.0.0.1", MINE.control),
        ("node", MINE.node),
        (str(NODE_ID), MINE.node),
        ("plugin", MINE.user),
        ("user", MINE.user),
        ("alice", MINE.user),
        ("apiuser", MINE.user),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_well(name: str, own: Credential, directory: Path) -> None:
    """Every name that Flocker gives to a file is fine with its role."""
    write_credential(directory, name, own)
    assert list(verify_directory(directory, MADE)) == [
        Fit(directory / "cluster.crt", MINE.authority.certificate),
        Fit(directory / f"{name}.crt", own.certificate),
    ]


@pytest.mark.parametrize(
    ("name", "own", "complaint"),
    [
        (
            "plugin",
            MINE.node,
            (
                "expected a user certificate, CN user-<name>, got a node certificate, "
                f"CN 'node-{NODE_ID}'"
            ),
        ),
        (
            "control-10.0.0.1",
            MINE.control,
            (
                "expected one for the server name 10.0.0.1, "
                "got one for control-service, localhost, 127.0.0.1"
            ),
        ),
        (
            str(CLUSTER_ID),
            MINE.node,
            (
                f"expected one with CN 'node-{CLUSTER_ID}', as its file's name says, "
                f"got CN 'node-{NODE_ID}'"
            ),
        ),
    ],
    ids=["plugin", "control", "node"],
)
def test_names_and_roles(
    name: str, own: Credential, complaint: str, directory: Path
) -> None:
    """A file whose name promises another role, host or node cannot serve."""
    write_credential(directory, name, own)
    assert findings(directory) == [f"Unfit {name}.crt cannot serve: {complaint}"]


@pytest.mark.parametrize(
    ("days", "found"),
    [
        (31, []),
        (
            30,
            [
                (
                    f"Doubtful cluster.crt {SOON}: found a new cluster in time, for "
                    "the authority is not renewed"
                ),
                f"Doubtful alice.crt {SOON}: flocker-ca renew alice",
            ],
        ),
        (
            -1,
            [f"Unfit {name}.crt cannot serve: {LATE}" for name in ("cluster", "alice")],
        ),
    ],
    ids=str,
)
def test_dates(days: int, found: list[str], directory: Path) -> None:
    """The last thirty days are a warning, afterwards it is an error."""
    write_credential(directory, "alice", MINE.user)
    assert findings(directory, MADE + VALIDITY - timedelta(days=days)) == found


@pytest.mark.parametrize(
    ("mode", "kinds"),
    [
        (0o600, []),
        (0o400, []),
        (0o640, [Doubtful]),
        (0o604, [Unfit]),
        (0o644, [Unfit]),
    ],
    ids=["600", "400", "640", "604", "644"],
)
@pytest.mark.parametrize("name", ["alice.key", "alice.key.2025-01-01"])
def test_permissions(name: str, mode: int, kinds: list[type], directory: Path) -> None:
    """A key open to all is an error, to its group a doubt; kept keys count too."""
    write_credential(directory, "alice", MINE.user)
    path = directory / name
    if not path.exists():
        write_private(path, MINE.user.key_pem())
    path.chmod(mode)
    odd = [each for each in verify_directory(directory, MADE) if type(each) is not Fit]
    assert [type(each) for each in odd] == kinds
    if kinds == [Unfit]:
        assert str(odd[0]) == str(KeyExposed(path, mode))


def test_certificates_may_be_read(directory: Path) -> None:
    """Only keys are secret."""
    write_credential(directory, "alice", MINE.user)
    (directory / "alice.crt").chmod(0o644)
    assert findings(directory) == []


def test_old_control_certificate(tmp_path: Path) -> None:
    """Version 1 serves, but not for everybody's clients: a doubt with the cure."""
    write_private(tmp_path / "cluster.crt", OLD.authority.certificate_pem())
    write_credential(tmp_path, "control-service", OLD.control)
    write_credential(tmp_path, "node", OLD.node)
    write_credential(tmp_path, "user", OLD.user)
    assert findings(tmp_path) == [
        (
            "Doubtful control-service.crt is X.509 version 1, whose names Go's and "
            "other clients do not read: flocker-ca renew control-service"
        )
    ]


def test_control_without_hosts(directory: Path) -> None:
    """A control certificate for no host is good for Flocker's own clients only."""
    own = AUTHORITY.control([], KeyType.ECDSA, MADE)
    write_credential(directory, "control-service", own)
    (found,) = findings(directory)
    assert found.startswith("Doubtful control-service.crt names no host")


def test_other_cluster_is_a_doubt(directory: Path) -> None:
    """A leaf that names another cluster is let in by services, so it is a doubt."""
    own = hand_made(MINE.authority, MINE.user, "user-bob", "elsewhere")
    write_credential(directory, "bob", own)
    assert findings(directory) == [
        (
            "Doubtful bob.crt is accepted and logged: expected one of the cluster with "
            f"OU '{CLUSTER_ID}', got OU 'elsewhere'"
        )
    ]


def test_agents_hosts(directory: Path) -> None:
    """Each control host of agent.yml must be a name of a control certificate."""
    write_credential(directory, "control-service", MINE.control)
    (directory / "agent.yml").write_text(AGENT)
    assert findings(directory) == [
        (
            "Doubtful agent.yml reaches control at elsewhere.example, a name that is "
            "not in control-service.crt: Flocker's own programs do not mind, other "
            "clients refuse that address"
        )
    ]


def test_agent_yml_alone(directory: Path) -> None:
    """On a node there is no control certificate to compare with."""
    write_credential(directory, "node", MINE.node)
    (directory / "agent.yml").write_text(AGENT)
    assert findings(directory) == []


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (lambda path: path.write_text("version: 2"), "agent.yml: version: must be 1"),
        (lambda path: path.write_bytes(b"\xff"), "agent.yml: it is not UTF-8"),
        (lambda path: path.mkdir(), "agent.yml could not be read: Is a directory"),
    ],
    ids=["wrong", "binary", "directory"],
)
def test_bad_agent_yml(
    write: Callable[[Path], object], words: str, directory: Path
) -> None:
    """An agent.yml that an agent would refuse is an error."""
    write(directory / "agent.yml")
    (found,) = findings(directory)
    assert found.startswith(f"Unfit {words}")


def test_interrupted_renewal(directory: Path) -> None:
    """What an interrupted renewal left is told with the cure."""
    write_credential(directory, "alice", MINE.user)
    write_private(directory / "alice.key.renewing", MINE.user.key_pem())
    assert findings(directory) == [
        (
            "Doubtful alice.crt was being renewed when that was interrupted: "
            "flocker-ca renew alice"
        )
    ]


def test_dangling_key(directory: Path) -> None:
    """A link that leads nowhere is an error, not a crash."""
    write_private(directory / "alice.crt", MINE.user.certificate_pem())
    (directory / "alice.key").symlink_to("nowhere")
    assert findings(directory) == [
        "Unfit alice.key could not be read: No such file or directory",
    ]


def test_leaf_as_authority(tmp_path: Path) -> None:
    """Without an authority there is nothing to check against."""
    write_private(tmp_path / "cluster.crt", MINE.user.certificate_pem())
    with pytest.raises(UnfitCertificate):
        list(verify_directory(tmp_path, MADE))
