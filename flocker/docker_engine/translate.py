"""What an engine sends, understood; pure. Unknown fields are ignored.

The fields are those of the Engine API, version 1.24 and later, for ``GET
/containers/json`` and ``GET /events`` (docs.docker.com/reference/api/engine).
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

from attrs import frozen

from flocker.docker_engine.interface import Container, Happened, State, Volume

CONTAINERS = "/containers/json"
EVENTS = "/events"
LONGEST_LINE = 1024 * 1024
"""Bytes of one event; more is no event."""


@frozen
class NotEngine(Exception):
    """What came is not what an engine sends."""

    why: str


def containers_path(volume: str | None) -> str:
    """Give the question for containers, of a volume or all."""
    filters = {} if volume is None else {"volume": [volume]}
    return f"{CONTAINERS}?{urlencode({'all': '1', 'filters': json.dumps(filters)})}"


def events_path() -> str:
    """Give the question for what happens to containers from now on."""
    return f"{EVENTS}?{urlencode({'filters': json.dumps({'type': ['container']})})}"


def read_containers(body: bytes) -> tuple[Container, ...]:
    """Read a list of containers. Raises `NotEngine`."""
    found = _json(body)
    if not isinstance(found, list):
        raise NotEngine("it is no list of containers")
    return tuple(_container(_object(each)) for each in found)


def read_event(line: bytes) -> Happened | None:
    """Read an event; None if it is not about a container. Raises `NotEngine`."""
    found = _object(_json(line))
    actor = found.get("Actor")
    about = actor.get("ID") if isinstance(actor, dict) else found.get("id")
    what = found.get("Action", found.get("status"))
    if found.get("Type", "container") != "container" or not isinstance(about, str):
        return None
    # What is done by exec has its command behind a colon.
    return Happened(str(what).partition(":")[0], about)


class Lines:
    """Cuts what comes into lines."""

    def __init__(self) -> None:
        self._begun = b""

    def feed(self, data: bytes) -> Iterable[bytes]:
        """Give the lines that are whole now. Raises `NotEngine`."""
        *whole, self._begun = (self._begun + data).split(b"\n")
        if len(self._begun) > LONGEST_LINE:
            raise NotEngine(f"a line is longer than {LONGEST_LINE} bytes")
        return [line for line in whole if line.strip()]


def _container(found: Mapping[str, Any]) -> Container:
    names = found.get("Names") or [""]
    mounts = [_object(each) for each in found.get("Mounts") or []]
    return Container(
        id=str(found.get("Id", "")),
        name=min((str(name) for name in names), key=len).lstrip("/"),
        state=_state(str(found.get("State", ""))),
        volumes=frozenset(
            Volume(str(mount["Name"]), str(mount.get("Driver", "")))
            for mount in mounts
            if mount.get("Type", "volume") == "volume" and mount.get("Name")
        ),
    )


def _state(text: str) -> State:
    try:
        return State(text)
    except ValueError:
        return State.OTHER


def _object(found: object) -> Mapping[str, Any]:
    if not isinstance(found, dict):
        raise NotEngine("it is no object")
    return found


def _json(data: bytes) -> object:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise NotEngine(f"it is no JSON: {error}"[:200]) from error
