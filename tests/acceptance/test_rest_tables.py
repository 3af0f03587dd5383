"""The result tables of version 1 of the REST API, row by row, on a cluster that lives.

`$name` in a row stands for something of the cluster; see `Places`. A row is asked in
its section's order, so a later one may rest on an earlier.
"""

import re
import time
from collections.abc import Callable, Mapping
from string import Template
from typing import Any

import pytest
from attrs import frozen

from flocker.sandbox.names import address
from tests.acceptance.dialects import HOST, TASK_ID, curl, request
from tests.acceptance.old_world import ONE, TWO, OldWorld, Reply, a_new_id

DATASETS = "/configuration/datasets"
LEASES = "/configuration/leases"
CONFIGURED = {"dataset_id", "primary", "deleted", "metadata"}
SIZED = CONFIGURED | {"maximum_size"}
LEASE = {"dataset_id", "node_uuid", "expires"}
ERROR = {"description"}
VIOLATION = {"description", "errors"}
NOWHERE = "00000000-0000-4000-8000-00000000dead"
STALE = ("X-If-Configuration-Matches", "0" * 32)
LEASES_END_WITHIN = 80.0
"""Seconds: none ends in the first minute of a control service."""

Check = Callable[[Any, Mapping[str, str]], bool]


@frozen
class Row:
    """A request, and what is specified to come back.

    `keys` are those of the answer, or of every element of its list; an answer may have
    more keys only where `more` allows them.
    """

    name: str
    method: str
    path: str
    code: int
    keys: set[str]
    body: object = None
    headers: tuple[tuple[str, str], ...] = ()
    more: frozenset[str] = frozenset()
    check: Check = lambda body, places: True


@pytest.fixture(scope="module")
def places(world: OldWorld) -> Mapping[str, str]:
    """What rows name."""
    boot_id = world.cluster.run(ONE, "cat", "/proc/sys/kernel/random/boot_id")
    nodes = world.play(curl("GET", "/state/nodes")).json
    assert {each["host"]: each["uuid"] for each in nodes} == {
        address(ONE): world.node(ONE),
        address(TWO): world.node(TWO),
    }
    return {
        "one": world.node(ONE),
        "two": world.node(TWO),
        "era": boot_id.strip(),
        "nowhere": NOWHERE,
        "mounted": (mounted := world.mounted()),
        "MOUNTED": mounted.upper(),
        "deleted": (deleted := world.deleted()),
        "DELETED": deleted.upper(),
        "leased": world.mounted(),
        "mine": a_new_id().upper(),
        "free": a_new_id(),
        "short": a_new_id(),
    }


def equal(**wanted: object) -> Check:
    """The answer has these values; `$name` is of the cluster."""

    def check(body: Any, places: Mapping[str, str]) -> bool:
        expected = {
            key: Template(value).substitute(places) if isinstance(value, str) else value
            for key, value in wanted.items()
        }
        return {key: body[key] for key in expected} == expected

    return check


def says(words: str) -> Check:
    """The description has these words."""
    return lambda body, _: words in body["description"]


def lower(body: Any, places: Mapping[str, str]) -> bool:
    """An id given in capitals comes back in lower case."""
    return body["dataset_id"] == places["mine"].lower()


def has(**wanted: object) -> Check:
    """One element of the list is exactly this; `...` is any value."""

    def check(body: Any, places: Mapping[str, str]) -> bool:
        filled = {
            key: Template(value).substitute(places) if isinstance(value, str) else value
            for key, value in wanted.items()
        }
        return any(
            each.keys() == filled.keys()
            and all(v is ... or each[k] == v for k, v in filled.items())
            for each in body
        )

    return check


def is_text(key: str) -> Check:
    """The value is a text."""
    return lambda body, _: isinstance(body[key], str)


def lacks(dataset: str) -> Check:
    """No element of the list is about this dataset."""
    return lambda body, places: all(
        each["dataset_id"] != places[dataset] for each in body
    )


TWICE = "a condition given twice passes if any value is the tag"

