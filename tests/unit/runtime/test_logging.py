"""What becomes of fields, and which messages reach a destination."""

import json
from enum import Enum
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from attrs import frozen

from flocker.model.errors import FlockerError
from flocker.runtime.logging import (
    KEPT_BACK,
    fields_of,
    in_json,
    plain,
    readable_to,
    unflooded,
)

ID = UUID(int=1)


class Colour(Enum):
    """Something to log."""

    RED = "red"


@frozen
class Driver:
    """Something that holds a secret."""

    name: str
    password: str


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (ID, str(ID)),
        (Path("/a"), "/a"),
        (Colour.RED, "red"),
        ((ID, {Path("/a")}), [str(ID), ["/a"]]),
        ({ID: 1.5}, {str(ID): 1.5}),
        (FlockerError(), "FlockerError"),
        (OSError("full"), "(OSError)"),
        (b"abc", "(bytes)"),
        (Driver("aws", "hunter2"), "(Driver)"),
    ],
)
def test_plain(value: object, written: object) -> None:
    """Identifiers, paths and collections are written; of others only the kind is."""
    assert plain(value) == written


@pytest.mark.parametrize(
    "name",
    ["password", "xms_password", "secret_access_key", "session_token", "api_key"],
)
def test_secrets_are_kept_back(name: str) -> None:
    """What is called like a secret is not written, however deep it lies."""
    entry: dict[str, Any] = {name: "hunter2", "dataset": [{name: "hunter2"}]}
    assert json.loads(in_json(entry)) == {
        name: KEPT_BACK,
        "dataset": [{name: KEPT_BACK}],
    }


def test_fields_of() -> None:
    """A value's fields become those of a message; what has none has none."""
    assert [fields_of(Driver("a", "b")), fields_of("text"), fields_of(3)] == [
        {"name": "a", "password": "b"},
        {},
        {},
    ]


def test_unwanted() -> None:
    """A stream of lines is spared the type of message it does not want."""
    stream = StringIO()
    write = readable_to(stream, unwanted="flocker:b")
    for kind in ("flocker:a", "flocker:b"):
        write({"timestamp": 0.0, "message_type": kind})
    assert stream.getvalue() == "00:00:00.000Z a\n"


def test_unflooded() -> None:
    """The second of two equal failures does not reach the destination."""
    written: list[dict[str, Any]] = []
    write = unflooded(written.append)
    for now in (0.0, 1.0):
        write({"timestamp": now, "message_type": "a", "why": "b"})
    assert [entry["timestamp"] for entry in written] == [0.0]
