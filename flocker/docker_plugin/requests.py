"""The bodies of Docker's requests; pure.

Docker sends JSON with names of its own making; what is left out or null, and what
newer versions add, is no fault.
"""

import json
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from flocker.model.errors import FlockerError

LARGEST_BODY = 1024 * 1024
"""Bytes."""


@frozen
class BadBody(FlockerError):
    """What was sent is no JSON object."""

    why: str

    def words(self) -> str:
        """Name the fault."""
        return f"the body is not a JSON object: {self.why}"


@frozen
class BadField(FlockerError):
    """A field of a request is missing, or is not what it should be."""

    field: str
    wanted: str

    def words(self) -> str:
        """Name the field and what it should be."""
        return f"the request must have {self.field}, {self.wanted}"


@frozen
class Request:
    """What Docker asked with: the volume, the id of a mount, options of a new one."""

    fields: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The volume. Raises `BadField`."""
        found = self.fields.get("Name")
        if not isinstance(found, str) or not found:
            raise BadField("Name", "the name of a volume")
        return found

    @property
    def id(self) -> str:
        """The mount's id; before Docker 1.11 there was none. Raises `BadField`."""
        found = self.fields.get("ID")
        if found is None:
            return ""
        if not isinstance(found, str):
            raise BadField("ID", "the id of a mount")
        return found

    @property
    def options(self) -> Mapping[str, str]:
        """The options of a new volume. Raises `BadField`."""
        found = self.fields.get("Opts")
        if found is None:
            return {}
        if not isinstance(found, dict) or not all(
            isinstance(value, str) for value in found.values()
        ):
            raise BadField("Opts", "an object of texts, or null")
        return found


def read(body: bytes) -> Request:
    """Understand a body; an empty one has no fields. Raises `BadBody`."""
    if len(body) > LARGEST_BODY:
        raise BadBody(f"it is larger than {LARGEST_BODY} bytes")
    if not body.strip():
        return Request({})
    try:
        found = json.loads(body.decode("utf-8"))
        json.dumps(found, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise BadBody(str(error)[:200]) from error
    if found is None:
        return Request({})
    if not isinstance(found, dict):
        raise BadBody("it is something else")
    return Request(found)
