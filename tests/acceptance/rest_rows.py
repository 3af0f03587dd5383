"""What a row of the REST API's result tables is made of.

`$name` in a row stands for something of the cluster: see `test_rest_tables`.
"""

from collections.abc import Callable, Mapping
from string import Template
from typing import Any

from attrs import frozen

DATASETS = "/configuration/datasets"
LEASES = "/configuration/leases"
CONFIGURED = {"dataset_id", "primary", "deleted", "metadata"}
SIZED = CONFIGURED | {"maximum_size"}
LEASE = {"dataset_id", "node_uuid", "expires"}
ERROR = {"description"}
VIOLATION = {"description", "errors"}
NOWHERE = "00000000-0000-4000-8000-00000000dead"
STALE = ("X-If-Configuration-Matches", "0" * 32)

Check = Callable[[Any, Mapping[str, str]], bool]


@frozen
class Row:
    """A request, and what is specified to come back.

    `keys` are those of the answer, or of every element of its list; an answer may have
    more keys only where `more` allows them.
    """

    name: str
    method: str
    path: str
    code: int
    keys: set[str]
    body: object = None
    headers: tuple[tuple[str, str], ...] = ()
    more: frozenset[str] = frozenset()
    check: Check = lambda body, places: True


def equal(**wanted: object) -> Check:
    """The answer has these values; `$name` is of the cluster."""

    def check(body: Any, places: Mapping[str, str]) -> bool:
        expected = {
            key: Template(value).substitute(places) if isinstance(value, str) else value
            for key, value in wanted.items()
        }
        return {key: body[key] for key in expected} == expected

    return check


def says(words: str) -> Check:
    """The description has these words."""
    return lambda body, _: words in body["description"]


def lower(body: Any, places: Mapping[str, str]) -> bool:
    """An id given in capitals comes back in lower case."""
    return body["dataset_id"] == places["mine"].lower()


def has(**wanted: object) -> Check:
    """One element of the list is exactly this; `...` is any value."""

    def check(body: Any, places: Mapping[str, str]) -> bool:
        filled = {
            key: Template(value).substitute(places) if isinstance(value, str) else value
            for key, value in wanted.items()
        }
        return any(
            each.keys() == filled.keys()
            and all(v is ... or each[k] == v for k, v in filled.items())
            for each in body
        )

    return check


def is_text(key: str) -> Check:
    """The value is a text."""
    return lambda body, _: isinstance(body[key], str)


def lacks(dataset: str) -> Check:
    """No element of the list is about this dataset."""
    return lambda body, places: all(
        each["dataset_id"] != places[dataset] for each in body
    )