GENERAL = [
    Row("nothing there", "GET", "/nope", 404, ERROR),
    Row("slash at the end", "GET", "/version/", 404, ERROR),
    Row("other method", "PUT", DATASETS, 405, ERROR),
    Row("other method on a dataset", "GET", f"{DATASETS}/$mounted", 405, ERROR),
    Row("body of a GET", "GET", "/version", 200, {"flocker"}, "{nonsense"),
    Row("empty JSON body of a GET", "GET", "/state/nodes", 200, {"uuid", "host"}, {}),
    Row("not JSON", "POST", DATASETS, 400, ERROR, '{"primary": '),
    Row("empty body", "POST", DATASETS, 400, ERROR),
    Row("not an object", "POST", DATASETS, 400, VIOLATION, "[]"),
    Row(
        "one message a violation",
        "POST",
        DATASETS,
        400,
        VIOLATION,
        {"primary": "x", "maximum_size": 1},
        check=lambda body, _: len(body["errors"]) >= 2,
    ),
    Row(
        "a boolean is no integer",
        "POST",
        DATASETS,
        400,
        VIOLATION,
        {"primary": "$one", "maximum_size": True},
    ),
    Row(
        "1.0 is no integer",
        "POST",
        DATASETS,
        400,
        VIOLATION,
        '{"primary": "$one", "maximum_size": 134217728.0}',
    ),
    Row(
        "a task id",
        "GET",
        "/version",
        200,
        {"flocker"},
        headers=(("X-Eliot-Task-Id", TASK_ID),),
    ),
    Row(
        "no task id at all",
        "GET",
        "/version",
        200,
        {"flocker"},
        headers=(("X-Eliot-Task-Id", "not one/at/all@"),),
    ),
    Row(
        "query of a GUI",
        "GET",
        f"{DATASETS}?_page=1&_perPage=30&_sortField=id",
        200,
        CONFIGURED,
        more=frozenset({"maximum_size"}),
    ),
]

COMMON = [
    Row("version", "GET", "/version", 200, {"flocker"}, check=is_text("flocker")),
    Row("nodes", "GET", "/state/nodes", 200, {"uuid", "host"}),
    Row(
        "era",
        "GET",
        "/state/nodes/by_era/$era",
        200,
        {"uuid"},
        check=equal(uuid="$one"),
    ),
    Row("unknown era", "GET", f"/state/nodes/by_era/{NOWHERE}", 404, ERROR),
    Row("no era", "GET", "/state/nodes/by_era/not-a-uuid", 404, ERROR),
]

