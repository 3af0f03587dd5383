"""Routes, and that no input whatsoever is met with a failure."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flocker.restapi import app
from flocker.restapi.schema import LARGEST_BODY

NODE = "5d7a0000-0000-4000-8000-000000000001"
DATASET = "11c50000-0000-4000-8000-000000000001"
DATASETS = "/v1/configuration/datasets"

ALLOWED = {
    "/v1/version": "GET, HEAD",
    "/v1/configuration/datasets": "GET, HEAD, POST",
    f"/v1/configuration/datasets/{DATASET}": "DELETE, POST",
    "/v1/state/datasets": "GET, HEAD",
    "/v1/state/nodes": "GET, HEAD",
    "/v1/status/datasets": "GET, HEAD",
    f"/v1/status/datasets/{DATASET}": "GET, HEAD",
    "/v1/status/nodes": "GET, HEAD",
    f"/v1/status/nodes/{NODE}": "GET, HEAD",
}


@pytest.mark.parametrize("path", ALLOWED)
@pytest.mark.parametrize("method", ["PUT", "PATCH", "OPTIONS", "TRACE", "FROB"])
def test_other_methods(api, path: str, method: str) -> None:
    """A method that a path does not have is 405 with those it has."""
    reply = api.raw(f"{method} {path} HTTP/1.1\r\n\r\n".encode())
    assert (reply.code, reply.header("Allow")) == (405, ALLOWED[path])
    assert list(reply.json) == ["description"]


@pytest.mark.parametrize("method", [b"get", b"GE-T", b"G3T"])
def test_methods_are_words_in_capitals(api, method: bytes) -> None:
    """What is no method of HTTP's kind is 400."""
    reply = api.raw(method + b" /v1/version HTTP/1.1\r\n\r\n")
    assert (reply.code, list(reply.json)) == (400, ["description"])


@pytest.mark.parametrize("path", [p for p in ALLOWED if "GET" in ALLOWED[p]])
def test_head(api, path: str) -> None:
    """HEAD is GET without the body."""
    api.post(DATASETS, {"primary": NODE, "dataset_id": DATASET})
    head, get = (
        api.raw(f"{method} {path} HTTP/1.1\r\n\r\n".encode())
        for method in ("HEAD", "GET")
    )
    assert (head.code, head.content) == (get.code, b"")
    assert head.header("Content-Length") == str(len(get.content))
    assert head.header("Content-Type") == "application/json"


def test_pieces(api, monkeypatch) -> None:
    """A long body is written in pieces, and arrives as it is."""
    for _ in range(3):
        api.post(DATASETS, {"primary": NODE})
    text = f"GET {DATASETS} HTTP/1.1\r\n\r\n".encode()
    whole = api.raw(text).content
    assert len(json.loads(whole)) == 3
    for piece in (1, 7, len(whole) - 1, len(whole)):
        monkeypatch.setattr(app, "PIECE", piece)
        assert api.raw(text).content == whole


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1",
        "/v2/version",
        "/v1/version/",
        "/v1//version",
        "//",
        "/v1/VERSION",
        "/v1/configuration/datasets/",
        f"/v1/configuration/datasets/{DATASET}/",
        "/v1/version%00",
        "/v1/%ff%fe",
        "/v1/%",
        "/v1/%zz",
        "/v1/status/datasets/..%2f..",
        "/../v1/version",
        "/v1/state/nodes/by_era",
        "http://control/v1/version",
        "x",
    ],
)
def test_other_paths(api, path: str) -> None:
    """A path at which nothing is served is 404, an object, never a redirect."""
    reply = api.raw(f"GET {path} HTTP/1.1\r\n\r\n".encode())
    assert (reply.code, list(reply.json)) == (404, ["description"])
    assert reply.headers["content-type"] == ["application/json"]


def test_query_is_ignored(api) -> None:
    """What stands after a question mark changes nothing."""
    assert api.raw(b"GET /v1/version?a=%ff&b HTTP/1.1\r\n\r\n").code == 200


@pytest.mark.parametrize("host", [b"", b"x..y", b"\xff", b"[::1]:4523", b"a" * 300])
def test_host_does_not_matter(api, host: bytes) -> None:
    """Whatever name a client dialled, it is answered."""
    assert api.raw(b"GET /v1/version HTTP/1.1\r\nHost: %b\r\n\r\n" % host).code == 200


