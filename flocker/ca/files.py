"""Certificates and keys on disk.

Written by `flocker-ca`: private from the first byte, durable, never over another file,
the key before its certificate. Read by it and by every service at its start; each error
names the file.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from attrs import frozen
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from flocker.ca.credentials import Credential, PrivateKey
from flocker.model.errors import FlockerError

PRIVATE = 0o600

_Parsed = TypeVar("_Parsed")
_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)
"""One thing in a PEM file, and what it is (RFC 7468)."""


@frozen
class FileExists(FlockerError):
    """A file would have been overwritten."""

    path: Path

    def words(self) -> str:
        """Name the file."""
        return f"{self.path} exists already and is never overwritten"


@frozen
class FileNotWritten(FlockerError):
    """The system refused to write a file."""

    path: Path
    why: str

    def words(self) -> str:
        """Name the file and the system's reason."""
        return f"{self.path} could not be written: {self.why}"


@frozen
class FileNotRead(FlockerError):
    """A file is missing, or the system refused to read it."""

    path: Path
    why: str

    def words(self) -> str:
        """Name the file and the system's reason."""
        return f"{self.path} could not be read: {self.why}"


@frozen
class Malformed(FlockerError):
    """A file does not hold what its name says."""

    path: Path
    expected: str
    why: str

    def words(self) -> str:
        """Name the file, what belongs in it, and why not."""
        return f"{self.path} is not {self.expected} in PEM: {self.why}"


@frozen
class NotAPair(FlockerError):
    """A certificate and a key lie side by side and do not belong together."""

    certificate: Path
    key: Path

    def words(self) -> str:
        """Name both files."""
        return f"{self.key} is not the key of the certificate {self.certificate}"


def certificate_path(directory: Path, name: str) -> Path:
    """Where the certificate `name` lies."""
    return directory / f"{name}.crt"


def key_path(directory: Path, name: str) -> Path:
    """Where the key `name` lies."""
    return directory / f"{name}.key"


def write_credential(directory: Path, name: str, credential: Credential) -> None:
    """Store a pair as `<name>.crt` and `<name>.key`, both mode 0600.

    The key is durable before the certificate begins, so a certificate never stands
    without its key. Raises `FileExists`, `FileNotWritten`; then neither file is left.
    """
    certificate, key = certificate_path(directory, name), key_path(directory, name)
    for path in (certificate, key):
        if os.path.lexists(path):
            raise FileExists(path)
    write_private(key, credential.key_pem())
    try:
        write_private(certificate, credential.certificate_pem())
    except FlockerError:
        key.unlink()
        raise


def write_private(path: Path, content: bytes) -> None:
    """Store a new file, mode 0600, durable when this returns.

    Raises `FileExists`, `FileNotWritten`; of the latter no file is left.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    except FileExistsError:
        raise FileExists(path) from None
    except OSError as error:
        raise not_written(path, error) from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        sync(path.parent)
    except OSError as error:
        path.unlink()
        raise not_written(path, error) from error


def sync(directory: Path) -> None:
    """Make the names in a directory durable; raises OSError."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def not_written(path: Path, error: OSError) -> FileNotWritten:
    """Say what the system said when it refused."""
    return FileNotWritten(path, error.strerror or str(error))


def load_certificate(path: Path) -> x509.Certificate:
    """Read a certificate; raises `FileNotRead`, `Malformed`."""
    return _parsed(path, "a certificate", _certificate)


def load_key(path: Path) -> PrivateKey:
    """Read a key; raises `FileNotRead`, `Malformed`."""
    return _parsed(path, "a private key", _key)


def load_all(path: Path) -> tuple[x509.Certificate | PrivateKey, ...]:
    """Read all certificates and keys of a file, at least one.

    Raises `FileNotRead`, `Malformed`.
    """
    return _parsed(path, "a certificate or private key", _everything)


def load_credential(directory: Path, name: str) -> Credential:
    """Read a pair; raises `FileNotRead`, `Malformed`, `NotAPair`."""
    paths = certificate_path(directory, name), key_path(directory, name)
    credential = Credential(load_certificate(paths[0]), load_key(paths[1]))
    if credential.certificate.public_key() != credential.key.public_key():
        raise NotAPair(*paths)
    return credential


def _certificate(pem: bytes) -> x509.Certificate:
    certificate = x509.load_pem_x509_certificate(pem)
    try:
        _ = certificate.extensions  # parsed only when asked for
    except x509.DuplicateExtension as error:
        raise ValueError(str(error)) from error
    return certificate


def _everything(pem: bytes) -> tuple[x509.Certificate | PrivateKey, ...]:
    found: list[x509.Certificate | PrivateKey] = []
    for block in _BLOCK.finditer(pem):
        if block[1] == b"CERTIFICATE":
            found.append(_certificate(block[0]))
        elif block[1].endswith(b"PRIVATE KEY"):
            found.append(_key(block[0]))
    if not found:
        raise ValueError("neither a certificate nor a private key")
    return tuple(found)


def _key(pem: bytes) -> PrivateKey:
    key = load_pem_private_key(pem, password=None)
    if isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        return key
    raise UnsupportedAlgorithm("neither ECDSA nor RSA")


def _parsed(path: Path, expected: str, parse: Callable[[bytes], _Parsed]) -> _Parsed:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FileNotRead(path, error.strerror or str(error)) from error
    if b"-----BEGIN " not in content:
        raise Malformed(path, expected, "it has no BEGIN line")
    try:
        return parse(content)
    except ValueError as error:
        raise Malformed(path, expected, "its content is damaged") from error
    except TypeError as error:
        raise Malformed(path, expected, "it is encrypted") from error
    except UnsupportedAlgorithm as error:
        raise Malformed(path, expected, "its key is neither ECDSA nor RSA") from error
