"""Values to JSON and back, for the store and for the agents' protocol.

One converter for all: identifiers as text, enumerations by value, collections plain.
Unknown keys are errors: a reader of another format must not half-understand. Nothing
is taken for something else either: 1 is no text, "1" and true are no numbers.
"""

import json
import math
import re
from collections.abc import Callable
from itertools import product
from typing import Final, TypeVar
from uuid import UUID

from attrs import frozen
from cattrs import Converter
from cattrs.errors import CattrsError
from cattrs.gen import make_dict_unstructure_fn, override
from cattrs.strategies import configure_tagged_union
from pyrsistent import PMap, pmap

from flocker.model.datasets import Dataset
from flocker.model.errors import FlockerError
from flocker.model.ids import NotAnIdentifier, parse_uuid
from flocker.model.leases import Holder
from flocker.model.pools import Released, Replica, Standing

T = TypeVar("T")

LONGEST_WHY: Final = 200
"""Characters of a fault that are told; it may quote all that was sent."""

_HALF_A_PAIR: Final = re.compile(rb"\\u[dD][89a-fA-F]")
"""How JSON would spell one half of a surrogate pair, which no text can hold."""

_FAULTS = (
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    OverflowError,
    RecursionError,
    CattrsError,
    NotAnIdentifier,
)


@frozen
class Undecodable(FlockerError):
    """Bytes do not hold the value they should."""

    kind: str
    why: str

    def words(self) -> str:
        """Name the type and the fault."""
        return f"not a {self.kind}: {self.why}"


def strict_converter(*, forbid_extra_keys: bool, briefly: bool = False) -> Converter:
    """Make a converter that takes each JSON value for what it is, or raises.

    What it writes `briefly` lacks the fields that have their defaults.
    """
    converter = Converter(
        forbid_extra_keys=forbid_extra_keys,
        detailed_validation=False,
        omit_if_default=briefly,
    )
    for kind in (str, int, bool):
        converter.register_structure_hook(kind, _exactly(kind))
    converter.register_structure_hook(float, _number)
    converter.register_structure_hook(UUID, _uuid)
    converter.register_unstructure_hook(UUID, str)
    converter.register_structure_hook_func(_is_pmap, _pmap)
    converter.register_unstructure_hook_func(_is_pmap, dict)
    return converter


def understand(kind: type[T], data: bytes, structure: Callable[[object], T]) -> T:
    """Read JSON and give what `structure` makes of it. Raises `Undecodable`."""
    try:
        return structure(_read_json(data))
    except _FAULTS as error:
        name = getattr(kind, "__name__", str(kind))
        why = f"{type(error).__name__}: {error}"
        raise Undecodable(name, why[:LONGEST_WHY]) from error


def encode(value: object, kind: object = None) -> bytes:
    """Write a value as compact UTF-8 JSON; `kind` is its type where that is a union.

    Never fails for what a text holds: names of files and processes are any bytes, and
    Python has halves of surrogate pairs for those that are no UTF-8.
    """
    return _write_json(_CONVERTER.unstructure(value, unstructure_as=kind))


def encode_briefly(value: object) -> bytes:
    """Write a value as `encode` does, without the fields that have their defaults.

    For who reads with the same defaults: never for what is kept.
    """
    return _write_json(_BRIEF_CONVERTER.unstructure(value))


def _write_json(plain: object) -> bytes:
    text = json.dumps(plain, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "replace")


def decode(kind: type[T], data: bytes) -> T:
    """Read a value of type `kind`. Raises `Undecodable`."""
    return understand(kind, data, lambda plain: _CONVERTER.structure(plain, kind))


def _read_json(data: bytes) -> object:
    plain = _DECODER.decode(data.decode("utf-8"))
    if _HALF_A_PAIR.search(data):
        _ = json.dumps(plain, ensure_ascii=False).encode("utf-8")
    return plain


def _no_number(name: str) -> object:
    raise ValueError(f"{name} is not a number of JSON")


def _exactly(kind: type) -> Callable[[object, type], object]:
    def structure(value: object, _: type) -> object:
        if type(value) is not kind:
            raise TypeError(f"{value!r} is not {kind.__name__}")
        return value

    return structure


def _number(value: object, _: type) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r} is not a number")
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number


def _uuid(value: object, _: type) -> UUID:
    return parse_uuid(str(value))


def _pmap(value: object, _: type) -> PMap[str, str]:
    if not isinstance(value, dict):
        raise TypeError(f"{value!r} is not an object")
    for text in value.values():
        if not isinstance(text, str):
            raise TypeError(f"{text!r} is not str")
    return pmap(value)


def _is_pmap(kind: object) -> bool:
    return getattr(kind, "__origin__", kind) is PMap


def _tag(kind: type) -> str:
    return kind.__name__.lower()


_DECODER = json.JSONDecoder(parse_constant=_no_number)
_CONVERTER = strict_converter(forbid_extra_keys=True)
_BRIEF_CONVERTER = strict_converter(forbid_extra_keys=True, briefly=True)
for _union, _each in product(
    (Replica | Released, Standing), (_CONVERTER, _BRIEF_CONVERTER)
):
    configure_tagged_union(_union, _each, tag_generator=_tag, tag_name="is")
# Few datasets have an origin, few holders an era: written where there is one.
_CONVERTER.register_unstructure_hook(
    Dataset,
    make_dict_unstructure_fn(
        Dataset, _CONVERTER, origin=override(omit_if_default=True)
    ),
)
_CONVERTER.register_unstructure_hook(
    Holder,
    make_dict_unstructure_fn(Holder, _CONVERTER, era=override(omit_if_default=True)),
)
