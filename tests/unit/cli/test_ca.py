"""`flocker-ca`: what it prints, what it writes, how it fails."""

import re
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from flocker import __version__
from flocker.ca.credentials import cluster_id, node_id, subject_of
from flocker.ca.files import (
    load_certificate,
    load_credential,
    write_credential,
)
from flocker.ca.names import ControlSubject, NodeSubject, UserSubject
from flocker.cli.ca import main
from flocker.testing.certificates import a_cluster, an_old_cluster

Command = Callable[..., Any]
"""The fixtures `flocker_ca` and `in_cluster`: arguments in, a `Ran` out."""


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_initialize(flocker_ca: Command, tmp_path: Path) -> None:
    """A cluster is founded in the working directory; one line says so."""
    ran = flocker_ca("initialize", "mine")
    assert (ran.status, ran.err, ran.out.count("\n")) == (0, "", 1)
    assert ran.out.startswith("Created cluster.crt and cluster.key.")
    assert names(tmp_path) == ["cluster.crt", "cluster.key"]


def test_each_cluster_has_its_own_uuid(flocker_ca: Command, tmp_path: Path) -> None:
    """Two clusters of one name are two clusters."""
    found = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        assert flocker_ca("initialize", "mine", "-o", name).status == 0
        found.append(cluster_id(load_certificate(tmp_path / name / "cluster.crt")))
    assert found[0] != found[1]


def test_control_certificate(in_cluster: Command, tmp_path: Path) -> None:
    """The files are named after the first host, all hosts are in the certificate."""
    ran = in_cluster("create-control-certificate", "10.0.0.1", "control.example")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.startswith("Created control-10.0.0.1.crt")
    assert "control-service.crt" in ran.out
    certificate = load_credential(tmp_path, "control-10.0.0.1").certificate
    served = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert subject_of(certificate) == ControlSubject()
    assert [str(name.value) for name in served.value] == [
        "control-service",
        "10.0.0.1",
        "control.example",
    ]


def test_node_certificate(in_cluster: Command, tmp_path: Path) -> None:
    """Programs take the uuid from between the first blank and the first full stop."""
    ran = in_cluster("create-node-certificate")
    assert (ran.status, ran.err) == (0, "")
    text = re.match(r"Created ([^ .]*)\.crt", ran.out)[1]
    assert text == ran.out[ran.out.index(" ") + 1 : ran.out.index(".")]
    credential = load_credential(tmp_path, text)
    assert node_id(credential) == UUID(text)
    assert UUID(text).version == 4
    assert subject_of(credential.certificate) == NodeSubject(UUID(text))


def test_nodes_differ(in_cluster: Command, tmp_path: Path) -> None:
    """Every node certificate is a new node."""
    for _ in range(3):
        assert in_cluster("create-node-certificate").status == 0
    assert len(names(tmp_path)) == 2 + 3 * 2


def test_api_certificate(in_cluster: Command, tmp_path: Path) -> None:
    """A user's files bear the user's name."""
    ran = in_cluster("create-api-certificate", "plugin")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.startswith("Created plugin.crt")
    credential = load_credential(tmp_path, "plugin")
    assert subject_of(credential.certificate) == UserSubject("plugin")


def test_all_files_are_private(in_cluster: Command, tmp_path: Path) -> None:
    """Only their owner reads them."""
    in_cluster("create-control-certificate", "localhost")
    in_cluster("create-node-certificate")
    in_cluster("create-api-certificate", "alice")
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert (len(names(tmp_path)), modes) == (8, {0o600})


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (("create-control-certificate", "localhost"), "control-localhost"),
        (("create-api-certificate", "alice"), "alice"),
    ],
)
@pytest.mark.parametrize(("i", "o"), [("-i", "-o"), ("--inputpath", "--outputpath")])
def test_paths(
    arguments: tuple[str, ...],
    name: str,
    i: str,
    o: str,
    flocker_ca: Command,
    tmp_path: Path,
) -> None:
    """The authority is read from one directory, the pair written to another."""
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    write_credential(source, "cluster", a_cluster().authority)
    ran = flocker_ca(*arguments, i, str(source), o, str(target))
    assert (ran.status, ran.err) == (0, "")
    assert names(target) == [f"{name}.crt", f"{name}.key"]
    assert names(tmp_path) == ["source", "target"]


def test_rsa_on_request(in_cluster: Command, tmp_path: Path) -> None:
    """Keys are ECDSA unless RSA is asked for."""
    in_cluster("create-api-certificate", "alice")
    in_cluster("create-api-certificate", "--key-type", "rsa", "bob")
    assert isinstance(load_credential(tmp_path, "bob").key, rsa.RSAPrivateKey)
    assert isinstance(
        load_credential(tmp_path, "alice").key, ec.EllipticCurvePrivateKey
    )


def test_old_authority(flocker_ca: Command, tmp_path: Path) -> None:
    """The first Flocker's authority signs on: its control certificate is renewed."""
    old = an_old_cluster()
    write_credential(tmp_path, "cluster", old.authority)
    assert flocker_ca("create-control-certificate", "localhost").status == 0
    renewed = load_certificate(tmp_path / "control-localhost.crt")
    renewed.verify_directly_issued_by(old.authority.certificate)
    assert renewed.version is x509.Version.v3


