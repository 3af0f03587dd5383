"""Tests of understanding what an engine sends."""

from urllib.parse import parse_qs, urlsplit

import pytest

from flocker.docker_engine.interface import Container, Happened, State, Volume
from flocker.docker_engine.translate import (
    LONGEST_LINE,
    Lines,
    NotEngine,
    containers_path,
    events_path,
    read_containers,
    read_event,
)

# As Docker 20.10 lists a container, shortened.
LISTED = b"""[{"Id":"575e7ed2","Names":["/other/link","/c1"],"State":"running",
 "Image":"bb:1","Mounts":[{"Type":"volume","Name":"v1","Source":"",
 "Destination":"/data","Driver":"flocker","Mode":"","RW":true,"Propagation":""},
 {"Type":"bind","Source":"/tmp","Destination":"/tmp","Mode":"","RW":true}]}]"""
EVENT = b"""{"status":"die","id":"575e7ed2","from":"bb:1","Type":"container",
 "Action":"die","Actor":{"ID":"575e7ed2","Attributes":{"exitCode":"137"}},"scope":"local","time":1}"""


def test_containers() -> None:
    """A container has its own name, its state and its volumes, not its binds."""
    (found,) = read_containers(LISTED)
    volumes = frozenset({Volume("v1", "flocker")})
    assert found == Container("575e7ed2", "c1", State.RUNNING, volumes)
    assert found.of("flocker") == {"v1"}
    assert found.of("local") == frozenset()


def test_states_to_come() -> None:
    """In a state that we do not know a container may use its volumes."""
    (found,) = read_containers(b'[{"Id":"a","State":"dreaming","Mounts":null}]')
    assert (found.state, found.uses, found.name) == (State.OTHER, True, "")


@pytest.mark.parametrize(
    "body", [b"{", b"{}", b"[5]", b'[{"Mounts":[5]}]', b"[" * 9999]
)
def test_no_containers(body: bytes) -> None:
    """What is no list of containers is refused."""
    with pytest.raises(NotEngine):
        read_containers(body)


def test_event() -> None:
    """An event says what happened to which container."""
    assert read_event(EVENT) == Happened("die", "575e7ed2")


def test_events_of_others() -> None:
    """What is about no container is none; an exec's command is left out."""
    assert read_event(b'{"Type":"network","Action":"die","Actor":{"ID":"x"}}') is None
    exec_ = b'{"Type":"container","Action":"exec_start: sh","Actor":{"ID":"x"}}'
    assert read_event(exec_) == Happened("exec_start", "x")
    with pytest.raises(NotEngine):
        read_event(b"[]")


def test_lines() -> None:
    """Lines are whole when they have ended, however they come."""
    lines = Lines()
    assert list(lines.feed(b"a\nb")) == [b"a"]
    assert list(lines.feed(b"c\n\n")) == [b"bc"]
    with pytest.raises(NotEngine):
        lines.feed(b"x" * (LONGEST_LINE + 1))


def test_questions() -> None:
    """A volume's containers are asked for, those that do not run too."""
    asked = urlsplit(containers_path("v1"))
    assert asked.path == "/containers/json"
    assert parse_qs(asked.query) == {"all": ["1"], "filters": ['{"volume": ["v1"]}']}
    assert parse_qs(urlsplit(events_path()).query) == {
        "filters": ['{"type": ["container"]}']
    }
