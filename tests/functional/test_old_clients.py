"""Every request of Flocker 1.15's clients, against a live service over real TLS.

What each must get stands in the specification of the REST API, sections 3 to 6 and 8:
a status, and the keys that the client reads.
"""

import json
import ssl
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPSConnection
from urllib.parse import urlsplit

import pytest
from attrs import frozen

A = "5d7a0000-0000-4000-8000-00000000000a"
B = "5d7a0000-0000-4000-8000-00000000000b"
ONE = "11c50000-0000-4000-8000-000000000001"
TWO = "11c50000-0000-4000-8000-000000000002"
NONE = "11c50000-0000-4000-8000-00000000ffff"

DATASETS = "/v1/configuration/datasets"
LEASES = "/v1/configuration/leases"
DATASET = {"dataset_id", "primary", "deleted", "metadata"}
LEASE = {"dataset_id", "node_uuid", "expires"}
ERROR = {"description"}
MOST = 100 * 2**30
"""What Kubernetes asks for, in bytes."""


@frozen
class Recorded:
    """A request, and what its client gets: a status, keys, or the keys in a list."""

    client: str
    method: str
    path: str
    body: object
    status: int
    keys: set[str]
    listed: bool = False


def listing(client: str, path: str, keys: set[str]) -> Recorded:
    """A list of objects that have these keys."""
    return Recorded(client, "GET", path, None, 200, keys, listed=True)


def go(method: str, path: str, body: object, status: int, keys: set[str]) -> Recorded:
    """What flocker-go asks in Kubernetes."""
    return Recorded("kubernetes", method, path, body, status, keys)


def script(method: str, path: str, body: object, status: int, keys: set[str]):
    """What a script asks by curl."""
    return Recorded("curl", method, path, body, status, keys)


def leased(expires: object, node: str = A) -> dict[str, object]:
    """The wish for a lease, as the Python client spells it."""
    return {"dataset_id": ONE, "node_uuid": node, "expires": expires}


FULL = {
    "primary": A,
    "dataset_id": ONE,
    "maximum_size": MOST,
    "metadata": {"name": "pg", "clusterhq:flocker:profile": "gold"},
}
UNROUNDED = {"primary": A, "maximum_size": 10**9}

RECORDING = [
    script("GET", "/v1/version", None, 200, {"flocker"}),
    listing("kubernetes", "/v1/state/nodes", {"host", "uuid"}),
    listing("kubernetes", "/v1/state/datasets", {"dataset_id"}),
    listing("kubernetes", DATASETS, DATASET),
    go("POST", DATASETS, FULL, 201, DATASET | {"maximum_size"}),
    go("POST", DATASETS, FULL, 409, ERROR),
    go("POST", DATASETS, UNROUNDED, 400, ERROR | {"errors"}),
    go("POST", f"{DATASETS}/{ONE}", {"primary": B}, 200, DATASET),
    go("POST", f"{DATASETS}/{ONE}", {"Primary": B}, 400, ERROR | {"errors"}),
    go("POST", f"{DATASETS}/{NONE}", {"primary": B}, 404, ERROR),
    listing("kubernetes", DATASETS, DATASET),
    Recorded("mesos", "POST", DATASETS, {"primary": A}, 201, DATASET),
    script("POST", DATASETS, {"primary": A, "dataset_id": TWO}, 201, DATASET),
    script("POST", f"{DATASETS}/{TWO}", {}, 200, DATASET),
    script("DELETE", f"{DATASETS}/{TWO}", None, 200, DATASET),
    script("DELETE", f"{DATASETS}/{TWO}", None, 200, DATASET),
    script("POST", f"{DATASETS}/{TWO}", {"primary": B}, 405, ERROR),
    script("POST", DATASETS, {"primary": A, "dataset_id": TWO}, 409, ERROR),
    script("DELETE", f"{DATASETS}/{NONE}", None, 404, ERROR),
    script("POST", DATASETS, b"{", 400, ERROR),
    listing("uft", DATASETS, DATASET),
    listing("python", LEASES, LEASE),
    Recorded("python", "POST", LEASES, leased(60), 201, LEASE),
    Recorded("python", "POST", LEASES, leased(None), 200, LEASE),
    Recorded("python", "POST", LEASES, leased(60, B), 409, ERROR),
    listing("python", LEASES, LEASE),
    Recorded("python", "DELETE", f"{LEASES}/{ONE}", None, 200, LEASE),
    Recorded("python", "DELETE", f"{LEASES}/{ONE}", None, 404, ERROR),
    Recorded("plugin", "GET", f"/v1/state/nodes/by_era/{NONE}", None, 404, ERROR),
    script("GET", "/v1/nowhere", None, 404, ERROR),
    script("PUT", DATASETS, {}, 405, ERROR),
]


class Client:
    """A client with a user's certificate, which checks the name of whom it dialled."""

    def __init__(self, service) -> None:
        context = ssl.create_default_context(cafile=service.directory / "cluster.crt")
        files = (service.directory / f"user.{kind}" for kind in ("crt", "key"))
        context.load_cert_chain(*files)
        address = urlsplit(service.url)
        self._connection = HTTPSConnection(
            address.hostname, address.port, context=context, timeout=30
        )

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def ask(self, method: str, path: str, body: object = None, **headers: str):
        """Ask as Go does: JSON is said to come also where nothing comes."""
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        self._connection.request(
            method,
            path,
            b"" if body is None else sent,
            {"Content-Type": "application/json", **headers},
        )
        response = self._connection.getresponse()
        content = response.read()
        assert response.headers["Content-Type"] == "application/json"
        return response.status, json.loads(content), response.headers


@pytest.fixture(scope="module")
def client(service) -> Iterator[Client]:
    with closing(Client(service)) as made:
        yield made


@pytest.mark.parametrize(
    "asked", RECORDING, ids=lambda r: f"{r.client} {r.method} {r.path} {r.status}"
)
def test_recording(client, asked) -> None:
    """The client gets its status, and at least the keys that it reads."""
    status, body, _ = client.ask(asked.method, asked.path, asked.body)
    assert status == asked.status, body
    assert isinstance(body, list) == asked.listed
    for found in body if asked.listed else [body]:
        assert asked.keys <= set(found)


def test_plugin_creates_on_condition(client) -> None:
    """The plugin creates under the tag that it saw, and under no other."""
    _, _, headers = client.ask("GET", DATASETS)
    seen = {"X-If-Configuration-Matches": headers["X-Configuration-Tag"]}
    body = {"primary": A, "metadata": {"name": "on-condition"}}
    assert client.ask("POST", DATASETS, body, **seen)[0] == 201
    assert client.ask("POST", DATASETS, body, **seen)[0] == 412


def test_condition_with_every_request(client) -> None:
    """A condition is ignored where it has no meaning: clients send it everywhere."""
    old = {"X-If-Configuration-Matches": "0" * 32}
    for path in (DATASETS, LEASES, "/v1/state/nodes", "/v1/version"):
        assert client.ask("GET", path, **old)[0] == 200
