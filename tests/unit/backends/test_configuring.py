"""The keys of a backend: those wanted, those given, and what errors name."""

import pytest
from pyrsistent import pmap

from flocker.backends.block_interface import UnknownInstanceID
from flocker.backends.configuring import (
    BadBackendConfiguration,
    DriverFailed,
    check,
    make,
)
from flocker.backends.description import BackendDescription
from flocker.testing.fakes.memory_block_devices import MemoryBlockDevices

KEYS = "it has: endpoint, password, timeout, verify"
WHERE = "agent.yml: backends.fast"

EXAMPLE = BackendDescription(
    name="example",
    api_factory=lambda **_: MemoryBlockDevices().node("i-1"),
    required_config=frozenset({"endpoint", "password"}),
    optional_config=pmap({"timeout": 60, "verify": True}),
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
            f"time_out: example has no such key (did you mean timeout?); {KEYS}",
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


# Drivers whose factory alone knows the keys


def listing(endpoint, port=443, *, cluster_id=None):
    return endpoint, port, cluster_id


def indexing(cluster_id=None, **kwargs):
    return kwargs["endpoint"]


def failing(**kwargs):
    raise TypeError(f"cannot use {kwargs}")


def refusing(**_):
    raise UnknownInstanceID("the metadata service is silent")


def deep(**_):
    return indexing()


def old(factory) -> BackendDescription:
    return BackendDescription("old", factory, lists_keys=False)


@pytest.mark.parametrize(
    ("factory", "config", "words"),
    [
        (
            listing,
            {"endpoint": "e", "prot": 1},
            ".prot: old has no such key (did you mean port?); it has: endpoint, port",
        ),
        (listing, {"port": 1}, ".endpoint: is missing; old needs it"),
        (indexing, {"port": 1}, ".endpoint: is missing; old needs it"),
        (
            indexing,
            {"cluster_id": "c"},
            ".cluster_id: is given by Flocker itself",
        ),
    ],
)
def test_factory_tells(factory, config, words):
    """A factory's parameters, and what it looks for in them, tell which keys it has."""
    description = old(factory)
    with pytest.raises(BadBackendConfiguration) as caught:
        make(description, check(description, config, WHERE), WHERE)
    assert str(caught.value) == f"{WHERE}{words}"


def test_any_keys():
    """What a factory takes is given to it, whatever its type."""
    config = {"endpoint": {"host": "h"}, "port": 1}
    assert make(old(listing), config, WHERE) == ({"host": "h"}, 1, None)
    assert make(old(indexing), config, WHERE) == {"host": "h"}


@pytest.mark.parametrize(
    "secret", ["s3cret", {"key": "s3cret"}, ["s3cret"], {"keys": [{"a": "s3cret"}]}]
)
def test_no_values(secret):
    """No text of the configuration is shown, however deep it lies."""
    with pytest.raises(DriverFailed) as caught:
        make(old(failing), {"password": secret, "empty": ""}, WHERE)
    assert "TypeError: cannot use" in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_deeper_key():
    """A KeyError from below the factory is not taken for a missing key."""
    with pytest.raises(DriverFailed, match="KeyError: 'endpoint'"):
        make(old(deep), {}, WHERE)


def test_own_errors():
    """What a driver says in our words is left as it is."""
    with pytest.raises(UnknownInstanceID):
        make(old(refusing), {}, WHERE)


def test_without_parameters():
    """A factory that does not list its parameters is simply called."""
    assert make(old(dict), {"a": 1}, WHERE) == {"a": 1}
