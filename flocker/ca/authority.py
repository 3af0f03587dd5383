"""The cluster's certificate authority: founded once, then signing for every role.

`flocker-ca` and the sandbox use it. An authority made by the first Flocker (X.509 v1,
RSA) goes on signing; what it signs is v3.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Self

from attrs import frozen
from cryptography import x509

from flocker.ca.checking import common_name_of, hosts_of, may_sign
from flocker.ca.credentials import (
    Credential,
    KeyType,
    PrivateKey,
    cluster_id,
    new_key,
    self_signed,
    signed,
    subject_of,
)
from flocker.ca.files import certificate_path, load_credential
from flocker.ca.names import (
    CLUSTER,
    ControlSubject,
    Host,
    NodeSubject,
    Subject,
    UserSubject,
    cluster_name,
    user_name,
)
from flocker.model.errors import FlockerError
from flocker.model.ids import ClusterID, NodeID


@frozen
class NotAnAuthority(FlockerError):
    """The file that should hold the cluster's authority holds another certificate."""

    path: Path
    common_name: str

    def words(self) -> str:
        """Name the file and whose certificate it is."""
        return (
            f"{self.path} is the certificate of {self.common_name!r}, "
            "not of a certificate authority"
        )


@frozen
class AuthorityExpired(FlockerError):
    """The authority's own time is over; what it signed would be refused."""

    name: str
    ended: datetime

    def words(self) -> str:
        """Name the authority and the day."""
        return f"the authority {self.name!r} expired on {self.ended:%Y-%m-%d}"


@frozen
class Authority:
    """The pair `cluster.crt` and `cluster.key`, and what it signs."""

    credential: Credential

    @classmethod
    def found(cls, name: str, cluster: ClusterID, kind: KeyType, now: datetime) -> Self:
        """Found a cluster of this name; raises `BadName`."""
        return cls(self_signed(cluster_name(name), cluster, new_key(kind), now))

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read the authority kept in a directory.

        Raises the errors of `load_credential`, `NotAnAuthority`, `NoClusterID`.
        """
        credential = load_credential(directory, CLUSTER)
        certificate = credential.certificate
        if not may_sign(certificate):
            path = certificate_path(directory, CLUSTER)
            raise NotAnAuthority(path, common_name_of(certificate.subject))
        cluster_id(certificate)
        return cls(credential)

    @property
    def name(self) -> str:
        """The cluster's name."""
        return common_name_of(self.credential.certificate.subject)

    def control(
        self, hosts: Sequence[Host], kind: KeyType, now: datetime
    ) -> Credential:
        """Sign for the control service, reached under these names and addresses."""
        return self._sign(ControlSubject(), hosts, new_key(kind), now)

    def node(self, node: NodeID, kind: KeyType, now: datetime) -> Credential:
        """Sign for the agents of one node."""
        return self._sign(NodeSubject(node), (), new_key(kind), now)

    def user(self, name: str, kind: KeyType, now: datetime) -> Credential:
        """Sign for a client of the REST API; raises `BadName`."""
        return self._sign(UserSubject(user_name(name)), (), new_key(kind), now)

    def renew(
        self, old: x509.Certificate, key: PrivateKey, now: datetime
    ) -> Credential:
        """Sign again for the subject and the names of a certificate.

        Raises `NotASubject`, `AuthorityExpired`.
        """
        return self._sign(subject_of(old), hosts_of(old), key, now)

    def _sign(
        self, subject: Subject, hosts: Sequence[Host], key: PrivateKey, now: datetime
    ) -> Credential:
        ended = self.credential.certificate.not_valid_after_utc
        if now >= ended:
            raise AuthorityExpired(self.name, ended)
        return signed(self.credential, subject, hosts, key, now)
