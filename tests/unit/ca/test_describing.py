"""What `inspect` says of certificates and keys."""

from datetime import timedelta

import pytest

from flocker.ca.credentials import VALIDITY
from flocker.ca.describing import describe, left, paragraph
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
@pytest.mark.parametrize("role", ["authority", "control", "node", "user"])
def test_roles(cluster: object, role: str) -> None:
    """Each certificate says its role, new or old."""
    found = describe(getattr(cluster, role).certificate, "file", MADE)
    assert (found["kind"], found["role"], found["cluster"]) == (
        "certificate",
        role,
        str(CLUSTER_ID),
    )


def test_control() -> None:
    """A control certificate tells names, issuer, dates, key and version."""
    found = describe(MINE.control.certificate, "c.crt", MADE)
    told = {
        key: found[key]
        for key in ("subject", "names", "issuer", "key_type", "version", "left")
    }
    assert told == {
        "subject": "control-service",
        "names": ["control-service", "localhost", "127.0.0.1"],
        "issuer": "mine",
        "key_type": "ECDSA P-256",
        "version": 3,
        "left": "7300 days left",
    }
    assert found["seconds_left"] == VALIDITY.total_seconds()


def test_old_shape_is_told() -> None:
    """Certificates of the first Flocker are version 1, with RSA keys."""
    found = describe(OLD.node.certificate, "c.crt", MADE)
    assert (found["version"], found["key_type"], found["names"]) == (1, "RSA 2048", [])


def test_a_pair_shares_the_fingerprint_of_its_key() -> None:
    """Who looks for the key of a certificate compares one line."""
    certificate = describe(MINE.user.certificate, "a.crt", MADE)
    key = describe(MINE.user.key, "a.key", MADE)
    other = describe(MINE.node.key, "b.key", MADE)
    assert certificate["key_sha256"] == key["key_sha256"] != other["key_sha256"]
    assert key["kind"] == "key"


@pytest.mark.parametrize(
    ("since", "words"),
    [
        (timedelta(hours=-3), "begins in 2 hours"),
        (VALIDITY - timedelta(days=12), "12 days left"),
        (VALIDITY - timedelta(hours=1), "1 hour left"),
        (VALIDITY + timedelta(days=3), "expired 3 days ago"),
    ],
    ids=str,
)
def test_what_is_left(since: timedelta, words: str) -> None:
    """Days are counted down to the hour, before, within and after the time."""
    assert left(MINE.node.certificate, MADE + since) == words


def test_paragraph() -> None:
    """A certificate is a paragraph that begins with its file and what it is."""
    lines = paragraph(describe(MINE.node.certificate, "n.crt", MADE)).splitlines()
    assert lines[:5] == [
        "n.crt: the certificate of a node",
        f"  subject      node-{NODE_ID}",
        f"  names        node-{NODE_ID}",
        f"  cluster      {CLUSTER_ID}",
        "  issuer       mine",
    ]
    assert "  valid until  2045-12-27 00:00 UTC (7300 days left)" in lines


def test_secrets_are_not_shown() -> None:
    """Of a key its kind and the fingerprint of its public half are told, no more."""
    lines = paragraph(describe(MINE.node.key, "n.key", MADE)).splitlines()
    assert [line.split("  ")[:2][-1].strip() for line in lines[1:]] == [
        "key",
        "key SHA-256",
    ]
