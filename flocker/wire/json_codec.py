"""Values to JSON and back, for the store and for the agents' protocol.

One converter for all: identifiers as text, enumerations by value, collections plain.
Unknown keys are errors: a reader of another format must not half-understand.
"""

import json
from typing import TypeVar
from uuid import UUID

from attrs import frozen
from cattrs import Converter
from cattrs.errors import CattrsError
from pyrsistent import PMap, pmap

from flocker.model.errors import FlockerError

T = TypeVar("T")


@frozen
class Undecodable(FlockerError):
    """Bytes do not hold the value they should."""

    kind: str
    why: str

    def words(self) -> str:
        """Name the type and the fault."""
        return f"not a {self.kind}: {self.why}"


def _structure_uuid(value: object, _: type) -> UUID:
    return UUID(str(value))


def _structure_pmap(value: object, _: type) -> PMap[str, str]:
    if not isinstance(value, dict):
        raise TypeError(f"{value!r} is not an object")
    return pmap({str(name): str(text) for name, text in value.items()})


def _is_pmap(kind: object) -> bool:
    return getattr(kind, "__origin__", kind) is PMap


def _make_converter() -> Converter:
    converter = Converter(forbid_extra_keys=True, detailed_validation=False)
    converter.register_unstructure_hook(UUID, str)
    converter.register_structure_hook(UUID, _structure_uuid)
    converter.register_unstructure_hook_func(_is_pmap, dict)
    converter.register_structure_hook_func(_is_pmap, _structure_pmap)
    return converter


_CONVERTER = _make_converter()


def encode(value: object, kind: object = None) -> bytes:
    """Write a value as compact UTF-8 JSON; `kind` is its type where that is a union."""
    plain = _CONVERTER.unstructure(value, unstructure_as=kind)
    return json.dumps(plain, separators=(",", ":"), ensure_ascii=False).encode()


def decode(kind: type[T], data: bytes) -> T:
    """Read a value of type `kind`. Raises `Undecodable`."""
    try:
        return _CONVERTER.structure(json.loads(data), kind)
    except (
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        RecursionError,
        CattrsError,
    ) as error:
        name = getattr(kind, "__name__", str(kind))
        raise Undecodable(name, f"{type(error).__name__}: {error}") from error
