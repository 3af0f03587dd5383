"""The result tables of version 1 of the REST API, row by row, on a cluster that lives.

A row is asked in its section's order, so a later one may rest on an earlier.
"""

import re
import time
from collections.abc import Mapping
from string import Template
from typing import Any

import pytest

from flocker.sandbox.names import address
from tests.acceptance.dialects import HOST, curl, request
from tests.acceptance.old_world import ONE, TWO, OldWorld, Reply, a_new_id
from tests.acceptance.rest_rows import DATASETS, LEASES, NOWHERE, Row, lacks
from tests.acceptance.rest_tables import SECTIONS

LEASES_END_WITHIN = 80.0
"""Seconds: none ends in the first minute of a control service."""


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
