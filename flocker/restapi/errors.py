"""The one table from what went wrong to an HTTP status, and its JSON body.

Used by `flocker.restapi.endpoint`; handlers raise and know no statuses of errors.
"""

from collections.abc import Mapping

from attrs import frozen

from flocker.control.admission import BackendDiffers, NodeLacksBackend, NodeRefuses
from flocker.control.asking import BackendUnanswered
from flocker.control.clones import NoSuchSource
from flocker.control.datasets import (
    DatasetDeleted,
    DatasetExists,
    DatasetNotFound,
    NotDestroyedYet,
    ShrinkRefused,
    TooSmallForFilesystem,
)
from flocker.control.leases import GoingBack, LeaseHeld, LeaseNotFound, OnItsWay
from flocker.control.nodes import NodeAlive, NodeBereft, NodeInUse, NodeUnknown
from flocker.control.operations import TooContended
from flocker.control.persistence.interface import StoreUnavailable, StoreUnreadable
from flocker.control.pool_copies import NoSuchCopy
from flocker.control.pool_moves import (
    CopyNeeded,
    InUse,
    MoveRefused,
    NoMove,
    NotInPool,
)
from flocker.control.pool_rollbacks import NoRollback, RollbackRefused
from flocker.control.snapshots import (
    BadSnapshotName,
    SnapshotExists,
    SnapshotNeeded,
    SnapshotNotFound,
    TooManySnapshots,
)
from flocker.control.volume_snapshots import NoSnapshotsThere, SourceNeeded
from flocker.control.volumes import VolumeClaimed, VolumeNotFound, VolumeOfAnother
from flocker.model.errors import FlockerError
from flocker.restapi.answers import Answer, Header, answer

TRY_AGAIN: Header = (b"Retry-After", b"5")
"""Seconds: a full disk or a locked file takes somebody's hand."""


@frozen
class PathNotFound(FlockerError):
    """Nothing is served at this path."""

    path: str

    def words(self) -> str:
        """Name the path."""
        return f"there is nothing at {self.path[:200]!r}"


@frozen
class MethodNotAllowed(FlockerError):
    """Something is served at this path, but not by this method."""

    method: str
    allowed: tuple[str, ...]

    def words(self) -> str:
        """Name the method and the others."""
        return f"{self.method[:40]!r} is not allowed here, only {_list(self.allowed)}"


@frozen
class BadRequest(FlockerError):
    """The request itself, not its body, cannot be understood."""

    why: str

    def words(self) -> str:
        """Say what is wrong."""
        return f"the request cannot be understood: {self.why}"


@frozen
class BodyTooLarge(FlockerError):
    """The body of the request is longer than any we want."""

    limit: int

    def words(self) -> str:
        """Name the limit."""
        return f"the body of the request is longer than {self.limit} bytes"


@frozen
class BodyNotJson(FlockerError):
    """The body of the request is not JSON, or not JSON everybody reads alike."""

    why: str

    def words(self) -> str:
        """Say what is wrong."""
        return f"the body of the request could not be decoded as JSON: {self.why}"


@frozen
class SchemaViolation(FlockerError):
    """The body of the request is JSON, but not what this path takes."""

    errors: tuple[str, ...]

    def words(self) -> str:
        """Say so with the first rule, as many clients show the description alone."""
        return (
            "the body of the request does not match the schema of this path:"
            f" {self.errors[0]}"
        )


@frozen
class ConfigurationChanged(FlockerError):
    """The datasets are not as the request requires them to be."""

    required: tuple[str, ...]
    current: str

    def words(self) -> str:
        """Name both tags."""
        required = _list([tag[:80] for tag in self.required])
        return f"the configuration's tag must be {required}, and is {self.current}"


@frozen
class NodeNotFound(FlockerError):
    """No node of this id has connected."""

    node: str

    def words(self) -> str:
        """Name the node."""
        return f"no agent of a node {self.node} has ever connected"


@frozen
class EraNotFound(FlockerError):
    """No node of this era has connected."""

    era: str

    def words(self) -> str:
        """Name the era."""
        return f"no agent of a node in era {self.era} has connected; ask again later"


STATUS: Mapping[type[FlockerError], int] = {
    BadRequest: 400,
    BadSnapshotName: 400,
    BodyNotJson: 400,
    SchemaViolation: 400,
    TooSmallForFilesystem: 400,
    DatasetNotFound: 404,
    EraNotFound: 404,
    LeaseNotFound: 404,
    NodeNotFound: 404,
    NodeUnknown: 404,
    NoSuchCopy: 404,
    PathNotFound: 404,
    SnapshotNotFound: 404,
    VolumeNotFound: 404,
    DatasetDeleted: 405,
    MethodNotAllowed: 405,
    BackendDiffers: 409,
    CopyNeeded: 409,
    DatasetExists: 409,
    GoingBack: 409,
    InUse: 409,
    LeaseHeld: 409,
    MoveRefused: 409,
    NoMove: 409,
    NoRollback: 409,
    NodeAlive: 409,
    NodeBereft: 409,
    NodeInUse: 409,
    NodeLacksBackend: 409,
    NodeRefuses: 409,
    NotDestroyedYet: 409,
    NotInPool: 409,
    NoSnapshotsThere: 409,
    OnItsWay: 409,
    RollbackRefused: 409,
    ShrinkRefused: 409,
    NoSuchSource: 409,
    SnapshotExists: 409,
    SnapshotNeeded: 409,
    SourceNeeded: 409,
    TooManySnapshots: 409,
    VolumeClaimed: 409,
    VolumeOfAnother: 409,
    ConfigurationChanged: 412,
    BodyTooLarge: 413,
    BackendUnanswered: 503,
    StoreUnavailable: 503,
    StoreUnreadable: 503,
    TooContended: 503,
}
"""Every error that users of the API can meet. Others are faults of ours: 500."""


def refusal(error: FlockerError) -> Answer:
    """Give the answer that says `error`, which must be in `STATUS`."""
    code = STATUS[type(error)]
    body: dict[str, object] = {"description": str(error)}
    headers: tuple[Header, ...] = ()
    match error:
        case SchemaViolation(errors):
            body["errors"] = list(errors)
        case MethodNotAllowed(_, allowed):
            headers = (_allow(allowed),)
        case DatasetDeleted():
            headers = (_allow(("DELETE",)),)  # again, which changes nothing
        case _ if code == 503:
            headers = (TRY_AGAIN,)
        case _:
            pass
    return answer(code, body, *headers)


def fault(incident: str) -> Answer:
    """Give the answer to what we did not foresee; `incident` finds it in the log."""
    description = "the control service met an error of its own; its log says more"
    return answer(500, {"description": description, "incident": incident})


def _allow(methods: tuple[str, ...]) -> Header:
    return b"Allow", ", ".join(methods).encode("ascii")


def _list(words: list[str] | tuple[str, ...]) -> str:
    return " or ".join(words)