@pytest.mark.parametrize(
    "arguments",
    [
        ("initialize", "mine"),
        ("create-control-certificate", "localhost"),
        ("create-api-certificate", "alice"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_nothing_is_overwritten(
    arguments: tuple[str, ...], in_cluster: Command, tmp_path: Path
) -> None:
    """A second run fails and leaves the first one's files."""
    in_cluster(*arguments)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    ran = in_cluster(*arguments)
    assert (ran.status, ran.out, ran.err.count("\n")) == (1, "", 1)
    assert re.fullmatch(r"Error: .* exists already and is never overwritten\n", ran.err)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


CREATING = pytest.mark.parametrize(
    "arguments",
    [
        ("create-control-certificate", "localhost"),
        ("create-node-certificate",),
        ("create-api-certificate", "alice"),
    ],
    ids=lambda arguments: arguments[0],
)


@CREATING
@pytest.mark.parametrize("damage", ["missing", "malformed", "other key"])
def test_bad_authority(
    arguments: tuple[str, ...], damage: str, in_cluster: Command, tmp_path: Path
) -> None:
    """Without a sound authority there is one line that names the file, and no file."""
    key = tmp_path / "cluster.key"
    key.unlink()
    if damage == "malformed":
        key.write_text("-----BEGIN nonsense")
    if damage == "other key":
        key.write_bytes(a_cluster().authority.key_pem())
    before = names(tmp_path)
    ran = in_cluster(*arguments)
    assert (ran.status, ran.out, ran.err.count("\n")) == (1, "", 1)
    assert ran.err.startswith("Error: cluster.key ")
    assert names(tmp_path) == before


@CREATING
def test_no_directory_to_write_to(
    arguments: tuple[str, ...], in_cluster: Command
) -> None:
    """A directory that is not there is one line too."""
    ran = in_cluster(*arguments, "-o", "nowhere")
    assert (ran.status, ran.out, ran.err.count("\n")) == (1, "", 1)
    assert re.match(
        r"Error: nowhere/.*\.key could not be written: No such file", ran.err
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("create-api-certificate", "caf\udce9"),
        ("create-api-certificate", "../alice"),
        ("create-api-certificate", "cluster"),
        ("create-api-certificate", "a\nb"),
        ("create-control-certificate", "not a host"),
        ("create-control-certificate", "localhost", "10.0.0.256"),
        ("initialize", ""),
        ("initialize", "x" * 65),
    ],
    ids=repr,
)
def test_bad_names(
    arguments: tuple[str, ...], in_cluster: Command, tmp_path: Path
) -> None:
    """A name that cannot be is one line on stderr that repeats it, and no file."""
    ran = in_cluster(*arguments)
    assert (ran.status, ran.out, ran.err.count("\n")) == (1, "", 1)
    assert ran.err.startswith(f"Error: the name {arguments[-1]!r} ")
    assert names(tmp_path) == ["cluster.crt", "cluster.key"]


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("nonsense",),
        ("initialize",),
        ("initialize", "a", "b"),
        ("initialize", "a", "--key-type", "dsa"),
        ("create-control-certificate",),
        ("create-node-certificate", "extra"),
        ("create-api-certificate",),
        ("--nonsense",),
    ],
    ids=repr,
)
def test_usage_errors(
    arguments: tuple[str, ...], flocker_ca: Command, tmp_path: Path
) -> None:
    """A usage error is told on stderr with the usage, and ends with 1."""
    ran = flocker_ca(*arguments)
    assert (ran.status, ran.out) == (1, "")
    assert re.match(r"ERROR: .*\nUsage: flocker-ca", ran.err)
    assert names(tmp_path) == []


def test_version(flocker_ca: Command) -> None:
    """The version alone, on one line."""
    assert flocker_ca("--version") == (0, f"{__version__}\n", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("initialize", "--help"),
        ("create-control-certificate", "--help"),
        ("create-node-certificate", "--help"),
        ("create-api-certificate", "--help"),
        ("verify", "--help"),
        ("inspect", "--help"),
        ("renew", "--help"),
        ("bundle", "--help"),
    ],
    ids=repr,
)
def test_help(arguments: tuple[str, ...], flocker_ca: Command) -> None:
    """Help is at hand everywhere, also where no authority is."""
    ran = flocker_ca(*arguments)
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.startswith("Usage: flocker-ca")


@pytest.mark.parametrize("flags", [("-v",), ("-vv",), ("--verbose", "-v")], ids=repr)
def test_verbose_changes_nothing(flags: tuple[str, ...], in_cluster: Command) -> None:
    """Scripts may ask for more words before or after the sub-command."""
    before = in_cluster(*flags, "create-api-certificate", "alice")
    after = in_cluster("create-api-certificate", "bob", *flags)
    assert before.out == after.out.replace("bob", "alice")


def test_main(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The script exits with the status, and its certificates are valid now."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["flocker-ca", "initialize", "mine"])
    with pytest.raises(SystemExit) as raised:
        main()
    assert raised.value.code == 0
    monkeypatch.setattr(sys, "argv", ["flocker-ca", "verify"])
    with pytest.raises(SystemExit) as raised:
        main()
    assert raised.value.code == 0


def test_no_help_is_cut_short(flocker_ca: Command) -> None:
    """The list of sub-commands says each in full."""
    ran = flocker_ca("--help")
    assert "..." not in ran.out.replace("ARGS]...", "")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("flocker-ca ver", ["plain,verify"]),
        ("flocker-ca bundle --backend-o", ["plain,--backend-option"]),
        ("flocker-ca inspect --output j", ["plain,json"]),
        ("flocker-ca renew a", ["plain,alice"]),
        ("flocker-ca renew clu", []),
    ],
)
def test_completion(
    words: str,
    found: list[str],
    in_cluster: Command,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The shell completes sub-commands, options, choices and names of pairs."""
    in_cluster("create-api-certificate", "alice")
    monkeypatch.setenv("_FLOCKER_CA_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
    with pytest.raises(SystemExit):
        in_cluster()
    assert capsys.readouterr().out.split() == found
