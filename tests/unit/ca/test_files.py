"""Pairs on disk: private, durable, never over another file; errors name files."""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from flocker.ca.files import (
    FileExists,
    FileNotRead,
    FileNotWritten,
    Malformed,
    NotAPair,
    load_all,
    load_certificate,
    load_credential,
    load_key,
    write_credential,
)
from flocker.testing.certificates import Cluster, a_cluster, an_old_cluster

MINE = a_cluster()
OLD = an_old_cluster()


@pytest.fixture
def no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def stored(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


@pytest.mark.parametrize("cluster", [MINE, OLD], ids=["new", "old"])
def test_pairs_round_trip(cluster: Cluster, tmp_path: Path) -> None:
    """What is loaded is what was stored, of old clusters too."""
    write_credential(tmp_path, "node", cluster.node)
    loaded = load_credential(tmp_path, "node")
    assert (loaded, loaded.key_pem()) == (cluster.node, cluster.node.key_pem())


@pytest.mark.usefixtures("no_umask")
def test_private_whatever_the_umask(tmp_path: Path) -> None:
    """Only the owner may read or write either file."""
    write_credential(tmp_path, "node", MINE.node)
    modes = {
        path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()
    }
    assert modes == {"node.crt": 0o600, "node.key": 0o600}


@pytest.mark.usefixtures("no_umask")
def test_private_from_the_first_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before a byte is written the file is new and private; the key comes first."""
    before_write = []
    fdopen = os.fdopen

    def watching(descriptor: int, mode: str) -> object:
        status = os.fstat(descriptor)
        before_write.append((stat.S_IMODE(status.st_mode), status.st_size))
        before_write.append(sorted(path.name for path in tmp_path.iterdir()))
        return fdopen(descriptor, mode)

    monkeypatch.setattr(os, "fdopen", watching)
    write_credential(tmp_path, "node", MINE.node)
    assert before_write == [
        (0o600, 0),
        ["node.key"],
        (0o600, 0),
        ["node.crt", "node.key"],
    ]


@pytest.mark.parametrize("there", ["node.crt", "node.key"])
def test_nothing_is_overwritten(there: str, tmp_path: Path) -> None:
    """If one of the two files is there, neither is touched."""
    (tmp_path / there).write_bytes(b"precious")
    with pytest.raises(FileExists) as raised:
        write_credential(tmp_path, "node", MINE.node)
    assert raised.value.path == tmp_path / there
    assert stored(tmp_path) == {there: b"precious"}


@pytest.mark.parametrize("there", ["node.crt", "node.key"])
def test_nothing_is_overwritten_in_a_race(
    there: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that another process makes after we looked is not touched either."""
    monkeypatch.setattr(os.path, "lexists", lambda _path: False)
    (tmp_path / there).write_bytes(b"precious")
    with pytest.raises(FileExists) as raised:
        write_credential(tmp_path, "node", MINE.node)
    assert raised.value.path == tmp_path / there
    assert stored(tmp_path) == {there: b"precious"}


@pytest.mark.parametrize("there", ["node.crt", "node.key"])
def test_links_are_not_followed(there: str, tmp_path: Path) -> None:
    """A link that leads nowhere is in the way, not a way out of the directory."""
    directory = tmp_path / "certificates"
    directory.mkdir()
    (directory / there).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExists):
        write_credential(directory, "node", MINE.node)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("failing", [1, 2])
