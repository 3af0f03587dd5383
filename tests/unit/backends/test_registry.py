"""How a backend is made from agent.yml, and what its errors name."""

from uuid import UUID

import pytest
from pyrsistent import pmap

from flocker.backends.registry import (
    LOOPBACK,
    BackendDescription,
    BackendKind,
    BadBackendConfiguration,
    UnknownBackend,
    build,
    check,
    look_up,
)
from flocker.model.ids import ClusterID
from flocker.testing.fakes.memory_block_devices import MemoryBlockDevices

CLUSTER = ClusterID(UUID("5b0aa9ee-4f11-4bd7-b30a-9f0f6a0e3a6b"))
KEYS = "endpoint, password, timeout, verify"
WHERE = "agent.yml: backends.fast"

EXAMPLE = BackendDescription(
    name="example",
    api_factory=lambda **_: MemoryBlockDevices().node("i-1"),
    required_config=frozenset({"endpoint", "password"}),
    optional_config=pmap({"timeout": 60, "verify": True}),
)


def test_known():
    """A built-in backend is found by its name, with its kind."""
    assert look_up("loopback", WHERE) is LOOPBACK
    assert LOOPBACK.kind is BackendKind.BLOCK


def test_unknown():
    """An unknown backend is an error that lists those there are."""
    with pytest.raises(UnknownBackend) as caught:
        look_up("lopback", WHERE)
    assert str(caught.value) == (
        "agent.yml: backends.fast.backend: there is no 'lopback', only: loopback"
    )


def test_defaults():
    """What is not configured has its default."""
    config = {"endpoint": "e", "password": "p", "timeout": 5}
    assert check(EXAMPLE, config, WHERE) == {**config, "verify": True}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"endpoint": None}, "endpoint: should be a text, not NoneType"),
        ({"password": 1234}, "password: should be a text, not a whole number"),
        ({"timeout": "60"}, "timeout: should be a whole number, not a text"),
        ({"timeout": True}, "timeout: should be a whole number, not true or false"),
        (
            {"time_out": 60},
            f"time_out: example has no such key; it has: {KEYS}",
        ),
    ],
)
def test_wrong(change, words):
    """A wrong key is named; its value, which may be secret, is not."""
    config = {"endpoint": "e", "password": "p", **change}
    with pytest.raises(BadBackendConfiguration) as caught:
        check(EXAMPLE, config, WHERE)
    assert str(caught.value) == f"{WHERE}.{words}"


def test_missing():
    """A missing key is named."""
    with pytest.raises(BadBackendConfiguration) as caught:
        check(EXAMPLE, {"endpoint": "e"}, WHERE)
    assert str(caught.value) == f"{WHERE}.password: is missing; example needs it"


def test_built(tmp_path):
    """A backend is made with its configuration, for this cluster."""
    config = {"root_path": str(tmp_path), "compute_instance_id": "a"}
    api = build("loopback", config, CLUSTER, WHERE)
    assert api.compute_instance_id() == "a"
    assert (tmp_path / str(CLUSTER) / "format.json").exists()
