"""`flocker-ca inspect`, `renew` and `verify`: what they print and how they fail."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flocker.ca.files import load_credential, write_credential, write_private
from flocker.testing.certificates import a_cluster, an_old_cluster

Command = Callable[..., Any]
"""The fixtures `flocker_ca` and `in_cluster`: arguments in, a `Ran` out."""


def test_verify(in_cluster: Command) -> None:
    """Sound certificates are listed with whom they speak for and until when."""
    in_cluster("create-control-certificate", "10.0.0.1")
    in_cluster("create-api-certificate", "alice")
    assert in_cluster("verify") == (
        0,
        (
            "cluster.crt: mine, until 2045-12-27\n"
            "alice.crt: user-alice, until 2045-12-27\n"
            "control-10.0.0.1.crt: control-service, "
            "serves as control-service, 10.0.0.1, until 2045-12-27\n"
        ),
        "",
    )


def test_verify_tells_all_that_is_wrong(in_cluster: Command, tmp_path: Path) -> None:
    """Each wrong file is one line; the right ones are still listed."""
    cluster = a_cluster()
    in_cluster("create-api-certificate", "alice")
    in_cluster("create-api-certificate", "bob")
    (tmp_path / "bob.crt").unlink()
    for file in ("crt", "key"):
        copied = (tmp_path / f"alice.{file}").read_bytes()
        write_private(tmp_path / f"node.{file}", copied)
    write_credential(tmp_path, "carol", cluster.authority)
    (tmp_path / "cluster.key").write_bytes(cluster.authority.key_pem())
    ran = in_cluster("verify", str(tmp_path))
    assert (ran.status, ran.out.count("\n")) == (1, 2)
    assert [
        line.removeprefix(f"Error: {tmp_path}/") for line in ran.err.splitlines()
    ] == [
        f"cluster.key is not the key of the certificate {tmp_path}/cluster.crt",
        "bob.crt could not be read: No such file or directory",
        (
            "carol.crt cannot serve: the common name 'mine' is none of "
            "control-service, node-<uuid>, user-<name>"
        ),
        (
            "node.crt cannot serve: expected a node certificate, CN node-<uuid>, "
            "got a user certificate, CN 'user-alice'"
        ),
    ]


def test_verify_where_no_cluster_is(flocker_ca: Command) -> None:
    """Without cluster.crt there is nothing to check against."""
    assert flocker_ca("verify") == (
        1,
        "",
        "Error: cluster.crt could not be read: No such file or directory\n",
    )


def test_verify_warns(in_cluster: Command, tmp_path: Path) -> None:
    """A warning is a line on stderr that leaves the status alone."""
    in_cluster("create-api-certificate", "alice")
    (tmp_path / "alice.key").chmod(0o640)
    ran = in_cluster("verify")
    assert (ran.status, ran.out.count("\n")) == (0, 2)
    assert ran.err == (
        "Warning: alice.key is open to its group (mode 0640): chmod 600 it\n"
    )


def test_inspect(in_cluster: Command) -> None:
    """Each certificate and key is a paragraph, a blank line between them."""
    in_cluster("create-api-certificate", "alice")
    ran = in_cluster("inspect", "alice.crt", "alice.key", "cluster.crt")
    assert (ran.status, ran.err) == (0, "")
    firsts = [paragraph.splitlines()[0] for paragraph in ran.out.split("\n\n")]
    assert firsts == [
        "alice.crt: the certificate of a user",
        "alice.key: a private key",
        "cluster.crt: the certificate of a cluster's authority",
    ]


def test_inspect_as_json(in_cluster: Command) -> None:
    """Programs get a list, with dates in ISO 8601."""
    in_cluster("create-control-certificate", "10.0.0.1")
    ran = in_cluster("inspect", "-o", "json", "control-10.0.0.1.crt", "cluster.key")
    certificate, key = json.loads(ran.out)
    assert certificate["names"] == ["control-service", "10.0.0.1"]
    assert certificate["not_after"] == "2045-12-27T00:00:00+00:00"
    assert (key["kind"], "sha256" in key) == ("key", False)


def test_inspect_what_can_be_read(in_cluster: Command, tmp_path: Path) -> None:
    """A file that cannot be read is a line and the status; the others are shown."""
    (tmp_path / "junk").write_text("junk")
    ran = in_cluster("inspect", "nowhere.crt", "junk", "cluster.crt")
    assert (ran.status, ran.out.count("the certificate of")) == (1, 1)
    assert ran.err == (
        "Error: nowhere.crt could not be read: No such file or directory\n"
        "Error: junk is not a certificate or private key in PEM: it has no BEGIN line\n"
    )


@pytest.mark.parametrize("name", ["alice", "alice.crt", "alice.key"])
def test_renew(name: str, in_cluster: Command, tmp_path: Path) -> None:
    """The pair is new, the old one beside it; a file's name does as well."""
    in_cluster("create-api-certificate", "alice")
    before = load_credential(tmp_path, "alice")
    ran = in_cluster("renew", name)
    assert (ran.status, ran.err) == (0, "")
    assert ran.out == (
        "Renewed alice.crt and alice.key, good until 2045-12-27. The old pair is kept "
        "as alice.crt.2026-01-01 and alice.key.2026-01-01. Copy the new pair to where "
        "the old one is used and restart what uses it there.\n"
    )
    after = load_credential(tmp_path, "alice")
    assert after.certificate.public_key() != before.certificate.public_key()
    assert in_cluster("verify").status == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "RSA 4096"),
        (("--same-key",), "RSA 2048"),
        (("--key-type", "ecdsa"), "ECDSA P-256"),
    ],
    ids=repr,
)
def test_renewed_key(
    options: tuple[str, ...],
    words: str,
    flocker_ca: Command,
    tmp_path: Path,
) -> None:
    """The new key is of the old one's kind, unless something else is asked for."""
    old = an_old_cluster()
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    write_credential(source, "cluster", old.authority)
    write_credential(target, "alice", old.user)
    ran = flocker_ca("renew", "-i", "source", "-o", "target", "alice", *options)
    assert (ran.status, ran.err) == (0, "")
    shown = flocker_ca("inspect", "target/alice.crt")
    assert f"  {words}\n" in shown.out
    key = load_credential(target, "alice").certificate.public_key()
    assert (key == old.user.certificate.public_key()) is ("--same-key" in options)