CREATE = [
    Row(
        "only primary",
        "POST",
        DATASETS,
        201,
        CONFIGURED,
        {"primary": "$nowhere"},
        check=equal(primary="$nowhere", deleted=False, metadata={}),
    ),
    Row(
        "everything",
        "POST",
        DATASETS,
        201,
        SIZED,
        {
            "primary": "$nowhere",
            "dataset_id": "$mine",
            "maximum_size": 67108864,
            "metadata": {"name": "größe", "clusterhq:flocker:profile": "gold"},
        },
        check=lower,
    ),
    Row(
        "size null",
        "POST",
        DATASETS,
        201,
        CONFIGURED,
        {"primary": "$nowhere", "maximum_size": None},
    ),
    Row(
        "deleted false",
        "POST",
        DATASETS,
        201,
        CONFIGURED,
        {"primary": "$nowhere", "deleted": False},
    ),
    Row(
        "deleted true",
        "POST",
        DATASETS,
        400,
        VIOLATION,
        {"primary": "$nowhere", "deleted": True},
    ),
    Row("no primary", "POST", DATASETS, 400, VIOLATION, {"metadata": {}}),
    Row(
        "unknown property",
        "POST",
        DATASETS,
        400,
        VIOLATION,
        {"primary": "$one", "size": 1},
    ),
    Row(
        "not a version 4",
        "POST",
        DATASETS,
        400,
        VIOLATION,
        {"primary": "11111111-1111-1111-8111-111111111111"},
    ),
    Row(
        "too small",
        "POST",
        DATASETS,
        400,
        VIOLATION,
        {"primary": "$one", "maximum_size": 67107840},
        check=says("67108864"),
    ),
    Row(
        "not a multiple of 1024",
        "POST",
        DATASETS,
        400,
        VIOLATION,
        {"primary": "$one", "maximum_size": 100000000},
        check=says("multiple of 1024"),
    ),
    Row(
        "17 properties",
        "POST",
        DATASETS,
        400,
        VIOLATION,
        {"primary": "$one", "metadata": {str(n): "" for n in range(17)}},
    ),
    Row(
        "metadata that is no text",
        "POST",
        DATASETS,
        400,
        VIOLATION,
        {"primary": "$one", "metadata": {"name": 1}},
    ),
    Row(
        "id in use",
        "POST",
        DATASETS,
        409,
        ERROR,
        {"primary": "$one", "dataset_id": "$MOUNTED"},
    ),
    Row(
        "id of a deleted one",
        "POST",
        DATASETS,
        409,
        ERROR,
        {"primary": "$one", "dataset_id": "$DELETED"},
    ),
    Row("stale tag", "POST", DATASETS, 412, ERROR, {"primary": "$one"}, (STALE,)),
    Row("stale tag, no JSON", "POST", DATASETS, 412, ERROR, "{", (STALE,)),
    Row(
        TWICE,
        "POST",
        DATASETS,
        201,
        CONFIGURED,
        {"primary": "$nowhere"},
        (STALE, ("X-If-Configuration-Matches", "$tag")),
    ),
]

MOVE = [
    Row("nothing", "POST", f"{DATASETS}/$mounted", 200, SIZED, {}),
    Row(
        "already there",
        "POST",
        f"{DATASETS}/$mounted",
        200,
        SIZED,
        {"primary": "$one"},
        check=equal(primary="$one", dataset_id="$mounted"),
    ),
    Row(
        "id in capitals",
        "POST",
        f"{DATASETS}/$MOUNTED",
        200,
        SIZED,
        {},
        check=equal(dataset_id="$mounted"),
    ),
    Row(
        "unknown id",
        "POST",
        f"{DATASETS}/{NOWHERE}",
        404,
        ERROR,
        {"primary": "$one"},
    ),
    Row("no id", "POST", f"{DATASETS}/not-a-uuid", 404, ERROR, {"primary": "$one"}),
    Row(
        "deleted",
        "POST",
        f"{DATASETS}/$deleted",
        405,
        ERROR,
        {"primary": "$one"},
    ),
    Row("no JSON", "POST", f"{DATASETS}/$mounted", 400, ERROR, "primary=$one"),
    Row(
        "key in capitals",
        "POST",
        f"{DATASETS}/$mounted",
        400,
        VIOLATION,
        {"Primary": "$one"},
    ),
    Row(
        "stale tag",
        "POST",
        f"{DATASETS}/$mounted",
        412,
        ERROR,
        {"primary": "$two"},
        (STALE,),
    ),
    Row(
        "stale tag, unknown id",
        "POST",
        f"{DATASETS}/{NOWHERE}",
        412,
        ERROR,
        {"primary": "$two"},
        (STALE,),
    ),
    Row(
        "right tag",
        "POST",
        f"{DATASETS}/$mounted",
        200,
        SIZED,
        {},
        (("X-If-Configuration-Matches", "$tag"),),
    ),
    Row(
        "unknown node",
        "POST",
        f"{DATASETS}/$mine",
        200,
        SIZED,
        {"primary": "11111111-1111-4111-8111-111111111111"},
        check=equal(primary="11111111-1111-4111-8111-111111111111"),
    ),
]

