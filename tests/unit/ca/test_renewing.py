"""Renewal: the same subject again, and a usable pair at every moment."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

import flocker.ca.renewing as module
from flocker.ca.authority import Authority
from flocker.ca.checking import server_names
from flocker.ca.credentials import KeyType, cluster_id, key_like, new_key
from flocker.ca.describing import key_type
from flocker.ca.files import (
    FileNotWritten,
    NotAPair,
    load_certificate,
    load_credential,
    load_key,
    write_credential,
)
from flocker.ca.names import NotASubject
from flocker.ca.renewing import (
    WAITING,
    AuthorityNotRenewed,
    Finished,
    RenewalUnderWay,
    Renewed,
    renew,
)
from flocker.ca.services import UnfitCertificate
from flocker.model.errors import FlockerError
from flocker.testing.certificates import MADE, a_cluster, an_old_cluster, hand_made

MINE = a_cluster()
OLD = an_old_cluster()
OTHER = a_cluster("other")
AUTHORITY = Authority(MINE.authority)
LATER = MADE + timedelta(days=400)
DAY = "2027-02-05"


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


@pytest.mark.parametrize("cluster", [MINE, OLD], ids=["new", "old"])
@pytest.mark.parametrize("role", ["control", "node", "user"])
def test_same_subject_and_names(cluster: object, role: str, tmp_path: Path) -> None:
    """Subject, names and cluster stay; key, dates and shape are new."""
    old = getattr(cluster, role)
    write_credential(tmp_path, "mine", old)
    renew(tmp_path, "mine", Authority(cluster.authority), key_like, LATER)
    new = load_credential(tmp_path, "mine").certificate
    assert new.subject == old.certificate.subject
    assert set(server_names(old.certificate)) <= set(server_names(new))
    new.verify_directly_issued_by(cluster.authority.certificate)
    assert new.version.name == "v3"
    assert new.not_valid_before_utc == LATER - timedelta(hours=1)
    assert new.public_key() != old.certificate.public_key()


def test_old_pair_is_kept(tmp_path: Path) -> None:
    """The old pair lies beside the new one, dated, private and complete."""
    write_credential(tmp_path, "alice", MINE.user)
    result = renew(tmp_path, "alice", AUTHORITY, key_like, LATER)
    aside = tmp_path / f"alice.crt.{DAY}", tmp_path / f"alice.key.{DAY}"
    assert result == Renewed(load_credential(tmp_path, "alice"), aside)
    assert load_certificate(aside[0]) == MINE.user.certificate
    assert load_key(aside[1]).public_key() == MINE.user.key.public_key()
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    assert names(tmp_path) == [
        "alice.crt",
        f"alice.crt.{DAY}",
        "alice.key",
        f"alice.key.{DAY}",
    ]


def test_twice_a_day(tmp_path: Path) -> None:
    """Nothing that was kept is ever overwritten."""
    write_credential(tmp_path, "alice", MINE.user)
    renew(tmp_path, "alice", AUTHORITY, key_like, LATER)
    second = load_credential(tmp_path, "alice").certificate
    renew(tmp_path, "alice", AUTHORITY, key_like, LATER)
    kept = [load_certificate(path) for path in sorted(tmp_path.glob("alice.crt.*"))]
    assert kept == [MINE.user.certificate, second]


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda old: old, "RSA 2048"),
        (lambda _old: new_key(KeyType.ECDSA), "ECDSA P-256"),
    ],
    ids=["same key", "another kind"],
)
def test_keys(make: Callable, kind: str, tmp_path: Path) -> None:
    """The key is what the caller makes of the old one: itself, or another."""
    write_credential(tmp_path, "alice", OLD.user)
    renew(tmp_path, "alice", Authority(OLD.authority), make, LATER)
    new = load_credential(tmp_path, "alice").certificate.public_key()
    assert key_type(new) == kind
    assert (new == OLD.user.key.public_key()) is (kind == "RSA 2048")


def test_expired_certificates_are_renewed(tmp_path: Path) -> None:
    """A certificate that is too late is renewed all the same."""
    early = AUTHORITY.user("bob", KeyType.ECDSA, MADE - timedelta(days=8000))
    write_credential(tmp_path, "bob", early)
    renew(tmp_path, "bob", AUTHORITY, key_like, MADE)
    ends = load_credential(tmp_path, "bob").certificate.not_valid_after_utc
    assert ends > MADE


def test_hand_made_cluster_is_put_right(tmp_path: Path) -> None:
    """A renewed certificate names its own cluster."""
    own = hand_made(MINE.authority, MINE.user, "user-alice", "somewhere else")
    write_credential(tmp_path, "alice", own)
    renew(tmp_path, "alice", AUTHORITY, key_like, LATER)
    new = load_credential(tmp_path, "alice").certificate
    assert cluster_id(new) == cluster_id(MINE.authority.certificate)


@pytest.mark.parametrize("name", ["cluster", "copy"])
def test_authority_is_not_renewed(name: str, tmp_path: Path) -> None:
    """The authority's own certificate is refused under any name, with the reason."""
    write_credential(tmp_path, name, MINE.authority)
    with pytest.raises(AuthorityNotRenewed) as raised:
        renew(tmp_path, name, AUTHORITY, key_like, LATER)
    assert "every machine trusts exactly this file" in str(raised.value)
    assert names(tmp_path) == [f"{name}.crt", f"{name}.key"]


