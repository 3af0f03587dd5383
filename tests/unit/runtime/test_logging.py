"""Actions with fields, tasks that go from process to process, and where lines end."""

import gc
import json
import warnings
from contextvars import copy_context
from enum import Enum
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID

import eliot
import pytest
from attrs import frozen
from hypothesis import example, given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from flocker.model.errors import FlockerError
from flocker.runtime import logging
from flocker.runtime.logging import (
    KEPT_BACK,
    action,
    continued,
    current_task_id,
    failure,
    fields_of,
    in_json,
    lines_to,
    message,
    outcome,
    plain,
    readable_to,
    rotating_file,
    start_logging,
    unflooded,
)


class Colour(Enum):
    """Something to log."""

    RED = "red"


@frozen
class Driver:
    """Something that holds a secret."""

    name: str
    password: str


ID = UUID(int=1)


@pytest.fixture
def logged():
    """What is logged."""
    found: list[dict] = []
    eliot.add_destinations(found.append)
    found.clear()  # the first destination is given what was logged before
    yield found
    eliot.remove_destination(found.append)


def a_failure() -> Failure:
    """A fault with its traceback."""
    try:
        return Failure({}["it"])
    except KeyError:
        return Failure()


def task(identifier: str) -> str:
    """The task of a task id."""
    return identifier.partition("@")[0]


def test_action(logged):
    """An operation is logged with its fields, and that it succeeded."""
    with action("a:thing", size=7):
        pass
    started, ended = logged
    assert (started["action_type"], started["size"]) == ("a:thing", 7)
    assert (started["action_status"], ended["action_status"]) == (
        "started",
        "succeeded",
    )


def test_action_that_fails(logged):
    """An operation that raises is logged as failed, and raises."""
    with pytest.raises(KeyError), action("a:thing"):
        raise KeyError("it")
    assert logged[-1]["action_status"] == "failed"
    assert logged[-1]["exception"].endswith("KeyError")
    assert current_task_id() == ""


def test_abandoned(logged):
    """A coroutine that nobody waits for any more may be closed in any context."""

    async def work() -> None:
        with action("a:thing"):
            await Deferred()

    abandoned = work()
    copy_context().run(abandoned.send, None)
    copy_context().run(abandoned.close)
    assert [each["action_status"] for each in logged] == ["started"]


def test_messages_belong_to_their_action(logged):
    """What happens during an operation is logged as part of it."""
    with action("a:thing"):
        message("a:detail", path=Path("/x"))
    started, detail, _ = logged
    assert detail["task_uuid"] == started["task_uuid"]
    assert (detail["message_type"], detail["path"]) == ("a:detail", Path("/x"))


def test_outcome(logged):
    """What came of an operation stands in the message of its end."""
    with action("a:thing"):
        outcome(status=201)
    assert [each.get("status") for each in logged] == [None, 201]
    outcome(status=404)
    assert len(logged) == 2


def test_no_task():
    """Outside of any operation there is no task to continue."""
    assert current_task_id() == ""


def test_continued(logged):
    """What another process asked for is logged as part of its task."""
    with action("here:asks"):
        sent = current_task_id()
    with continued(sent, "there:does", number=1):
        inner = current_task_id()
    assert task(inner) == task(sent)
    assert logged[-1]["task_uuid"] == task(sent)
    assert inner != sent


def test_continued_for_long():
    """A task goes on from process to process, and each can pass it on."""
    identifier = ""
    for _ in range(50):
        with continued(identifier, "a:hop"):
            identifier, before = current_task_id(), identifier
        assert before == "" or task(identifier) == task(before)


@given(st.text() | st.text(alphabet="0123456789abcdef-@/", max_size=60))
@example("é@/1")
@example("a@/" + "9" * 5000)
@example("a@")
@example("@/1")
@example("a@/1\n")
def test_continued_from_anything(identifier):
    """A text that is no task id starts a task, and can be passed on all the same."""
    with continued(identifier, "a:thing"):
        inner = current_task_id()
    assert task(inner).isascii()
    with continued(inner, "a:other"):
        assert task(current_task_id()) == task(inner)


def test_continued_that_fails(logged):
    """An operation for another process that raises is logged as failed."""
    with pytest.raises(KeyError), continued("", "a:thing"):
        raise KeyError("it")
    assert logged[-1]["action_status"] == "failed"


def test_failure(logged):
    """A fault that ends here is logged with its traceback."""
    failure("a:fault", a_failure(), node="n1")
    (found,) = logged
    assert (found["message_type"], found["node"]) == ("a:fault", "n1")
    assert found["error"] == "'it'"
    assert "KeyError" in found["traceback"]


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


def test_lines():
    """Each message is one line of JSON, whatever is in it."""
    stream = StringIO()
    write = lines_to(stream)
    write({"text": "two\nlines \udcff", "id": UUID(int=1)})
    write({"more": object()})
    first, second = stream.getvalue().splitlines()
    assert json.loads(first)["text"] == "two\nlines \udcff"
    assert json.loads(second)["more"] == "(object)"


def test_rotating_file(tmp_path, monkeypatch):
    """A log file is made with its folder, rotated, and five old ones are kept."""
    monkeypatch.setattr(logging, "ROTATE_AT", 100)
    write = rotating_file(tmp_path / "log" / "flocker.log")
    for number in range(30):
        write({"number": number, "text": "x" * 60})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it is open until the end
        del write
        gc.collect()
    names = {path.name for path in (tmp_path / "log").iterdir()}
    assert names == {"flocker.log", *(f"flocker.log.{n}" for n in range(1, 6))}


def test_twisted_is_logged():
    """Twisted's warnings and errors come into the log, its chatter does not."""
    found: list[dict] = []
    destination = start_logging(found.append)
    found.clear()  # Twisted tells at first what was logged before
    try:
        log = Logger(namespace="a")
        log.info("chatter")
        log.warn("a {what}", what="warning")
        log.failure("a fault", a_failure())
    finally:
        eliot.remove_destination(destination)
    told = [m for m in found if m.get("message_type") == "twisted:log"]
    assert [(m["level"], m["text"]) for m in told] == [
        ("warn", "a warning"),
        ("critical", "a fault"),
    ]
    assert "KeyError" in told[1]["traceback"]