LISTS = [
    Row(
        "configured",
        "GET",
        DATASETS,
        200,
        CONFIGURED,
        more=frozenset({"maximum_size"}),
        check=has(
            dataset_id="$deleted",
            primary="$one",
            deleted=True,
            metadata={},
            maximum_size=67108864,
        ),
    ),
    Row(
        "state of a mounted one",
        "GET",
        "/state/datasets",
        200,
        {"dataset_id"},
        more=frozenset({"primary", "path", "maximum_size"}),
        check=has(
            dataset_id="$mounted",
            primary="$one",
            path="/flocker/$mounted",
            maximum_size=...,
        ),
    ),
    Row(
        "state before discovery",
        "GET",
        "/state/datasets",
        200,
        {"dataset_id"},
        more=frozenset({"primary", "path", "maximum_size"}),
        check=lacks("mine"),
    ),
]

LEASING = [
    Row(
        "acquired",
        "POST",
        LEASES,
        201,
        LEASE,
        {"dataset_id": "$leased", "node_uuid": "$one", "expires": 3600.5},
        check=lambda body, _: 3590 < body["expires"] <= 3600.5,
    ),
    Row(
        "renewed, shorter",
        "POST",
        LEASES,
        200,
        LEASE,
        {"dataset_id": "$leased", "node_uuid": "$one", "expires": 600},
        check=lambda body, _: body["expires"] <= 600,
    ),
    Row(
        "renewed, for ever",
        "POST",
        LEASES,
        200,
        LEASE,
        {"dataset_id": "$leased", "node_uuid": "$one", "expires": None},
        check=equal(dataset_id="$leased", node_uuid="$one", expires=None),
    ),
    Row(
        "held by another node",
        "POST",
        LEASES,
        409,
        ERROR,
        {"dataset_id": "$leased", "node_uuid": "$two", "expires": None},
    ),
    Row(
        "nothing need exist",
        "POST",
        LEASES,
        201,
        LEASE,
        {"dataset_id": "$free", "node_uuid": "$nowhere", "expires": None},
        (STALE,),
    ),
    Row(
        "over already",
        "POST",
        LEASES,
        201,
        LEASE,
        {"dataset_id": "$short", "node_uuid": "$one", "expires": -1.5},
    ),
    Row(
        "a UUID of version 1",
        "POST",
        LEASES,
        201,
        LEASE,
        {
            "dataset_id": "11111111-1111-1111-1111-111111111111",
            "node_uuid": "$one",
            "expires": 1,
        },
    ),
    Row(
        "36 characters",
        "POST",
        LEASES,
        400,
        VIOLATION,
        {"dataset_id": "x" * 36, "node_uuid": "$one", "expires": 1},
    ),
    Row(
        "expires missing",
        "POST",
        LEASES,
        400,
        VIOLATION,
        {"dataset_id": "$free", "node_uuid": "$one"},
    ),
    Row("not JSON", "POST", LEASES, 400, ERROR, "expires"),
    Row("list", "GET", LEASES, 200, LEASE, headers=(STALE,)),
    Row(
        "a leased dataset moves",
        "POST",
        f"{DATASETS}/$leased",
        200,
        SIZED,
        {"primary": "$two"},
        check=equal(primary="$two"),
    ),
    Row(
        "a leased dataset is deleted",
        "DELETE",
        f"{DATASETS}/$leased",
        200,
        SIZED,
        check=equal(deleted=True),
    ),
    Row(
        "released",
        "DELETE",
        f"{LEASES}/$leased",
        200,
        LEASE,
        headers=(STALE,),
        check=equal(dataset_id="$leased", node_uuid="$one", expires=None),
    ),
    Row("released again", "DELETE", f"{LEASES}/$leased", 404, ERROR),
    Row("release of nothing", "DELETE", f"{LEASES}/not-a-uuid", 404, ERROR),
]

DELETE = [
    Row("stale tag", "DELETE", f"{DATASETS}/$mounted", 412, ERROR, headers=(STALE,)),
    Row(
        "deleted",
        "DELETE",
        f"{DATASETS}/$mounted",
        200,
        SIZED,
        check=equal(dataset_id="$mounted", deleted=True),
    ),
    Row(
        "deleted again",
        "DELETE",
        f"{DATASETS}/$mounted",
        200,
        SIZED,
        check=equal(deleted=True),
    ),
    Row("unknown id", "DELETE", f"{DATASETS}/{NOWHERE}", 404, ERROR),
]

