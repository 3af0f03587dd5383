"""Tables of the REST reference, made while Sphinx builds of the API's own description.

``.. openapi:: GET /v1/version`` gives what one endpoint takes and answers. A path that
is not served is a warning, and so is an endpoint that no page shows: `admin/test docs`
makes both errors.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from flocker.restapi.openapi import ROOMS, encoded

Json = Mapping[str, Any]

METHODS = {"get", "post", "delete", "put", "patch"}
REFERENCE = "#/components/schemas/"
ERROR = f"{REFERENCE}error"
LOGGER = logging.getLogger(__name__)


class Described:
    """The API as its own document describes it."""

    def __init__(self, document: Json) -> None:
        self._schemas = document["components"]["schemas"]
        self.operations = {
            f"{method.upper()} {path.replace('{', '<').replace('}', '>')}": operation
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
            if method in METHODS
        }

    def follow(self, schema: Json) -> Json:
        """The schema itself, where this one only refers to it; others are merged."""
        found = dict(schema)
        reference = found.pop("$ref", None)
        if reference is not None:
            found = {**self.follow(self._schemas[reference[len(REFERENCE) :]]), **found}
        for part in found.pop("allOf", []):
            whole = self.follow(part)
            own = found.get("properties", {})
            found["properties"] = {**whole.get("properties", {}), **own}
            found["required"] = [*whole.get("required", []), *found.get("required", [])]
        return found

    def taken(self, operation: Json) -> Iterator[tuple[str, str]]:
        """What a request may have: its name and what it is."""
        for parameter in operation["parameters"]:
            where = {"query": "?", "header": "header "}.get(parameter["in"], "")
            text = f"{where}{parameter['name']}"
            yield (
                f"``{text}``",
                f"{parameter['description']}; {self.words(parameter['schema'])}",
            )
        content = operation.get("requestBody", {}).get("content", {})
        for body in content.values():
            yield from self.fields(body["schema"])

    def answered(self, operation: Json) -> Iterator[tuple[str, str]]:
        """The statuses and what comes with them; those of errors together."""
        errors = []
        for status, response in operation["responses"].items():
            content = response.get("content", {})
            if any(each["schema"].get("$ref") == ERROR for each in content.values()):
                errors.append(status)
                continue
            bodies = [self.body(kind, each) for kind, each in content.items()]
            yield status, "; ".join(bodies) or response["description"]
        if errors:
            yield ", ".join(errors), "an error, as above"

    def body(self, kind: str, content: Json) -> str:
        """An answer's body in words."""
        said = self.words(content["schema"])
        return said if kind == "application/json" else f"{said} (``{kind}``)"

    def fields(self, schema: Json) -> Iterator[tuple[str, str]]:
        """The properties of an object: name and words."""
        found = self.follow(schema)
        required = found.get("required", [])
        for name, each in found.get("properties", {}).items():
            must = "required; " if name in required else ""
            yield f"``{name}``", must + self.words(each)

    def words(self, schema: Json) -> str:
        """What values fit."""
        found = self.follow(schema)
        if "description" in found and found.get("type") != "object":
            return str(found["description"])
        if "enum" in found:
            return " or ".join(f"``{json.dumps(each)}``" for each in found["enum"])
        match found.get("type"):
            case "array":
                return f"list of: {self.words(found['items'])}"
            case "object":
                return self.object_words(found)
            case list() as kinds:
                return " or ".join(_kind(each) for each in kinds)
            case kind:
                return _kind(str(kind), found.get("format"))

    def object_words(self, found: Json) -> str:
        """An object by its keys; those that may be missing are in brackets."""
        required = found.get("required", [])
        keys = [
            f"``{name}``" if name in required else f"[``{name}``]"
            for name in found.get("properties", {})
        ]
        said = found.get("description", "object")
        return f"{said}: {', '.join(keys)}" if keys else str(said)


def _kind(name: str, form: str | None = None) -> str:
    return {"string": "text", "null": "null"}.get(name, name) + (
        f" ({form})" if form else ""
    )


def table(title: str, rows: Iterable[tuple[str, str]]) -> list[str]:
    """Write a table as reStructuredText; nothing for no rows."""
    lines = [
        line
        for first, second in rows
        for line in (f"   * - {first}", f"     - {second}")
    ]
    if not lines:
        return []
    head = [".. list-table::", "   :header-rows: 1", "   :widths: 26 74", ""]
    return [*head, f"   * - {title}", "     - ", *lines, ""]


class OpenAPI(SphinxDirective):
    """Shows what one endpoint takes and answers."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Give the tables, at every build anew."""
        self.env.note_reread()
        described = Described(json.loads(encoded(ROOMS)))
        name = " ".join(self.arguments[0].split())
        shown_by(self.env).setdefault(self.env.docname, set()).add(name)
        operation = described.operations.get(name)
        if operation is None:
            raise self.error(f"{name} is not served")
        lines = [
            *table("takes", described.taken(operation)),
            *table("answers", described.answered(operation)),
        ]
        return self.parse_text_to_nodes("\n".join(lines))


def shown_by(env: BuildEnvironment) -> dict[str, set[str]]:
    """The endpoints that each page shows."""
    if not hasattr(env, "openapi_shown"):
        env.openapi_shown = {}
    return env.openapi_shown


def check_all_shown(app: Sphinx, env: BuildEnvironment) -> None:
    """Warn of endpoints that no page shows."""
    described = Described(json.loads(encoded(ROOMS)))
    shown = set().union(*shown_by(env).values())
    for name in sorted(set(described.operations) - shown):
        LOGGER.warning("no page shows the endpoint %s", name)


def forget(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    """A page is read again."""
    shown_by(env).pop(docname, None)


def setup(app: Sphinx) -> dict[str, bool]:
    """Make Sphinx know all this."""
    app.add_directive("openapi", OpenAPI)
    app.connect("env-purge-doc", forget)
    app.connect("env-check-consistency", check_all_shown)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