@pytest.mark.parametrize(
    ("own", "error"),
    [
        (OTHER.user, UnfitCertificate),
        (hand_made(MINE.authority, MINE.user, "web", None), NotASubject),
    ],
    ids=["other authority", "no subject of ours"],
)
def test_strange_certificates(
    own: object, error: type[FlockerError], tmp_path: Path
) -> None:
    """What another authority signed, or speaks for nobody, is left alone."""
    write_credential(tmp_path, "alice", own)
    with pytest.raises(error):
        renew(tmp_path, "alice", AUTHORITY, key_like, LATER)
    assert names(tmp_path) == ["alice.crt", "alice.key"]


def usable(directory: Path) -> bool:
    """Whether some pair of files in the directory is a sound pair."""
    keys = []
    for path in directory.glob("alice.key*"):
        try:
            keys.append(load_key(path).public_key())
        except FlockerError:
            continue
    for path in directory.glob("alice.crt*"):
        try:
            if load_certificate(path).public_key() in keys:
                return True
        except FlockerError:
            continue
    return False


class Killed(BaseException):
    """The process is gone; no handler of ours hears of it."""


def a_mortal(monkeypatch: pytest.MonkeyPatch, step: int, *, torn: bool) -> None:
    """Die before the given write or move; `torn` leaves half the file written."""
    steps = iter(range(1, 100))
    write, move = module.write_private, module._move

    def dying_write(path: Path, content: bytes) -> None:
        if next(steps) == step:
            if torn:
                write(path, content[: len(content) // 2])
            raise Killed
        write(path, content)

    def dying_move(source: Path, target: Path) -> None:
        if next(steps) == step:
            raise Killed
        move(source, target)

    monkeypatch.setattr(module, "write_private", dying_write)
    monkeypatch.setattr(module, "_move", dying_move)


@pytest.mark.parametrize("torn", [False, True], ids=["before", "within"])
@pytest.mark.parametrize("step", [1, 2, 3, 4, 5, 6])
def test_killed_anywhere(
    step: int, torn: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whenever it is killed a usable pair is there; the next run completes all."""
    write_credential(tmp_path, "alice", MINE.user)
    with monkeypatch.context() as patch:
        a_mortal(patch, step, torn=bool(torn))
        with pytest.raises(Killed):
            renew(tmp_path, "alice", AUTHORITY, key_like, LATER)
    assert usable(tmp_path)
    if step < 6:
        assert load_credential(tmp_path, "alice").certificate == MINE.user.certificate
    else:
        with pytest.raises(NotAPair):
            load_credential(tmp_path, "alice")
    result = renew(tmp_path, "alice", AUTHORITY, key_like, LATER)
    assert isinstance(result, Finished if step == 6 else Renewed)
    assert load_credential(tmp_path, "alice") == result.credential
    assert result.credential.certificate != MINE.user.certificate
    assert load_certificate(tmp_path / f"alice.crt.{DAY}") == MINE.user.certificate
    assert list(tmp_path.glob(f"*{WAITING}")) == []
    assert len(names(tmp_path)) == 4


def test_a_pair_that_never_was(tmp_path: Path) -> None:
    """Files that do not belong together, without a renewal, are told."""
    write_credential(tmp_path, "alice", MINE.user)
    (tmp_path / "alice.key").write_bytes(OTHER.user.key_pem())
    with pytest.raises(NotAPair):
        renew(tmp_path, "alice", AUTHORITY, key_like, LATER)


def test_one_at_a_time(tmp_path: Path) -> None:
    """Two renewals in one directory would mix their files: the second is refused."""
    write_credential(tmp_path, "alice", MINE.user)

    def meanwhile(_old: object) -> object:
        with pytest.raises(RenewalUnderWay):
            renew(tmp_path, "alice", AUTHORITY, key_like, LATER)
        return new_key(KeyType.ECDSA)

    assert isinstance(renew(tmp_path, "alice", AUTHORITY, meanwhile, LATER), Renewed)


def test_no_such_directory(tmp_path: Path) -> None:
    """A directory that is not there is named."""
    with pytest.raises(FileNotWritten) as raised:
        renew(tmp_path / "nowhere", "alice", AUTHORITY, key_like, LATER)
    assert raised.value.why == os.strerror(2)
