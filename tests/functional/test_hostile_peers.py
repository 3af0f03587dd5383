"""What anybody who reaches the ports may do to a control service: a real process.

It never answers 500, never dies, does not grow, and goes on serving the others.
"""

import http.client
import json
import random
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import suppress
from uuid import uuid4

import pytest

from flocker.testing.certificates import a_cluster
from tests.functional.control_service import (
    Control,
    furnish,
    memory,
    running,
    secured,
)

NODE = "5d7a0000-0000-4000-8000-00000000000a"
REQUESTS = 10_000
BOXES = 10_000
GROWTH = 24 * 1024 * 1024
"""Bytes that a process may have more after a flood than after its first part."""
IDLE = 500
IDLE_WITHIN = 90.0
"""Seconds within which a connection that says nothing is closed."""


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Control]:
    """A service with one dataset."""
    place = tmp_path_factory.mktemp("hostile")
    certificates = furnish(place / "flocker", a_cluster())
    with running(place / "data", certificates) as service:
        created = service.ask(
            "POST", "/v1/configuration/datasets", {"primary": NODE, "metadata": {}}
        )
        assert created.code == 201
        yield service


def well(control: Control) -> None:
    """It lives, serves, and has met no error of its own."""
    assert control.process.poll() is None
    assert control.ask("GET", "/v1/version").code == 200
    text = control.log.read_text()
    for fault in ("flocker:api:fault", "Traceback (most", '"twisted:log"', ":fault"):
        assert fault not in text


METHODS = ("GET", "POST", "DELETE", "PUT", "HEAD", "OPTIONS", "PATCH", "BREW", "g\x01")
PATHS = (
    "/",
    "/v1",
    "/v1/version",
    "/v1/configuration/datasets",
    f"/v1/configuration/datasets/{NODE}",
    "/v1/configuration/datasets/%00%ff",
    f"/v1/configuration/datasets/{NODE}/adopt",
    "/v1/configuration/leases",
    f"/v1/configuration/leases/{NODE}?holder=%C3%28",
    f"/v1/configuration/nodes/{NODE}",
    f"/v1/configuration/nodes/{NODE}/dead",
    "/v1/configuration/nodes/../../etc/passwd",
    "/v1/state/datasets",
    "/v1/state/nodes/by_era/" + "a" * 300,
    "/v1/status/nodes/0",
    "/v1/status/volumes?x=y",
    "/v1/openapi.json",
    "/v1/health",
    "//",
    "/v1/\N{SNOWMAN}",
)
VALUES = (
    None,
    True,
    -1,
    10**400,
    1e308,
    "",
    "\x00",
    "é" * 300,
    "\ud800",
    NODE,
    [],
    [[]],
    {},
    {"a": {"b": None}},
)
KEYS = (
    "primary",
    "dataset_id",
    "maximum_size",
    "metadata",
    "deleted",
    "node_uuid",
    "expires",
    "holder",
    "labels",
    "cordoned",
    "i_have_checked",
    "by",
    "mount",
    "filesystem",
    "backend",
    "\x00",
)
RAW = (
    b"",
    b"{",
    b"nonsense",
    b"\xff\xfe",
    b"[" * 5_000,
    b'{"primary": NaN}',
    b'{"primary": Infinity}',
    b'{"a":1,"a":2}',
    b'{"maximum_size": 1' + b"0" * 5000 + b"}",
)
HEADERS = (
    ("Content-Type", "text/plain"),
    ("Content-Length", "-1"),
    ("Transfer-Encoding", "chunked"),
    ("X-If-Configuration-Matches", "\x7f" * 200),
    ("If-None-Match", '"x", W/"' + "y" * 500),
    ("Last-Event-ID", "9" * 400),
    ("Accept", "text/event-stream"),
    ("X-Eliot-Task-Id", "\x1b[31m"),
    ("Cookie", "a" * 4000),
)


def body_of(chance: random.Random) -> bytes:
    """Something that is nearly, or not at all, what is wanted."""
    if chance.random() < 0.2:
        return chance.choice(RAW)
    keys = chance.sample(KEYS, chance.randrange(5))
    return json.dumps({key: chance.choice(VALUES) for key in keys}).encode()


def request_of(chance: random.Random) -> bytes:
    """One malformed request, as it stands on the wire."""
    method, path = chance.choice(METHODS), chance.choice(PATHS)
    body = body_of(chance)
    lines = [f"{method} {path} HTTP/1.1", "Host: control"]
    lines += [f"{k}: {v}" for k, v in chance.sample(HEADERS, chance.randrange(3))]
    if chance.random() < 0.9:
        lines.append(f"Content-Length: {len(body)}")
    request = "\r\n".join(lines).encode("utf-8", "replace") + b"\r\n\r\n" + body
    if chance.random() < 0.1:
        where = chance.randrange(len(request))
        request = request[:where] + chance.randbytes(3) + request[where:]
    return request


def statuses_of(control: Control, requests: list[bytes]) -> list[int]:
    """Send them over one connection; the statuses until it is closed."""
    found = []
    with suppress(OSError), secured(control, "rest", "user") as connection:
        connection.settimeout(1.0)
        connection.sendall(b"".join(requests))
        connection.sendall(b"GET /v1/version HTTP/1.0\r\n\r\n")
        connection.settimeout(0.05)
        received = bytearray()
        with suppress(OSError, TimeoutError):
            while data := connection.recv(65536):
                received += data
        parts = bytes(received).split(b"HTTP/1.1 ")[1:]
        found = [int(part[:3]) for part in parts if part[:3].isdigit()]
    return found


