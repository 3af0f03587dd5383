"""Says an event in one line, for `flockerctl events`; pure.

What a newer server says and we do not understand is shown as it came.
"""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from flocker.cli.choosing import SHORT
from flocker.cli.explaining import Nodes, duration
from flocker.client.interface import RESET, Event
from flocker.model.holders import describe_all

KIND_WIDTH = len("configuration")
"""Columns of the longest kind."""


def tell(event: Event, nodes: Nodes, names: Mapping[str, str]) -> str:
    """Say what happened; `names` of datasets by their ids."""
    return f"{event.kind:<{KIND_WIDTH}}  {_words(event, _Known(nodes, names))}"


def name_of(value: object) -> tuple[str, str] | None:
    """Give a dataset's id and name, where an event's value tells them."""
    match value:
        case {"dataset_id": str(dataset), "name": str(name)}:
            return dataset, name
        case {"dataset_id": str(dataset), "value": {"metadata": {"name": str(name)}}}:
            return dataset, name
        case _:
            return None


class _Known:
    """How things are called."""

    def __init__(self, nodes: Nodes, names: Mapping[str, str]) -> None:
        self._hosts = {str(node): found.host for node, found in nodes.items()}
        self._names = names

    def dataset(self, dataset: str) -> str:
        """Name a dataset."""
        name = self._names.get(dataset)
        return dataset[:SHORT] + (f" ({name})" if name else "")

    def node(self, node: str) -> str:
        """Name a node."""
        host = self._hosts.get(node)
        return f"node {node[:SHORT]}" + (f" ({host})" if host else "")


def _configuration(value: Any, known: _Known) -> str:  # noqa: ANN401 - JSON
    dataset, wanted = known.dataset(value["dataset_id"]), value["value"]
    if wanted is None:
        return f"{dataset} is forgotten"
    if wanted["deleted"]:
        return f"{dataset} is to be destroyed"
    return f"{dataset} is wanted on {known.node(wanted['primary'])}"


def _lease(value: Any, known: _Known) -> str:  # noqa: ANN401 - JSON
    dataset, lease = known.dataset(value["dataset_id"]), value["value"]
    if lease is None:
        return f"{dataset} is not leased any more"
    holders = describe_all(each["holder"] for each in lease["holders"])
    expires = lease["expires"]
    until = "" if expires is None else f" for {duration(max(0.0, expires))}"
    return (
        f"{dataset} is leased to {known.node(lease['node_uuid'])} by {holders}{until}"
    )


def _snapshot(value: Any, known: _Known) -> str:  # noqa: ANN401 - JSON
    dataset, wanted = known.dataset(value["dataset_id"]), value["value"]
    which = f"snapshot {value['snapshot']} of {dataset}"
    if wanted is None:
        return f"{which} is gone"
    if wanted["deleted"]:
        return f"{which} is to be deleted"
    return f"{which} is {'wanted' if wanted['taken'] is None else 'taken'}"


def _status(value: Any, known: _Known) -> str:  # noqa: ANN401 - JSON
    where = "" if value["node"] is None else f" on {known.node(value['node'])}"
    because = f": {value['cause']['words']}" if value["cause"] else ""
    dataset = known.dataset(value["dataset_id"])
    return f"{dataset} is {value['phase']}{where}{because}"


def _node(value: Any, known: _Known) -> str:  # noqa: ANN401 - JSON
    if value["refused"]:
        return f"an agent of {known.node(value['uuid'])} is refused: {value['refused']}"
    contact = "connected" if value["connected"] else "not connected"
    return f"{known.node(value['uuid'])} is {contact}"


def _reset(_value: Any, _known: _Known) -> str:  # noqa: ANN401 - JSON
    return "what happened before may be missing here"


_TELLERS: Mapping[str, Callable[[Any, _Known], str]] = {
    "configuration": _configuration,
    "lease": _lease,
    "node": _node,
    "snapshot": _snapshot,
    "status": _status,
    RESET: _reset,
}


def _words(event: Event, known: _Known) -> str:
    teller = _TELLERS.get(event.kind)
    if teller is not None:
        with suppress(LookupError, TypeError, AttributeError):
            return teller(event.value, known)
    return json.dumps(event.value, ensure_ascii=False)
