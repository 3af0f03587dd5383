"""The description of the API is complete, and says what is so."""

import json
import re

import pytest
from jsonschema import Draft202012Validator

from flocker.restapi.endpoint import Endpoint, endpoints_of
from flocker.restapi.errors import STATUS
from flocker.restapi.openapi import (
    PATH_PARAMETERS,
    QUERY_PARAMETERS,
    ROOMS,
    answers_of,
    document,
)

DOCUMENT = document(ROOMS)
SCHEMAS = DOCUMENT["components"]["schemas"]
ENDPOINTS = [found for room in ROOMS for found in endpoints_of(room)]
OPERATIONS = [
    operation
    for methods in DOCUMENT["paths"].values()
    for operation in methods.values()
]

each_endpoint = pytest.mark.parametrize(
    "found", ENDPOINTS, ids=lambda found: f"{found.method} {found.path}"
)


def operation(found: Endpoint) -> dict[str, object]:
    """What is said of an endpoint."""
    path = re.sub(r"<(\w+)>", r"{\1}", found.path)
    return DOCUMENT["paths"][path][found.method.lower()]


def references(value: object):
    """Every reference in a JSON value."""
    if isinstance(value, dict):
        yield from (v for k, v in value.items() if k == "$ref")
    children = value.values() if isinstance(value, dict) else value
    for child in children if isinstance(value, dict | list) else ():
        yield from references(child)


def test_served(api) -> None:
    """It is served as it is made."""
    reply = api.get("/v1/openapi.json")
    assert (reply.code, reply.json) == (200, DOCUMENT)


def test_every_route_is_described(api) -> None:
    """All that is routed is described, and nothing else."""
    routed = {
        (rule.endpoint.partition(" ")[0], re.sub(r"<(\w+)>", r"{\1}", rule.rule))
        for rule in api.resource._app.url_map.iter_rules()
    }
    described = {
        (method.upper(), path)
        for path, methods in DOCUMENT["paths"].items()
        for method in methods
    }
    assert routed == described


@each_endpoint
def test_schemas_exist(found) -> None:
    """Each answer has a status that we give, and a schema that there is."""
    known = {200, 201, 304, 500, *STATUS.values()}
    for status, schema in answers_of(found).items():
        assert status in known
        assert schema == "nothing" or schema in SCHEMAS


def test_references_lead_somewhere() -> None:
    """Every reference leads to a schema of the document."""
    found = set(references(DOCUMENT))
    assert found <= {f"#/components/schemas/{name}" for name in SCHEMAS}
    assert found


@pytest.mark.parametrize("name", SCHEMAS)
def test_schemas_are_of_this_draft(name) -> None:
    """Each is a schema of the draft that OpenAPI 3.1 speaks."""
    Draft202012Validator.check_schema(SCHEMAS[name])


@each_endpoint
def test_parameters(found) -> None:
    """Each parameter of a path and of a query is described."""
    said = {each["name"]: each["in"] for each in operation(found)["parameters"]}
    in_path = re.findall(r"<(\w+)>", found.path)
    assert [name for name, where in said.items() if where == "path"] == in_path
    assert {n for n, w in said.items() if w == "query"} == set(found.query)
    assert set(in_path) <= set(PATH_PARAMETERS)
    assert set(found.query) <= set(QUERY_PARAMETERS)


@each_endpoint
def test_bodies(found) -> None:
    """The body that is asked for is the one that is checked."""
    body = operation(found).get("requestBody")
    if found.body is None:
        assert body is None
    else:
        schema = body["content"]["application/json"]["schema"]
        assert schema == {"$ref": f"#/components/schemas/{found.body.name}"}


def test_operations_have_names() -> None:
    """Each operation has a name of its own and a sentence."""
    names = [each["operationId"] for each in OPERATIONS]
    assert len(set(names)) == len(names)
    assert all(each["summary"] for each in OPERATIONS)


def test_names_of_schemas() -> None:
    """No name of a schema stands in two files."""
    bodies = {found.body.name for found in ENDPOINTS if found.body is not None}
    assert bodies <= set(SCHEMAS)
    assert json.dumps(DOCUMENT)
