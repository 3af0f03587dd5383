"""Tests of understanding what Docker sends."""

import pytest

from flocker.docker_plugin.requests import BadBody, BadField, read


def test_as_docker_sends_it() -> None:
    """A body of Docker's, with its line break and its null."""
    found = read(b'{"Name":"v2","Opts":null,"ID":"ab"}\n')
    assert (found.name, dict(found.options), found.id) == ("v2", {}, "ab")


@pytest.mark.parametrize("body", [b"", b"\n", b"{}", b"null"])
def test_nothing(body: bytes) -> None:
    """An empty body has no fields; an id may be missing, as before Docker 1.11."""
    found = read(body)
    assert (found.id, dict(found.options)) == ("", {})
    with pytest.raises(BadField) as raised:
        _ = found.name
    assert str(raised.value) == "the request must have Name, the name of a volume"


def test_what_is_new_is_ignored() -> None:
    """Fields of versions to come are no fault."""
    assert read(b'{"Name":"v","Colour":["red"]}').name == "v"


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b'"x"', b"\xff", b'{"Name":"\\ud800"}', b"[" * 20000, b" " * 2**21],
)
def test_bad_body(body: bytes) -> None:
    """What is no JSON object is refused."""
    with pytest.raises(BadBody):
        read(body)


@pytest.mark.parametrize(
    "body",
    [b'{"Name":5}', b'{"Name":""}', b'{"ID":5}', b'{"Opts":[]}', b'{"Opts":{"a":1}}'],
)
def test_bad_fields(body: bytes) -> None:
    """A field that is not what it should be is named."""
    found = read(body)
    with pytest.raises(BadField, match=r"^the request must have "):
        _ = (found.options, found.id, found.name)
