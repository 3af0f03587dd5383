"""Reads the bodies of requests: strict JSON, then a schema of ``schemas/``. Pure.

Called by `flocker.restapi.endpoint`. The schemas are read once, at import of a room.
"""

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any

import yaml
from attrs import frozen
from jsonschema import Draft4Validator
from jsonschema.exceptions import ValidationError

from flocker.restapi.errors import BodyNotJson, BodyTooLarge, SchemaViolation

# The loader in C, where there is one: a service that starts waits for these files.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

LARGEST_BODY = 1024 * 1024
"""Bytes; the largest valid body of today has some twenty thousand."""

MOST_ERRORS = 100
"""Violations that are listed in one answer."""

LONGEST_MESSAGE = 200
"""Characters of what the validator says, which repeats the value it speaks of."""


@frozen
class Schema:
    """What one endpoint takes."""

    name: str
    validator: Draft4Validator

    def read(self, body: bytes) -> object:
        """Give the value that `body` holds.

        Raises `BodyTooLarge`, `BodyNotJson`, `SchemaViolation`.
        """
        if len(body) > LARGEST_BODY:
            raise BodyTooLarge(LARGEST_BODY)
        try:
            value = _read_json(body)
            errors = tuple(_violations(self.validator, value))
        except RecursionError as error:
            raise BodyNotJson("it is nested too deeply") from error
        if errors:
            raise SchemaViolation(errors)
        return value


def load(file: str, name: str) -> Schema:
    """Give the definition `name` of ``schemas/FILE.yml``. Blocks."""
    document = {"$ref": f"#/definitions/{name}", "definitions": definitions(file)}
    return Schema(name, Draft4Validator(document))


@lru_cache
def definitions(file: str) -> Mapping[str, Any]:
    """Give all definitions of ``schemas/FILE.yml``. Blocks."""
    path = files("flocker.restapi").joinpath("schemas", f"{file}.yml")
    text = path.read_text("utf-8")
    document: Mapping[str, Any] = yaml.load(text, _LOADER)  # noqa: S506  (it is safe)
    found: Mapping[str, Any] = document["definitions"]
    return found


def _read_json(body: bytes) -> object:
    try:
        text = body.decode("utf-8")
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_refuse_constant,
            parse_float=_float,
        )
        # JSON can spell halves of surrogate pairs, which no other text can hold.
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeDecodeError as error:
        raise BodyNotJson(f"it is not UTF-8 at byte {error.start}") from error
    except UnicodeEncodeError as error:
        raise BodyNotJson("a text in it has half of a surrogate pair") from error
    except ValueError as error:
        raise BodyNotJson(str(error)[:LONGEST_MESSAGE]) from error
    return value


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    plain = dict(pairs)
    if len(plain) != len(pairs):
        names = Counter(name for name, _ in pairs)
        twice, _ = names.most_common(1)[0]
        raise ValueError(f"the name {twice[:40]!r} stands twice in an object")
    return plain


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not a number of JSON")


def _float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"the number {digits[:40]} is too large")
    return number


def _violations(validator: Draft4Validator, value: object) -> Iterator[str]:
    for count, error in enumerate(validator.iter_errors(value)):
        if count == MOST_ERRORS:
            yield "and more"
            return
        yield _say(error)


def _say(error: ValidationError) -> str:
    """Say where a value breaks which rule."""
    where = ".".join(str(step)[:80] for step in error.absolute_path)
    message = error.message
    if len(message) > LONGEST_MESSAGE:
        message = f"{message[:LONGEST_MESSAGE]}..."
    rule = error.schema.get("description") if isinstance(error.schema, dict) else None
    said = f"{where}: {message}" if where else message
    return f"{said} (wanted: {rule})" if rule else said