def post(body: bytes, *headers: bytes) -> bytes:
    lines = (b"Content-Length: %d" % len(body), *headers)
    head = b"".join(line + b"\r\n" for line in lines)
    return b"POST %b HTTP/1.1\r\n%b\r\n%b" % (DATASETS.encode(), head, body)


@pytest.mark.parametrize(
    "kind",
    [
        b"application/x-www-form-urlencoded",
        b"multipart/form-data; boundary=x",
        b"multipart/form-data",
        b"text/plain; charset=utf-16",
        b"\xff",
    ],
)
def test_content_type_of_the_request_is_ignored(api, kind: bytes) -> None:
    """A body is JSON, whatever a client such as curl calls it."""
    body = json.dumps({"primary": NODE}).encode()
    assert api.raw(post(body, b"Content-Type: " + kind)).code == 201


def test_expect_continue(api) -> None:
    """A client that waits to be let go on is let."""
    body = json.dumps({"primary": NODE}).encode()
    assert api.raw(post(body, b"Expect: 100-continue")).code == 201


def test_chunked_body(api) -> None:
    """A body may come in chunks."""
    body = json.dumps({"primary": NODE}).encode()
    request = (
        b"POST %b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n"
    )
    assert api.raw(request % (DATASETS.encode(), len(body), body)).code == 201


def test_huge_body(api) -> None:
    """A body beyond the limit is 413, and only so much of it is kept as shows that."""
    protocol, _ = api.dial()
    protocol.dataReceived(post(b" " * 3 * LARGEST_BODY)[: 2 * LARGEST_BODY])
    (request,) = protocol.requests
    assert len(request.content.getvalue()) == LARGEST_BODY + 1
    assert api.raw(post(b" " * 3 * LARGEST_BODY)).code == 413


IDS = st.sampled_from([DATASET, DATASET.upper(), NODE, "x", "%00", "%ff", "é", "\\"])
PATHS = (
    st.sampled_from(sorted(ALLOWED))
    | st.builds(
        lambda path, segment: f"{path}/{segment}", st.sampled_from(sorted(ALLOWED)), IDS
    )
    | st.text(st.characters(codec="utf-8", exclude_characters=" \r\n")).map("/".__add__)
)
METHODS = st.sampled_from(
    ["GET", "HEAD", "POST", "DELETE", "PUT", "OPTIONS", "TRACE", "BREW", "gEt"]
)
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "Host",
                "Content-Type",
                "X-If-Configuration-Matches",
                "If-None-Match",
                "X-Eliot-Task-Id",
                "Expect",
                "Accept-Encoding",
                "Cookie",
                "X",
            ]
        ),
        st.binary(max_size=20).map(lambda b: b.translate(None, b"\r\n\0")),
    ),
    max_size=3,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters()), inner, max_size=3)
    ),
    max_leaves=5,
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "primary": st.just(NODE) | st.uuids().map(str) | JSON,
        "dataset_id": st.just(DATASET) | st.uuids(version=4).map(str) | JSON,
        "maximum_size": st.integers(0, 2**65).map(lambda n: n * 1024) | JSON,
        "metadata": st.dictionaries(st.text(st.characters()), st.text()) | JSON,
        "deleted": JSON,
        "other": JSON,
    },
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A body that is nearly valid, with a slice of it replaced."""
    body = json.dumps(draw(FIELDS)).encode()
    start = draw(st.integers(0, len(body)))
    end = draw(st.integers(start, min(len(body), start + 8)))
    return body[:start] + draw(st.binary(max_size=4)) + body[end:]


BODIES = FIELDS.map(lambda f: json.dumps(f).encode()) | mutated() | st.binary()


@given(method=METHODS, path=PATHS, headers=HEADERS, body=BODIES)
def test_no_input_is_a_failure(new_api, method, path, headers, body) -> None:
    """Whatever is sent, the answer is JSON and says that it is not our fault."""
    api = new_api()
    created = api.post(DATASETS, {"primary": NODE, "dataset_id": DATASET})
    assert created.code == 201
    lines = [f"{method} {path} HTTP/1.1".encode(), b"Content-Length: %d" % len(body)]
    lines += [name.encode() + b": " + value for name, value in headers]
    reply = api.raw(b"\r\n".join(lines) + b"\r\n\r\n" + body)
    assert reply.code < 500
    if method == "HEAD" or reply.code == 304 or not reply.headers:
        return  # no body; or Twisted's own answer to what is not HTTP
    assert reply.header("Content-Type") == "application/json"
    assert reply.code == 200 or isinstance(reply.json, dict)
    assert "description" in reply.json or reply.code < 300
