"""Reading the bodies of requests."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft4Validator

from flocker.restapi.errors import BodyNotJson, BodyTooLarge, SchemaViolation
from flocker.restapi.schema import LARGEST_BODY, MOST_ERRORS, definitions, load

CREATE = load("datasets", "create_dataset")
UPDATE = load("datasets", "update_dataset")

NODE = "5d7a0000-0000-4000-8000-000000000001"
MIB = 1024 * 1024


def create(**fields: object) -> bytes:
    return json.dumps({"primary": NODE, **fields}).encode()


def violations(body: bytes) -> tuple[str, ...]:
    with pytest.raises(SchemaViolation) as caught:
        CREATE.read(body)
    return caught.value.errors


@pytest.mark.parametrize("file", ["datasets", "leases", "nodes"])
def test_schemas_are_schemas(file: str) -> None:
    """What bodies are held against is checked here: a service that starts does not."""
    Draft4Validator.check_schema({"definitions": definitions(file)})
    for each in definitions(file).values():
        Draft4Validator.check_schema(each)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"dataset_id": "ABCDEF00-0000-4FFF-BFFF-000000000001"},
        {"maximum_size": None},
        {"maximum_size": 64 * MIB},
        {"maximum_size": 2**63 - 1024},
        {"metadata": {}},
        {"metadata": {"k" * 256: "v" * 256}},
        {"metadata": {str(n): "" for n in range(16)}},
        {"metadata": {"é\t": "line\nbreak\u0000"}},
        {"deleted": False},
    ],
)
def test_valid(fields: dict[str, object]) -> None:
    """What the specification allows is read as it stands."""
    assert CREATE.read(create(**fields)) == {"primary": NODE, **fields}


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"primary": None}, "primary"),
        ({"primary": 5}, "primary"),
        ({"primary": NODE + "\n"}, "primary"),
        ({"primary": NODE.replace("-", "")}, "primary"),
        ({"primary": NODE.replace("-4", "-1")}, "primary"),
        ({"primary": NODE.replace("-8", "-7")}, "primary"),
        ({"primary": "{" + NODE + "}"}, "primary"),
        ({"dataset_id": "é" * 36}, "dataset_id"),
        ({"dataset_id": None}, "dataset_id"),
        ({"maximum_size": 64 * MIB - 1024}, "maximum_size"),
        ({"maximum_size": 64 * MIB + 1}, "maximum_size"),
        ({"maximum_size": 2**63}, "maximum_size"),
        ({"maximum_size": -64 * MIB}, "maximum_size"),
        ({"maximum_size": 10**4000}, "maximum_size"),
        ({"maximum_size": float(64 * MIB)}, "maximum_size"),
        ({"maximum_size": True}, "maximum_size"),
        ({"maximum_size": "67108864"}, "maximum_size"),
        ({"metadata": None}, "metadata"),
        ({"metadata": []}, "metadata"),
        ({"metadata": {"": "v"}}, "metadata"),
        ({"metadata": {"k\n": "v"}}, "metadata"),
        ({"metadata": {"k\nk": "v"}}, "metadata"),
        ({"metadata": {"k" * 257: "v"}}, "metadata"),
        ({"metadata": {"k": "v" * 257}}, "metadata.k"),
        ({"metadata": {"k": 1}}, "metadata.k"),
        ({"metadata": {str(n): "" for n in range(17)}}, "metadata"),
        ({"deleted": True}, "deleted"),
        ({"deleted": 0}, "deleted"),
        ({"Primary": NODE}, "Additional properties"),
    ],
)
def test_violation(fields: dict[str, object], named: str) -> None:
    """What it does not allow is refused, and every message names the key."""
    errors = violations(create(**fields))
    assert [error for error in errors if not error.startswith(named)] == []


@pytest.mark.parametrize("size", [64 * MIB - 1024, 64 * MIB + 1, 2**63])
def test_size_is_explained(size: int) -> None:
    """Whoever passes a size from elsewhere, unrounded, is told the rule."""
    (error,) = [e for e in violations(create(maximum_size=size)) if str(size) in e][:1]
    for rule in ("multiple of 1024", "67108864 (64 MiB)", "9223372036854774784"):
        assert rule in error


def test_every_violation_is_listed() -> None:
    """One message a violation, so that all can be repaired at once."""
    body = b'{"primary": 1, "maximum_size": 1.5, "metadata": 2, "x": 0}'
    starts = {error.split(":")[0].split(" (")[0] for error in violations(body)}
    assert starts == {
        "Additional properties are not allowed",
        "maximum_size",
        "metadata",
        "primary",
    }


def test_messages_are_bounded() -> None:
    """A body that is wrong a thousand times does not come back a thousandfold."""
    metadata = {str(n): {"x" * 500: n} for n in range(1000)}
    errors = violations(create(metadata=metadata))
    assert len(errors) == MOST_ERRORS + 1
    assert max(map(len, errors)) < 500


@pytest.mark.parametrize("body", [b"[]", b"null", b'"x"', b"5", b"[{}]"])
def test_not_an_object(body: bytes) -> None:
    """JSON that is no object is a violation of the schema."""
    assert len(violations(body)) == 1


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "Expecting value"),
        (b"{", "Expecting property name"),
        (b"{}x", "Extra data"),
        (b"\xff{}", "not UTF-8 at byte 0"),
        (b"\xef\xbb\xbf{}", "BOM"),
        ("{}".encode("utf-16"), "not UTF-8"),
        (b'{"a": "\\ud800"}', "surrogate"),
        (b'{"\\udfff": ""}', "surrogate"),
        (b'{"a": NaN}', "NaN is not a number"),
        (b"-Infinity", "-Infinity is not a number"),
        (b'{"a": 1e999}', "1e999 is too large"),
        (b"9" * 5000, "4300 digits"),
        (b'{"a": 1, "b": 2, "a": 1}', "'a' stands twice"),
        (b'{"a": {"b": 1, "b": 1}}', "'b' stands twice"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
    ],
    ids=range(16),
)
def test_not_json(body: bytes, words: str) -> None:
    """What is not JSON, or is read differently by different readers, is refused."""
    with pytest.raises(BodyNotJson) as caught:
        CREATE.read(body)
    assert words in str(caught.value)


@given(depth=st.integers(100, 3000))
def test_depth(depth: int) -> None:
    """No depth of nesting is more than a client's mistake."""
    with pytest.raises((BodyNotJson, SchemaViolation)):
        UPDATE.read(b'{"primary":' + b"[" * depth + b"]" * depth + b"}")


def test_size_of_body() -> None:
    """A body may be as long as the limit, and no longer."""
    longest = b"{" + b" " * (LARGEST_BODY - 2) + b"}"
    assert UPDATE.read(longest) == {}
    with pytest.raises(BodyTooLarge):
        UPDATE.read(longest + b" ")


def test_sentence_names_a_rule() -> None:
    """Who shows the description alone is told the rule: sizes are multiples of 1024."""
    with pytest.raises(SchemaViolation, match=r"maximum_size: .* multiple of 1024"):
        CREATE.read(create(maximum_size=100_000_000))