def test_renewed_old_control_certificate(flocker_ca: Command, tmp_path: Path) -> None:
    """A version 1 control certificate is renewed as version 3, with its names."""
    old = an_old_cluster()
    write_credential(tmp_path, "cluster", old.authority)
    write_credential(tmp_path, "control-service", old.control)
    assert flocker_ca("verify").err.startswith("Warning: control-service.crt is X.509")
    assert flocker_ca("renew", "control-service", "--key-type", "ecdsa").status == 0
    assert flocker_ca("verify").err == ""
    shown = flocker_ca("inspect", "control-service.crt").out
    assert "  names        control-service, 127.0.0.1\n" in shown


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("cluster",), "cluster.crt is the authority's own certificate, which is not "),
        (("nobody",), "nobody.crt could not be read: No such file or directory"),
        (("alice",), "alice.crt cannot serve: expected one signed by the authority "),
    ],
    ids=["authority", "missing", "foreign"],
)
def test_not_renewed(
    arguments: tuple[str, ...], words: str, in_cluster: Command, tmp_path: Path
) -> None:
    """What cannot be renewed is one line with the reason; nothing has changed."""
    write_credential(tmp_path, "alice", a_cluster().user)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    ran = in_cluster("renew", *arguments)
    assert (ran.status, ran.out, ran.err.count("\n")) == (1, "", 1)
    assert ran.err.startswith(f"Error: {words}")
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_contradiction(in_cluster: Command) -> None:
    """A kind cannot be asked of a key that stays."""
    ran = in_cluster("renew", "alice", "--same-key", "--key-type", "rsa")
    assert (ran.status, ran.err.splitlines()[0]) == (
        1,
        "ERROR: --same-key and --key-type contradict each other.",
    )
