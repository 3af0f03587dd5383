"""What a client reads: the objects of the status API, as values; pure.

`flocker.wire.public` writes them. Keys that are not known here are passed over, for a
server may be newer than its client; phases and conditions stay texts for that reason.
"""

import json
from collections.abc import Mapping
from typing import Any, TypeVar, get_origin
from uuid import UUID

from attrs import frozen
from cattrs import Converter
from cattrs.errors import CattrsError

from flocker.model.ids import (
    BackendName,
    DatasetID,
    NodeID,
    NotAnIdentifier,
    parse_uuid,
)
from flocker.wire.json_codec import Undecodable

T = TypeVar("T")


@frozen
class CauseAnswer:
    """Why something is not as wanted, and what would end it."""

    code: str
    words: str
    release: str | None = None


@frozen
class BackendAnswer:
    """A backend that a node has."""

    name: BackendName
    driver: str
    kind: str
    instance: str | None = None


@frozen
class NodeAnswer:
    """What control knows of a node; `seconds` since it was last heard."""

    uuid: NodeID
    host: str
    connected: bool
    since: str
    last_seen: str
    seconds: float
    era: str
    version: str
    backends: tuple[BackendAnswer, ...] = ()
    refused: str | None = None


@frozen
class DatasetAnswer:
    """What happens to a dataset; sizes in bytes, `seconds` of the present phase."""

    dataset_id: DatasetID
    name: str | None
    metadata: Mapping[str, str]
    primary: NodeID
    backend: BackendName
    maximum_size: int | None
    deleted: bool
    phase: str
    since: str
    seconds: float
    node: NodeID | None
    cause: CauseAnswer | None
    path: str | None
    size: int | None


@frozen
class FactAnswer:
    """What one node says of a dataset."""

    wants: str
    condition: str
    volume: str | None
    device: str | None
    path: str | None
    doing: str | None
    cause: CauseAnswer | None
    since: str
    seconds: float


@frozen
class DatasetInFull(DatasetAnswer):
    """The same with the record of ownership and what every node says."""

    volume: str | None
    acquired: bool
    nodes: Mapping[NodeID, FactAnswer]


@frozen
class ConfiguredAnswer:
    """What is wanted of a dataset: the answer to every request that changes one."""

    dataset_id: DatasetID
    primary: NodeID
    deleted: bool
    metadata: Mapping[str, str]
    maximum_size: int | None = None


@frozen
class VersionAnswer:
    """Which Flocker the server is."""

    flocker: str


@frozen
class RefusalAnswer:
    """Why a request was not carried out."""

    description: str
    errors: tuple[str, ...] = ()
    incident: str | None = None


def read(kind: type[T], body: bytes) -> T:
    """Read an object of type `kind`. Raises `Undecodable`."""
    try:
        return _structure(kind, json.loads(body))
    except (
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        RecursionError,
        CattrsError,
        NotAnIdentifier,
    ) as error:
        name = getattr(kind, "__name__", str(kind))
        raise Undecodable(name, f"{type(error).__name__}: {error}") from error


def _structure(kind: type[T], found: object) -> T:
    if get_origin(kind) is tuple and not isinstance(found, list):
        raise TypeError("it is not an array")
    return _CONVERTER.structure(found, kind)


def plain(value: object) -> Any:  # noqa: ANN401 - what JSON has is not one type
    """Give a value as JSON has it, under the server's keys."""
    return _CONVERTER.unstructure(value)


def _exactly(kind: type) -> Any:  # noqa: ANN401 - cattrs asks for this
    def structure(value: object, _: type) -> object:
        if type(value) is not kind:
            raise TypeError(f"{value!r} is not {kind.__name__}")
        return value

    return structure


def _number(value: object, _: type) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r} is not a number")
    return float(value)


def _uuid(value: object, _: type) -> UUID:
    return parse_uuid(str(value))


def _make_converter() -> Converter:
    converter = Converter(detailed_validation=False)
    for kind in (str, int, bool):
        converter.register_structure_hook(kind, _exactly(kind))
    converter.register_structure_hook(float, _number)
    converter.register_structure_hook(UUID, _uuid)
    converter.register_unstructure_hook(UUID, str)
    return converter


_CONVERTER = _make_converter()