def test_a_full_disk_leaves_nothing(
    failing: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When either file cannot be made durable, neither is left."""
    files = []

    def full(descriptor: int) -> None:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            files.append(descriptor)
            if len(files) == failing:
                raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FileNotWritten) as raised:
        write_credential(tmp_path, "node", MINE.node)
    assert raised.value.why == "No space left on device"
    assert stored(tmp_path) == {}


def test_no_directory(tmp_path: Path) -> None:
    """A missing directory is said with the file that was to be there."""
    with pytest.raises(FileNotWritten) as raised:
        write_credential(tmp_path / "no", "node", MINE.node)
    assert str(raised.value) == (
        f"{tmp_path}/no/node.key could not be written: No such file or directory"
    )


@pytest.mark.parametrize("missing", ["node.crt", "node.key"])
def test_missing(missing: str, tmp_path: Path) -> None:
    """Half a pair is no pair: the missing file is named."""
    write_credential(tmp_path, "node", MINE.node)
    (tmp_path / missing).unlink()
    with pytest.raises(FileNotRead) as raised:
        load_credential(tmp_path, "node")
    assert str(raised.value) == (
        f"{tmp_path / missing} could not be read: No such file or directory"
    )


def test_unreadable(tmp_path: Path) -> None:
    """What is there and is no file is named with the system's reason."""
    (tmp_path / "node.crt").mkdir()
    with pytest.raises(FileNotRead) as raised:
        load_certificate(tmp_path / "node.crt")
    assert raised.value.why == "Is a directory"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it has no BEGIN line"),
        (b"\x30\x82\x01\x00", "it has no BEGIN line"),
        (b"-----BEGIN CERTIFICATE-----\n", "its content is damaged"),
        (MINE.node.certificate_pem()[:300], "its content is damaged"),
        (MINE.node.certificate_pem().replace(b"MII", b"MIA"), "its content is damaged"),
        (MINE.node.key_pem(), "its content is damaged"),
    ],
    ids=["empty", "DER", "begin", "half", "flipped", "key"],
)
def test_malformed_certificate(content: bytes, why: str, tmp_path: Path) -> None:
    """A file that is no certificate is named and the fault told."""
    path = tmp_path / "node.crt"
    path.write_bytes(content)
    with pytest.raises(Malformed) as raised:
        load_certificate(path)
    assert str(raised.value) == f"{path} is not a certificate in PEM: {why}"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it has no BEGIN line"),
        (MINE.node.key_pem()[:100], "its content is damaged"),
        (MINE.node.certificate_pem(), "its content is damaged"),
        (
            MINE.node.key.private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
            ),
            "it is encrypted",
        ),
        (
            Ed25519PrivateKey.generate().private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
            ),
            "its key is neither ECDSA nor RSA",
        ),
    ],
    ids=["empty", "half", "certificate", "encrypted", "ed25519"],
)
def test_malformed_key(content: bytes, why: str, tmp_path: Path) -> None:
    """A file that is no key of ours is named and the fault told."""
    path = tmp_path / "node.key"
    path.write_bytes(content)
    with pytest.raises(Malformed) as raised:
        load_key(path)
    assert str(raised.value) == f"{path} is not a private key in PEM: {why}"


@pytest.mark.parametrize("other", [MINE.user, OLD.node], ids=["user", "old"])
def test_not_a_pair(other: object, tmp_path: Path) -> None:
    """The key of another certificate is found out, and both files named."""
    write_credential(tmp_path, "node", MINE.node)
    (tmp_path / "node.key").write_bytes(other.key_pem())
    with pytest.raises(NotAPair) as raised:
        load_credential(tmp_path, "node")
    assert str(raised.value) == (
        f"{tmp_path}/node.key is not the key of the certificate {tmp_path}/node.crt"
    )


def test_chain_file(tmp_path: Path) -> None:
    """In a file of leaf and authority the leaf, which comes first, is meant."""
    path = tmp_path / "node.crt"
    path.write_bytes(MINE.node.certificate_pem() + MINE.authority.certificate_pem())
    assert load_certificate(path) == MINE.node.certificate


def test_load_all(tmp_path: Path) -> None:
    """A file may hold a whole chain and the key; other blocks are passed over."""
    path = tmp_path / "all.pem"
    cluster = MINE
    parameters = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n"
    path.write_bytes(
        cluster.user.certificate_pem()
        + parameters
        + b"-----END EC PARAMETERS-----\n"
        + cluster.user.key_pem()
        + cluster.authority.certificate_pem()
    )
    user, key, authority = load_all(path)
    assert user == cluster.user.certificate
    assert key.public_key() == cluster.user.key.public_key()
    assert authority == cluster.authority.certificate


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"nothing", "it has no BEGIN line"),
        (b"-----BEGIN CERTIFICATE-----\n", "its content is damaged"),
        (b"-----BEGIN X-----\n-----END X-----", "its content is damaged"),
    ],
    ids=["nothing", "torn", "other"],
)
def test_load_all_of_nothing(content: bytes, why: str, tmp_path: Path) -> None:
    """A file without certificate or key is none."""
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(Malformed) as raised:
        load_all(path)
    assert str(raised.value) == (
        f"{path} is not a certificate or private key in PEM: {why}"
    )
