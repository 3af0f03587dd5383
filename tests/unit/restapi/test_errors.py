"""The table of errors."""

import json
from uuid import UUID

import pytest

from flocker.control.datasets import DatasetDeleted
from flocker.control.persistence.interface import StoreUnavailable
from flocker.model.errors import FlockerError
from flocker.model.ids import DatasetID
from flocker.restapi.errors import (
    STATUS,
    ConfigurationChanged,
    MethodNotAllowed,
    SchemaViolation,
    refusal,
)

# What users of the API can meet is defined in these; operations keeps conflicts.
SOURCES = {
    "flocker.control.admission",
    "flocker.control.asking",
    "flocker.control.clones",
    "flocker.control.datasets",
    "flocker.control.leases",
    "flocker.control.nodes",
    "flocker.control.operations",
    "flocker.control.persistence.interface",
    "flocker.control.pool_copies",
    "flocker.control.pool_moves",
    "flocker.control.pool_rollbacks",
    "flocker.control.pool_snapshots",
    "flocker.control.snapshots",
    "flocker.control.volume_snapshots",
    "flocker.control.volumes",
    "flocker.restapi.errors",
}
KEPT = {"NotCounted", "RevisionConflict"}


def subclasses(of: type) -> set[type]:
    found = set(of.__subclasses__())
    return found.union(*(subclasses(one) for one in found)) if found else found


def test_table_is_total() -> None:
    """Every error that a request can meet has a status."""
    possible = {
        error
        for error in subclasses(FlockerError)
        if error.__module__ in SOURCES and error.__name__ not in KEPT
    }
    assert possible == set(STATUS)


@pytest.mark.parametrize(
    ("error", "headers", "more"),
    [
        (MethodNotAllowed("PUT", ("GET", "HEAD")), ((b"Allow", b"GET, HEAD"),), {}),
        (DatasetDeleted(DatasetID(UUID(int=1))), ((b"Allow", b"DELETE"),), {}),
        (StoreUnavailable("here", "no disk"), ((b"Retry-After", b"5"),), {}),
        (SchemaViolation(("a", "b")), (), {"errors": ["a", "b"]}),
        (ConfigurationChanged(("x",), "y"), (), {}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_refusal(error, headers, more) -> None:
    """An error is an object with its sentence, and what HTTP wants beside it."""
    answer = refusal(error)
    assert answer.headers == headers
    assert json.loads(answer.body) == {"description": str(error), **more}
