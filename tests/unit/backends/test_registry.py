"""What the name of a backend in agent.yml means, and how it is made."""

from uuid import UUID

import pytest

from flocker.backends.block_interface import ICloudAPI
from flocker.backends.configuring import BadBackendConfiguration, DriverFailed
from flocker.backends.description import BackendKind
from flocker.backends.finding import GROUP, UnknownBackend
from flocker.backends.foreign import NotADriver
from flocker.backends.registry import (
    DROPPED,
    LATER,
    LOOPBACK,
    BackendRefused,
    build,
    look_up,
)
from flocker.model.ids import ClusterID

CLUSTER = ClusterID(UUID("5b0aa9ee-4f11-4bd7-b30a-9f0f6a0e3a6b"))
WHERE = "agent.yml: backends.fast"

OLD_DRIVER = """
from collections import namedtuple
from flocker.testing.fakes.memory_block_devices import MemoryBlockDevices

Description = namedtuple(
    "Description",
    "name needs_reactor needs_cluster_id api_factory required_config deployer_type",
)
service = MemoryBlockDevices()

class Driver:
    def __init__(self, node):
        self._node = node
    def __getattr__(self, name):
        return getattr(self._node, name)

def api_factory(cluster_id, reactor, **kwargs):
    assert (cluster_id.version, reactor) == (4, "the reactor")
    kind = kwargs["kind"]
    if kind == "broken":
        raise ValueError("cannot log in with " + kwargs["password"])
    return object() if kind == "no driver" else Driver(service.cloud_node("i-1"))

FLOCKER_BACKEND = Description(
    "old", True, True, api_factory, {"password"}, "block"
)
"""


@pytest.fixture
def _old_driver(tmp_path, monkeypatch):
    (tmp_path / "old_flocker_driver.py").write_text(OLD_DRIVER)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    monkeypatch.delitem(__import__("sys").modules, "old_flocker_driver", raising=False)


def built(**config: object):
    return build("old_flocker_driver", config, CLUSTER, WHERE, "the reactor")


def test_known():
    """A built-in backend is found by its name, with its kind."""
    assert look_up("loopback", WHERE) is LOOPBACK
    assert LOOPBACK.kind is BackendKind.BLOCK


def test_unknown():
    """An unknown backend is an error that lists those there are."""
    with pytest.raises(UnknownBackend) as caught:
        look_up("lopback", WHERE)
    assert str(caught.value) == (
        "agent.yml: backends.fast.backend: there is no 'lopback' (did you mean"
        " loopback?), only: btrfs, directory, loopback, zfs; and no Python module has"
        " that name"
    )


@pytest.mark.parametrize("name", sorted({*LATER, *DROPPED}))
def test_refused(name):
    """The first Flocker's backends that are not built are refused with a sentence."""
    with pytest.raises(BackendRefused) as caught:
        look_up(name, WHERE)
    why = DROPPED.get(name, "it comes with a later one")
    assert str(caught.value) == (
        f"{WHERE}.backend: there is no {name} in this version: {why}"
    )


def test_installed_comes_first(tmp_path, monkeypatch):
    """An installed package may bring what is not built in, never what is."""
    package = tmp_path / "extra-1.dist-info"
    package.mkdir()
    (package / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: extra\nVersion: 1\n"
    )
    names = ["aws", "loopback"]
    points = "".join(f"{name} = fast_driver:FLOCKER_BACKEND\n" for name in names)
    (package / "entry_points.txt").write_text(f"[{GROUP}]\n{points}")
    (tmp_path / "fast_driver.py").write_text(
        "from flocker.backends.description import BackendDescription\n"
        "FLOCKER_BACKEND = BackendDescription('fast', dict)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert look_up("aws", WHERE).name == "fast"
    assert look_up("loopback", WHERE) is LOOPBACK


def test_built(tmp_path):
    """A backend is made with its configuration, for this cluster."""
    config = {"root_path": str(tmp_path), "compute_instance_id": "a"}
    api = build("loopback", config, CLUSTER, WHERE)
    assert api.compute_instance_id() == "a"
    assert (tmp_path / str(CLUSTER) / "format.json").exists()


@pytest.mark.usefixtures("_old_driver")
def test_old_driver():
    """A driver of the first Flocker's kind is made and gets all that it needs."""
    config = {"kind": "good", "password": "secret"}
    api = built(**config)
    assert api.compute_instance_id() == "i-1"
    assert list(ICloudAPI(api).list_live_nodes()) == ["i-1"]


@pytest.mark.parametrize(
    ("config", "error", "words"),
    [
        ({}, BadBackendConfiguration, ".password: is missing; old needs it"),
        (
            {"password": "secret"},
            BadBackendConfiguration,
            ".kind: is missing; old needs it",
        ),
        (
            {"password": "secret", "reactor": 1},
            BadBackendConfiguration,
            ".reactor: is given by Flocker itself",
        ),
        (
            {"password": "secret", "kind": "broken"},
            DriverFailed,
            ": old could not be made: ValueError: cannot log in with ***",
        ),
        (
            {"password": "secret", "kind": "no driver"},
            NotADriver,
            (
                ": what old made is no driver: it lacks allocation_unit, attach_volume,"
                " compute_instance_id, create_volume, destroy_volume, detach_volume,"
                " get_device_path, list_volumes"
            ),
        ),
    ],
)
@pytest.mark.usefixtures("_old_driver")
def test_old_driver_fails(config, error, words):
    """What is wrong with a driver or its keys is named, and no value is shown."""
    with pytest.raises(error) as caught:
        built(**config)
    assert str(caught.value) == f"{WHERE}{words}"
