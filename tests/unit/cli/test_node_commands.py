"""Tests of flockerctl's commands about nodes, against the REST API."""

import json
from collections.abc import Callable
from uuid import UUID

from click.testing import Result

from flocker.model.ids import DatasetID, NodeID
from flocker.testing.fakes.memory_control import MemoryControl

Run = Callable[..., Result]

NODE = NodeID(UUID("aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"))


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


def test_labels(run: Run) -> None:
    """Labels are set, and KEY- takes one away."""
    assert run("node", "label", "a", "rack=a", "disk=ssd").exit_code == 0
    found = json.loads(run("node", "label", "a", "disk-", "-o", "json").stdout)
    assert found["labels"] == {"rack": "a"}
    assert run("node", "label", "a", "rack").exit_code == 2


def test_cordon(run: Run) -> None:
    """A cordoned node is listed as such until it is not."""
    run("node", "cordon", "a")
    assert "connected, cordoned" in run("node", "list").stdout
    run("node", "uncordon", "a")
    assert "cordoned" not in run("node", "list").stdout


def test_dead_unchecked(run: Run, control: MemoryControl) -> None:
    """Who has not looked is told what to look at, and nothing is marked."""
    control.disconnected(NODE)
    result = run("node", "dead", "a")
    assert result.exit_code == 2
    assert "powered off" in result.stderr
    assert json.loads(run("node", "show", "a", "-o", "json").stdout)["dead"] is None


def test_dead_and_alive(run: Run, control: MemoryControl) -> None:
    """A dead node is shown with the reason; alive takes it back."""
    control.disconnected(NODE)
    assert run("node", "dead", "a", "--i-have-checked", "--why", "burnt").exit_code == 0
    assert "dead" in run("node", "list").stdout
    assert ": burnt." in run("node", "show", "a").stdout
    run("node", "alive", "a")
    assert "dead" not in run("node", "list").stdout


def test_forget(run: Run, control: MemoryControl) -> None:
    """A node is forgotten once it is not connected."""
    assert run("node", "forget", "a").exit_code == 5
    control.disconnected(NODE)
    assert run("node", "forget", "a").exit_code == 0
    assert run("node", "show", "a").exit_code == 4
