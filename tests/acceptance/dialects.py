"""HTTP requests as the libraries of Flocker's old clients write them, byte for byte.

A dialect gives the bytes of one request. Which headers a library adds, in which order
and spelling, is what differs; the server must not care.
"""

import json
from collections.abc import Callable, Sequence

from flocker.sandbox.names import CONTROL, REST_PORT, address

Headers = Sequence[tuple[str, str]]
Dialect = Callable[..., bytes]

HOST = f"{address(CONTROL)}:{REST_PORT}"
TASK_ID = "5c4d5b2e-2d3f-4f5a-8a39-0d0f4bd0ad1c@/2/1"
JSON = ("Content-Type", "application/json")


def request(
    method: str, target: str, headers: Headers, body: bytes = b"", version: str = "1.1"
) -> bytes:
    """Write a request with these headers and no other."""
    lines = [f"{method} {target} HTTP/{version}", *(f"{n}: {v}" for n, v in headers)]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body


def go(method: str, path: str, body: object = None, headers: Headers = ()) -> bytes:
    """Go's net/http under flocker-go: no length without a body, a type always."""
    content = _go_json(body)
    length = [("Content-Length", str(len(content)))] if content else []
    agent = [("Host", HOST), ("User-Agent", "Go-http-client/1.1")]
    rest = [JSON, *headers, ("Accept-Encoding", "gzip")]
    return request(method, f"/v1{path}", [*agent, *length, *rest], content)


def treq(method: str, path: str, body: object = None, headers: Headers = ()) -> bytes:
    """Twisted's Agent under treq, as the first Flocker's own client used it.

    A length of 0 where there is no body, a connection for each request, a task id.
    """
    content = _python_json(body)
    lines = [
        ("Connection", "close"),
        ("Content-Length", str(len(content))),
        ("X-Eliot-Task-Id", TASK_ID),
        *([JSON] if content else []),
        *headers,
        ("Accept-Encoding", "gzip"),
        ("Host", HOST),
    ]
    return request(method, f"/v1{path}", lines, content)


def uft(method: str, path: str, body: object = None, headers: Headers = ()) -> bytes:
    """Twisted's Agent under uft: a JSON type on every request, one without body too."""
    content = _python_json(body)
    lines = [
        ("Content-Length", str(len(content))),
        ("Content-Type", "application/json"),
        ("Accept-Encoding", "gzip"),
        *headers,
        ("Host", HOST),
    ]
    return request(method, f"/v1{path}", lines, content)


def curl(method: str, path: str, body: object = None, headers: Headers = ()) -> bytes:
    """An old curl; a body given as text is sent as it is."""
    content = body.encode() if isinstance(body, str) else _python_json(body)
    form = ("Content-Type", "application/x-www-form-urlencoded")
    typed = any(name.lower() == "content-type" for name, _ in headers)
    sent = [("Content-Length", str(len(content)))]
    if not typed:
        sent.append(form)
    agent = [("User-Agent", "curl/7.35.0"), ("Host", HOST), ("Accept", "*/*")]
    lines = [*agent, *headers, *(sent if content else [])]
    return request(method, f"/v1{path}", lines, content)


def http_client(
    method: str, path: str, body: object = None, headers: Headers = ()
) -> bytes:
    """Python's http.client; a POST without a body has a length all the same."""
    content = _python_json(body)
    first = [("Host", HOST), ("Accept-Encoding", "identity")]
    if content or method == "POST":
        first.append(("Content-Length", str(len(content))))
    return request(method, f"/v1{path}", [*first, *headers], content)


def proxy(method: str, path: str, body: object = None, headers: Headers = ()) -> bytes:
    """A browser's request as a proxy in front of the GUI passes it on: HTTP/1.0."""
    content = _python_json(body).replace(b": ", b":").replace(b", ", b",")
    lines = [
        ("Host", "volumes.example.org"),
        ("Connection", "close"),
        *([("Content-Length", str(len(content)))] if content else []),
        ("Accept", "application/json, text/plain, */*"),
        ("Content-Type", "application/json;charset=utf-8"),
        ("Origin", "http://volumes.example.org:8088"),
        ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64)"),
        *headers,
    ]
    return request(method, f"/v1{path}", lines, content, version="1.0")


def _go_json(body: object) -> bytes:
    if body is None:
        return b""
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


def _python_json(body: object) -> bytes:
    return b"" if body is None else json.dumps(body).encode()
