"""Tests of flockerctl's commands about nodes, against the REST API."""

import json
from collections.abc import Callable

from click.testing import Result

from flocker.model.ids import DatasetID

Run = Callable[..., Result]


def test_node_list_is_list_nodes(run: Run) -> None:
    """Both names list the same."""
    assert run("node", "list").stdout == run("list-nodes").stdout


def test_show(run: Run, dataset: DatasetID) -> None:
    """A node is shown with its backends and the datasets that are to be there."""
    lines = run("node", "show", "10.0.0.1").stdout.splitlines()
    assert lines[0].startswith("Node aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa at 10.0.0.1")
    assert lines[3] == (
        "Backend default is memory (block), which does not know this machine."
    )
    assert lines[-1].split()[0] == str(dataset)[:8]


def test_show_without_datasets(run: Run, dataset: DatasetID) -> None:
    """Datasets of other nodes are not shown."""
    assert str(dataset)[:8] not in run("node", "show", "bb").stdout


def test_show_json(run: Run, dataset: DatasetID) -> None:
    """JSON has the node's keys, and its datasets."""
    found = json.loads(run("node", "show", "a", "-o", "json").stdout)
    assert found["host"] == "10.0.0.1"
    assert [each["dataset_id"] for each in found["datasets"]] == [str(dataset)]


def test_show_unknown(run: Run) -> None:
    """A node that is not there has its own status."""
    assert run("node", "show", "c").exit_code == 4
