"""A certificate made again before its time is over, in place of the old one.

`flocker-ca renew` calls it. The order of the writes makes a crash harmless: the old
pair is copied aside, the new one is complete under other names, then first the key and
then the certificate get their places. Between these two the pair does not match; the
next renewal sees that and puts the waiting certificate in its place.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import count
from pathlib import Path

from attrs import frozen
from cryptography import x509

from flocker.ca.authority import Authority
from flocker.ca.checking import may_sign, wrong_issuer
from flocker.ca.credentials import Credential, PrivateKey, subject_of
from flocker.ca.files import (
    NotAPair,
    certificate_path,
    key_path,
    load_certificate,
    load_credential,
    load_key,
    not_written,
    sync,
    write_private,
)
from flocker.ca.names import CLUSTER
from flocker.ca.services import UnfitCertificate
from flocker.model.errors import FlockerError

WAITING = ".renewing"
"""Ending of a file that is to take a place."""

KeyFor = Callable[[PrivateKey], PrivateKey]
"""Gives the new certificate's key; takes the old one's."""


@frozen
class AuthorityNotRenewed(FlockerError):
    """Somebody wants the authority's own certificate renewed."""

    path: Path

    def words(self) -> str:
        """Say why not, and what to do."""
        return (
            f"{self.path} is the authority's own certificate, which is not renewed: "
            "every machine trusts exactly this file, and a new one would have to reach "
            "all of them at the same moment; before it expires, found a new authority "
            "with `initialize` or `bundle` and change all machines over to it"
        )


@frozen
class RenewalUnderWay(FlockerError):
    """Another process is renewing in the same directory."""

    directory: Path

    def words(self) -> str:
        """Name the directory."""
        return f"another flocker-ca is renewing in {self.directory} right now"


@frozen
class Renewed:
    """A new pair is in place; the old one has been copied to `aside`."""

    credential: Credential
    aside: tuple[Path, Path]


@frozen
class Finished:
    """An earlier renewal that was interrupted is now complete."""

    credential: Credential


def renew(
    directory: Path, name: str, authority: Authority, key: KeyFor, now: datetime
) -> Renewed | Finished:
    """Make the pair `name` anew for the same subject and names.

    Raises `AuthorityNotRenewed`, `RenewalUnderWay`, `UnfitCertificate` where another
    authority signed, the errors of `load_credential`, `write_private` and `Authority`.
    """
    path = certificate_path(directory, name)
    if name == CLUSTER:
        raise AuthorityNotRenewed(path)
    with _alone(directory):
        try:
            old = load_credential(directory, name)
        except NotAPair as error:
            return _finish(directory, name, error)
        _check(path, old.certificate, authority)
        new = authority.renew(old.certificate, key(old.key), now)
        aside = _keep(directory, name, f"{now:%Y-%m-%d}")
        _replace(directory, name, new)
    return Renewed(new, aside)


def _check(path: Path, certificate: x509.Certificate, authority: Authority) -> None:
    if may_sign(certificate):
        raise AuthorityNotRenewed(path)
    complaint = wrong_issuer(certificate, authority.credential.certificate)
    if complaint is not None:
        raise UnfitCertificate(path, complaint)
    subject_of(certificate)


def _keep(directory: Path, name: str, day: str) -> tuple[Path, Path]:
    """Copy the pair to names with the day in them that are free, or hold it already."""
    pair = certificate_path(directory, name), key_path(directory, name)
    contents = [path.read_bytes() for path in pair]
    for copies in _stamped(pair, day):
        if all(map(_is_free, copies, contents)):
            for path, content in zip(copies, contents, strict=True):
                _copy(path, content)
            return copies
    raise AssertionError("days can be numbered without end")


def _stamped(pair: tuple[Path, Path], day: str) -> Iterator[tuple[Path, Path]]:
    for turn in count(1):
        stamp = day if turn == 1 else f"{day}-{turn}"
        certificate, key = (path.with_name(f"{path.name}.{stamp}") for path in pair)
        yield certificate, key


def _is_free(path: Path, content: bytes) -> bool:
    """A copy that an interrupted renewal began is as good as no file."""
    return not os.path.lexists(path) or (
        path.is_file() and content.startswith(path.read_bytes())
    )


def _copy(path: Path, content: bytes) -> None:
    if os.path.lexists(path):
        path.unlink()
    write_private(path, content)


def _replace(directory: Path, name: str, new: Credential) -> None:
    pair = (
        (key_path(directory, name), new.key_pem()),
        (
            certificate_path(directory, name),
            new.certificate_pem(),
        ),
    )
    for path, content in pair:
        _copy(_waiting(path), content)
    for path, _content in pair:
        _move(_waiting(path), path)


def _finish(directory: Path, name: str, broken: NotAPair) -> Finished:
    certificate = certificate_path(directory, name)
    waiting = _waiting(certificate)
    if not waiting.exists():
        raise broken
    new = Credential(load_certificate(waiting), load_key(key_path(directory, name)))
    if new.certificate.public_key() != new.key.public_key():
        raise broken
    _move(waiting, certificate)
    return Finished(new)


def _move(source: Path, target: Path) -> None:
    try:
        source.replace(target)
        sync(target.parent)
    except OSError as error:
        raise not_written(target, error) from error


def _waiting(path: Path) -> Path:
    return path.with_name(path.name + WAITING)


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Keep other renewals out of the directory; a crash lets them in again."""
    try:
        descriptor = os.open(directory, os.O_RDONLY)
    except OSError as error:
        raise not_written(directory, error) from error
    try:
        _lock(descriptor, directory)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, directory: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise RenewalUnderWay(directory) from None