def test_malformed_requests(control: Control) -> None:
    """Ten thousand malformed requests: each is answered 4xx, or as what it is."""
    chance = random.Random(20261121)  # noqa: S311  (the same every time)
    counted: dict[int, int] = {}
    first = 0
    for sent in range(0, REQUESTS, 5):
        for code in statuses_of(control, [request_of(chance) for _ in range(5)]):
            counted[code] = counted.get(code, 0) + 1
        if sent == REQUESTS // 4:
            first = memory(control)
    assert not [code for code in counted if code >= 500], counted
    assert counted.keys() >= {400, 404, 405}
    assert memory(control) - first < GROWTH
    well(control)


def box_of(chance: random.Random) -> bytes:
    """An AMP box, with what may be wrong with one."""
    command = chance.choice(["Hello", "ReportFacts", "Update", "VolumesListed", "x"])
    keys = {
        "_command": command,
        "_ask": str(chance.randrange(9)),
        "protocol": chance.choice(["1", "2", "-1", "x", "9" * 300]),
        "identity": chance.choice(['{"node": 1}', "{}", "[" * 5000, "\x00", ""]),
        "boot": "b",
        "number": chance.choice(["0", "x", "9" * 400]),
        "part": chance.choice(["1", "0", "-5", "99999"]),
        "parts": chance.choice(["1", "2", "0", "99999999"]),
        "payload": chance.choice(["{}", "", "x" * 60000, '{"full": 3}']),
        "task": "\x1b" * 10,
        "request": "7",
    }
    chosen = chance.sample(list(keys.items()), chance.randrange(1, len(keys)))
    if chance.random() < 0.7:
        chosen = [("_command", command), ("_ask", "1"), *chosen]
    box = b""
    for key, value in chosen:
        for part in (key.encode(), value.encode()[:65535]):
            box += len(part).to_bytes(2, "big") + part
    box += b"\x00\x00"
    if chance.random() < 0.2:
        box = box[: chance.randrange(1, len(box))] + chance.randbytes(9)
    return box


def test_malformed_boxes(control: Control) -> None:
    """Ten thousand malformed boxes end their connections and nothing else."""
    chance = random.Random(20261122)  # noqa: S311
    first = 0
    for sent in range(0, BOXES, 25):
        with suppress(OSError), secured(control, "agents", "node") as connection:
            connection.settimeout(0.05)
            connection.sendall(b"".join(box_of(chance) for _ in range(25)))
            connection.recv(65536)
        if sent == BOXES // 4:
            first = memory(control)
    assert memory(control) - first < GROWTH
    well(control)


def test_garbage_instead_of_tls(control: Control) -> None:
    """What is no TLS is closed, on both ports."""
    chance = random.Random(20261123)  # noqa: S311
    for number in range(400):
        port = control.port("rest" if number % 2 else "agents")
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)) as plain:
            plain.sendall(chance.randbytes(chance.randrange(1, 400)))
            plain.settimeout(0.02)
            plain.recv(100)
    well(control)


def dripping(control: Control, body: str) -> ssl.SSLSocket:
    """A connection on which a request has begun, and does not end."""
    connection = secured(control, "rest", "user")
    connection.sendall(b"POST /v1/configuration/datasets HTTP/1.1\r\nHost: x\r\n")
    connection.sendall(body.encode())
    return connection


def drip(connections: list[ssl.SSLSocket]) -> None:
    """Send a byte on each that is still open."""
    for each in connections:
        with suppress(OSError):
            each.sendall(b"a")


def test_idle_and_slow_connections(control: Control) -> None:
    """Hundreds that are idle, or very slow, disturb nobody, and all are closed."""
    before = memory(control)
    idle = [
        secured(control, port, name)
        for port, name in [("rest", "user"), ("agents", "node")] * (IDLE // 2)
    ]
    # Others never even begin the handshake.
    mute = [
        socket.create_connection(("127.0.0.1", control.port(port)))
        for port in ("rest", "agents") * 20
    ]
    slow = [
        dripping(control, "X-A: "),
        dripping(control, "Content-Length: 999\r\n\r\n"),
    ]
    assert memory(control) - before < IDLE * 256 * 1024
    began = time.monotonic()
    assert control.ask("GET", "/v1/version").code == 200
    every: list[socket.socket] = [*idle, *mute, *slow]
    left = every
    while left:
        assert time.monotonic() - began < IDLE_WITHIN, len(left)
        drip(slow)
        time.sleep(1)
        left = [each for each in left if is_open(each)]
    for each in every:
        each.close()
    well(control)


def is_open(connection: socket.socket) -> bool:
    """Whether the other side has not closed it."""
    connection.settimeout(0.001)
    try:
        return connection.recv(100) != b""
    except (TimeoutError, ssl.SSLWantReadError):
        return True
    except OSError:
        return False


def test_users_are_served_meanwhile(control: Control) -> None:
    """While many connections drop and come again, a user's requests are answered."""
    node = str(uuid4())
    for _ in range(200):
        secured(control, "agents", "node").close()
    assert control.ask("GET", "/v1/version").code == 200
    created = control.ask("POST", "/v1/configuration/datasets", {"primary": node})
    assert created.code == 201
    with suppress(http.client.HTTPException):
        well(control)