SECTIONS = {
    "general": GENERAL,
    "common": COMMON,
    "create": CREATE,
    "move": MOVE,
    "lists": LISTS,
    "leases": LEASING,
    "delete": DELETE,
}


ROWS = [
    pytest.param(row, id=f"{section}: {row.name}")
    for section, rows in SECTIONS.items()
    for row in rows
]


@pytest.mark.parametrize("row", ROWS)
def test_row(world: OldWorld, places: Mapping[str, str], row: Row) -> None:
    """What is asked gets the specified status, keys and values."""
    now = {**places, "tag": current_tag(world)}
    reply = world.play(_request(row, now))
    assert reply.code == row.code, reply
    for each in elements(reply):
        found = set(each) - {"holders"}  # of leases: this Flocker's own
        assert row.keys <= found <= row.keys | row.more, reply
    assert row.check(reply.json, places), reply


def elements(reply: Reply) -> list[Any]:
    """The objects of an answer."""
    body = reply.json
    return body if isinstance(body, list) else [body]


def current_tag(world: OldWorld) -> str:
    """The tag of the configuration as it is."""
    reply = world.play(curl("GET", DATASETS))
    tag = reply.headers["x-configuration-tag"]
    assert re.fullmatch("[0-9a-f]{32}", tag)
    return tag


def _request(row: Row, places: Mapping[str, str]) -> bytes:
    plain = curl(row.method, row.path, row.body, row.headers).decode()
    head, _, body = plain.partition("\r\n\r\n")
    sent = Template(body).substitute(places).encode()
    length = f"Content-Length: {len(sent)}"
    head = re.sub(r"Content-Length: \d+", length, Template(head).substitute(places))
    return f"{head}\r\n\r\n".encode() + sent


def test_only_one_list_has_a_tag(world: OldWorld) -> None:
    """No other answer has a tag that could be taken for the configuration's."""
    paths = ["/version", "/state/nodes", "/state/datasets", LEASES]
    tags = [
        world.play(curl("GET", path)).headers.get("x-configuration-tag")
        for path in paths
    ]
    assert tags == [None] * 4


def test_head(world: OldWorld) -> None:
    """HEAD is GET without the body."""
    line = [("Host", HOST)]
    asked = world.play(request("GET", "/v1/version", line))
    headed = world.play(request("HEAD", "/v1/version", line))
    assert (headed.code, headed.body) == (200, b"")
    assert headed.headers["content-length"] == asked.headers["content-length"]


def test_condition_goes_with_what_changed(world: OldWorld) -> None:
    """A tag is good until a dataset changes; then the same request is refused."""
    tag = current_tag(world)
    ask = curl(
        "POST",
        DATASETS,
        {"primary": NOWHERE},
        [("X-If-Configuration-Matches", tag)],
    )
    assert [world.play(ask).code, world.play(ask).code] == [201, 412]
    assert current_tag(world) != tag


def test_keys_touch_their_colons(world: OldWorld) -> None:
    """Clients that search the text find a key with its colon, and then its value."""
    body = world.play(curl("POST", DATASETS, {"primary": NOWHERE})).body
    _, found, rest = body.partition(b'"dataset_id":')
    assert found
    assert re.fullmatch(rb"[0-9a-f-]{36}", rest.split(b'"')[1])


def test_lease_ends(world: OldWorld, places: Mapping[str, str]) -> None:
    """A lease whose time is over is not listed any more, and another node gets it."""
    body = {"dataset_id": places["short"], "node_uuid": places["one"], "expires": 0.5}
    assert world.play(curl("POST", LEASES, body)).code in {200, 201}
    end = time.monotonic() + LEASES_END_WITHIN
    while not lacks("short")(world.play(curl("GET", LEASES)).json, places):
        assert time.monotonic() < end
        time.sleep(0.2)
    other = {**body, "node_uuid": places["two"]}
    assert world.play(curl("POST", LEASES, other)).code == 201
