"""Tests of how the doctor judges what it sees."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from attrs import evolve

from flocker.cli.findings import (
    Level,
    judge_clock,
    judge_datasets,
    judge_health,
    judge_name,
    judge_nodes,
    judge_version,
    judge_volumes,
)
from flocker.client.interface import Greeting
from flocker.client.routes import Address
from flocker.model.ids import BackendName, DatasetID, NodeID
from flocker.testing.certificates import a_cluster
from flocker.wire.answers import (
    BackendAnswer,
    CauseAnswer,
    DatasetAnswer,
    NodeAnswer,
    UnansweredAnswer,
    VolumeAnswer,
    VolumesAnswer,
)

NOW = datetime(2026, 6, 1, tzinfo=UTC)
NODE = NodeID(UUID("aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"))
DEFAULT = BackendName("default")
BACKEND = BackendAnswer(DEFAULT, "loopback", "block", "i-1")
CONNECTED = NodeAnswer(
    uuid=NODE,
    host="10.0.0.1",
    connected=True,
    since="",
    last_seen="",
    seconds=1.0,
    era="era",
    version="2.0",
    backends=(BACKEND,),
)
CAUSE = CauseAnswer("busy", "it is in use", "end it")
MOUNTED = DatasetAnswer(
    dataset_id=DatasetID(UUID(int=1)),
    name="pg",
    metadata={},
    primary=NODE,
    backend=DEFAULT,
    mount="always",
    filesystem="ext4",
    maximum_size=None,
    deleted=False,
    phase="mounted",
    since="",
    seconds=9999.0,
    node=NODE,
    cause=None,
    path="/flocker/x",
    size=1,
)
WAITING = evolve(MOUNTED, phase="waiting", cause=CAUSE)
FRESH = evolve(WAITING, seconds=3.0)
BROKEN = CauseAnswer("backend-failed", "no route", None)
UNUSED = CauseAnswer("not-in-use", "nobody leases it", None)


@pytest.mark.parametrize(("version", "level"), [("2.0", "ok"), ("2.1", "warn")])
def test_version(version: str, level: str) -> None:
    """Another version than ours is worth a word."""
    greeting = Greeting("a:1", version, None)
    assert judge_version(greeting, "2.0").level is Level(level)


@pytest.mark.parametrize(
    ("seconds", "level", "words"),
    [
        (0.9, "ok", "agrees"),
        (-60.0, "warn", "60 s behind"),
        (60.0, "warn", "60 s ahead of"),
        (7200.0, "FAIL", "2 h ahead of"),
    ],
)
def test_clock(seconds: float, level: str, words: str) -> None:
    """The further clocks are apart, the worse."""
    found = judge_clock(NOW + timedelta(seconds=seconds), NOW)
    assert found.level is Level(level)
    assert words in found.words


def test_no_clock() -> None:
    """A server that does not tell its time is worth a word."""
    assert judge_clock(None, NOW).level is Level.WARN


@pytest.mark.parametrize(("host", "level"), [("127.0.0.1", "ok"), ("a.b", "warn")])
def test_name(host: str, level: str) -> None:
    """An address that control's certificate does not name is worth a word."""
    certificate = a_cluster().control.certificate
    assert judge_name(Address(host, 1), certificate).level is Level(level)


def test_health() -> None:
    """Each part but agents has its line; one that is not well fails."""
    found = judge_health({"store": "ok", "agents": "one is away", "upkeep": "late"})
    assert [(each.level.value, each.words) for each in found] == [
        ("ok", "store: ok"),
        ("FAIL", "upkeep: late"),
    ]


@pytest.mark.parametrize(
    ("node", "levels"),
    [
        (CONNECTED, ["ok"]),
        (evolve(CONNECTED, connected=False), ["FAIL"]),
        (evolve(CONNECTED, version="1.9"), ["warn"]),
        (evolve(CONNECTED, refused="10.9.9.9 claims to be it"), ["ok", "FAIL"]),
        (evolve(CONNECTED, backends=(evolve(BACKEND, instance=None),)), ["ok", "warn"]),
    ],
)
def test_nodes(node: NodeAnswer, levels: list[str]) -> None:
    """An agent should be connected, of control's version, one, and know its machine."""
    assert [each.level.value for each in judge_nodes([node], "2.0")] == levels


def test_no_nodes() -> None:
    """A cluster without agents is worth a word."""
    (found,) = judge_nodes([], "2.0")
    assert found.level is Level.WARN


@pytest.mark.parametrize(
    ("dataset", "about", "level"),
    [
        (MOUNTED, "datasets", "ok"),
        (FRESH, "datasets", "ok"),
        (WAITING, "datasets", "warn"),
        (evolve(WAITING, cause=None), "datasets", "warn"),
        (evolve(WAITING, cause=UNUSED), "datasets", "ok"),
        (evolve(MOUNTED, cause=CAUSE), "datasets", "warn"),
        (evolve(FRESH, phase="failed"), "datasets", "FAIL"),
        (evolve(FRESH, cause=BROKEN), "backends", "FAIL"),
        (evolve(MOUNTED, phase="destroyed"), "datasets", "ok"),
    ],
)
def test_datasets(dataset: DatasetAnswer, about: str, level: str) -> None:
    """What has failed fails; what lasts too long is worth a word, and why."""
    (found,) = judge_datasets([dataset])
    assert (found.about, found.level.value) == (about, level)


def test_advice_of_a_dataset() -> None:
    """What would release it is what to do; else `why` tells more."""
    told, asked = judge_datasets([WAITING, evolve(WAITING, name="q", cause=None)])
    assert told.advice == "end it"
    assert asked.advice == f"flockerctl why {MOUNTED.dataset_id}"


def test_volumes() -> None:
    """A backend that does not answer fails; volumes of nobody are worth a word."""
    volume = VolumeAnswer(DEFAULT, "v", MOUNTED.dataset_id, 1, None, None, CAUSE)
    silent = UnansweredAnswer(DEFAULT, "time-out")
    found = judge_volumes(VolumesAnswer((volume,), (silent,)))
    assert [each.level.value for each in found] == ["FAIL", "warn"]
    (well,) = judge_volumes(VolumesAnswer(()))
    assert well.level is Level.OK
