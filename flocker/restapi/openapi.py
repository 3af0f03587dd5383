"""GET /v1/openapi.json: the API described for programs, made of what it is made of.

Paths and answers are those of the `@endpoint` decorators, schemas those of
``schemas/``; nothing is written twice. Pure but for reading these files once.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from http import HTTPStatus
from typing import Any, Final

from flocker import __version__
from flocker.restapi.about import About
from flocker.restapi.answers import Answer, encode
from flocker.restapi.conditions import CONDITION_HEADER
from flocker.restapi.datasets import Datasets
from flocker.restapi.endpoint import Call, Endpoint, endpoint, endpoints_of
from flocker.restapi.events import LAST_EVENT_ID, EventStreams
from flocker.restapi.health import Health
from flocker.restapi.leases import Leases
from flocker.restapi.metrics import Metrics
from flocker.restapi.moves import Moves
from flocker.restapi.node_registry import NodeRegistry
from flocker.restapi.nodes import Nodes
from flocker.restapi.rollbacks import Rollbacks
from flocker.restapi.schema import definitions
from flocker.restapi.snapshots import Snapshots
from flocker.restapi.status import Statuses
from flocker.restapi.volumes import Volumes

Json = dict[str, Any]

SCHEMAS: Final = ("answers", "datasets", "leases", "nodes", "snapshots")
"""The files of ``schemas/``; a name stands in one of them only."""

ERROR: Final = "error"

CONTENT_TYPES: Final = {"stream": "text/event-stream", "exposition": "text/plain"}
"""Where it is not JSON."""

UUID_TEXT: Final = {"type": "string", "format": "uuid"}

PATH_PARAMETERS: Final[Mapping[str, Json]] = {
    "dataset_id": {"description": "a dataset, in any case", "schema": UUID_TEXT},
    "node_id": {"description": "a node, in any case", "schema": UUID_TEXT},
    "snapshot": {
        "description": "the name of a snapshot",
        "schema": {"type": "string", "minLength": 1},
    },
    "era": {"description": "a node's boot id, in any case", "schema": UUID_TEXT},
}

QUERY_PARAMETERS: Final[Mapping[str, Json]] = {
    "purge": {
        "description": "forget a destroyed dataset, so that its id is free again",
        "schema": {"enum": ["true", "false"], "default": "false"},
    },
    "if_unleased": {
        "description": "only while nobody leases it: 409 otherwise",
        "schema": {"enum": ["true", "false"], "default": "false"},
    },
    "to": {
        "description": "the node to move to, in any case",
        "required": True,
        "schema": UUID_TEXT,
    },
    "dataset_id": {
        "description": "of this dataset only",
        "schema": UUID_TEXT,
    },
    "holder": {
        "description": "end this holder's part only",
        "schema": {"type": "string", "minLength": 1, "maxLength": 256},
    },
}

HEADERS: Final[Mapping[str, Json]] = {
    "condition": {
        "name": CONDITION_HEADER.decode("ascii"),
        "description": "carry it out only if the configuration has this tag",
        "schema": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
    },
    "last_event": {
        "name": LAST_EVENT_ID.decode("ascii"),
        "description": "the id of the last event that the client has",
        "schema": {"type": "string"},
    },
}


class Documents:
    """The endpoint about the endpoints."""

    @endpoint("GET", "/v1/openapi.json", {200: "openapi"})
    async def show_document(self, call: Call) -> Answer:
        """Describe every endpoint, its bodies and its answers."""
        return Answer(200, encoded(ROOMS))


ROOMS: Final[tuple[type, ...]] = (
    About,
    Documents,
    Health,
    Metrics,
    Datasets,
    Leases,
    Moves,
    NodeRegistry,
    Nodes,
    Rollbacks,
    Snapshots,
    Statuses,
    Volumes,
    EventStreams,
)


@cache
def encoded(rooms: tuple[type, ...]) -> bytes:
    """Write the description of `rooms`. Blocks, the first time."""
    return encode(document(rooms))


def document(rooms: Iterable[type]) -> Json:
    """Describe the endpoints of `rooms` by OpenAPI 3.1. Blocks."""
    paths: dict[str, Json] = {}
    for room in rooms:
        for found in endpoints_of(room):
            path = re.sub(r"<(\w+)>", r"{\1}", found.path)
            paths.setdefault(path, {})[found.method.lower()] = _operation(room, found)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Flocker's control service",
            "version": __version__,
            "license": {"name": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"certificate": []}],
        "paths": paths,
        "components": {
            "schemas": dict(_schemas()),
            "securitySchemes": {
                "certificate": {
                    "type": "mutualTLS",
                    "description": "a user's certificate of the cluster",
                }
            },
        },
    }


def answers_of(found: Endpoint) -> Mapping[int, str]:
    """Give the schema of each status that an endpoint may answer with.

    To those of its own come those of every endpoint of its kind.
    """
    general: dict[int, str] = {500: ERROR}
    if found.body is not None:
        general |= {400: ERROR, 413: ERROR}
    if found.query:
        general |= {400: ERROR}
    if found.conditional:
        general |= {412: ERROR}
    if found.method != "GET":
        general |= {503: ERROR}
    return dict(sorted({**general, **found.answers}.items()))


def _operation(room: type, found: Endpoint) -> Json:
    words = " ".join((found.handler.__doc__ or "").split())
    operation: Json = {
        "operationId": f"{room.__name__}.{found.handler.__name__}",
        "summary": words.partition(". ")[0].rstrip("."),
        "description": words,
        "parameters": list(_parameters(found)),
        "responses": {
            str(status): _response(status, schema)
            for status, schema in answers_of(found).items()
        },
    }
    if found.body is not None:
        content = {"application/json": {"schema": _reference(found.body.name)}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _parameters(found: Endpoint) -> Iterator[Json]:
    for name in re.findall(r"<(\w+)>", found.path):
        yield {"name": name, "in": "path", "required": True, **PATH_PARAMETERS[name]}
    for name in found.query:
        yield {"name": name, "in": "query", **QUERY_PARAMETERS[name]}
    if found.conditional:
        yield {"in": "header", **HEADERS["condition"]}
    if "stream" in found.answers.values():
        yield {"in": "header", **HEADERS["last_event"]}


def _response(status: int, schema: str) -> Json:
    described = {"description": HTTPStatus(status).phrase}
    if schema == "nothing":
        return described
    kind = CONTENT_TYPES.get(schema, "application/json")
    return {**described, "content": {kind: {"schema": _reference(schema)}}}


def _reference(schema: str) -> Json:
    return {"$ref": f"#/components/schemas/{schema}"}


def _schemas() -> Iterator[tuple[str, Json]]:
    for file in SCHEMAS:
        for name, schema in definitions(file).items():
            if name != "nothing":
                yield name, _referring(schema)


def _referring(schema: object) -> Any:  # noqa: ANN401  (any JSON)
    """Let references lead to where OpenAPI keeps schemas."""
    if isinstance(schema, list):
        return [_referring(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _referring(value) for key, value in schema.items()}
    if isinstance(found.get("$ref"), str):
        name = found["$ref"].removeprefix("#/definitions/")
        return {**found, **_reference(name)}
    return found
