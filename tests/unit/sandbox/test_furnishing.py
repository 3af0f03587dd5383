"""The disks of a new sandbox."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from flocker.ca.credentials import cluster_id, node_id
from flocker.ca.files import load_credential
from flocker.ca.services import load_service_directory
from flocker.sandbox.furnishing import agent_settings, furnish, furnish_engines
from flocker.sandbox.layout import Layout
from flocker.sandbox.names import CONTROL, SandboxName, node_name

NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A furnished sandbox of two nodes."""
    layout = Layout(SandboxName("s"), tmp_path / "state", tmp_path / "data")
    furnish(layout, 2, NOW)
    return layout


def test_agent_settings(layout: Layout) -> None:
    """A node's agent.yml names control, the shared directory and the node itself."""
    assert yaml.safe_load(agent_settings(layout, node_name(2))) == {
        "version": 1,
        "control-service": {"hostname": "10.77.0.1", "port": 4524},
        "dataset": {
            "backend": "loopback",
            "root_path": str(layout.volumes),
            "compute_instance_id": "node-2",
        },
    }


def test_pool_settings(tmp_path: Path) -> None:
    """A node with a pool of its own has it in its agent.yml, and a place for it."""
    layout = Layout(SandboxName("s"), tmp_path / "state", tmp_path / "pools")
    furnish(layout, 2, NOW, "directory")
    for node in (node_name(1), node_name(2)):
        settings = yaml.safe_load((layout.machine(node) / "agent.yml").read_text())
        place = layout.machine(node) / "pool"
        assert settings["dataset"] == {"backend": "directory", "root_path": str(place)}
        assert list(place.iterdir()) == []


def test_engine_settings(layout: Layout) -> None:
    """A node's Docker keeps its data, groups and networks apart from all others."""
    furnish_engines(layout, 2)
    one, two = (
        json.loads(layout.engine_settings(node_name(number)).read_text())
        for number in (1, 2)
    )
    for apart in ("data-root", "cgroup-parent", "bip"):
        assert one[apart] != two[apart]
    assert one["data-root"] == str(layout.machine(node_name(1)) / "docker")


def test_certificates_fit(layout: Layout) -> None:
    """All certificates can serve where they lie, in one cluster."""
    places = [
        (layout.machine(CONTROL), "control-service"),
        (layout.machine(node_name(1)), "node"),
        (layout.machine(node_name(1)), "plugin"),
        (layout.machine(node_name(2)), "node"),
        (layout.machine(node_name(2)), "plugin"),
        (layout.client, "user"),
    ]
    loaded = [load_service_directory(d, name, now=NOW) for d, name in places]
    assert len({cluster_id(one.own.certificate) for one in loaded}) == 1


def test_nodes_differ(layout: Layout) -> None:
    """Each node is a node of its own."""
    nodes = [node_name(1), node_name(2)]
    ids = {node_id(load_credential(layout.machine(node), "node")) for node in nodes}
    assert len(ids) == 2
