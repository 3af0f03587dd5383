"""agent.yml is understood, or refused with file, key and reason."""

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from flocker.model.datasets import DEFAULT_BACKEND
from flocker.model.ids import BackendName
from flocker.model.sizes import MEBIBYTE
from flocker.wire.agent_yaml import (
    AGENT_PORT,
    AgentConfig,
    BackendConfig,
    BadAgentFile,
    MetricsConfig,
    TransferConfig,
    parse,
)

FILE = "/etc/flocker/agent.yml"

PLAIN = {
    "version": 1,
    "control-service": {"hostname": "control.example.com"},
    "dataset": {"backend": "loopback", "root_path": "/var/lib/flocker/loopback"},
}

yaml_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=2)
    ),
    max_leaves=4,
)


def read(**changed: object) -> AgentConfig:
    """Parse the plain file with some keys changed; None takes a key away."""
    keys = {name.replace("_", "-"): value for name, value in changed.items()}
    root = {**PLAIN, **keys}
    left = {name: value for name, value in root.items() if value is not None}
    return parse(yaml.safe_dump(left), FILE)


def fault(**changed: object) -> tuple[str, str]:
    """The key and the reason for which the changed file is refused."""
    with pytest.raises(BadAgentFile) as caught:
        read(**changed)
    assert caught.value.file == FILE
    return caught.value.key, caught.value.why


def test_plain_file():
    """One host, the port of Flocker 1.15, and one backend with its own keys."""
    assert read() == AgentConfig(
        hosts=("control.example.com",),
        port=AGENT_PORT,
        backends=(
            BackendConfig(
                name=DEFAULT_BACKEND,
                driver="loopback",
                keys={"root_path": "/var/lib/flocker/loopback"},
                where=f"{FILE}: dataset",
            ),
        ),
    )


def test_several_hosts():
    """Control may stand at several addresses, tried in their order."""
    config = read(control_service={"hostname": ["10.0.0.1", "b"], "port": 4525})
    assert (config.hosts, config.port) == (("10.0.0.1", "b"), 4525)


def test_several_backends():
    """Backends with names stand beside the one of `dataset`."""
    config = read(
        backends={"fast": {"backend": "ebs", "zone": "a"}, "slow": {"backend": "nfs"}}
    )
    assert [(b.name, b.driver, b.where) for b in config.backends] == [
        (DEFAULT_BACKEND, "loopback", f"{FILE}: dataset"),
        (BackendName("fast"), "ebs", f"{FILE}: backends.fast"),
        (BackendName("slow"), "nfs", f"{FILE}: backends.slow"),
    ]


def test_named_backends_alone():
    """`dataset` may be left out where `backends` is there."""
    config = read(dataset=None, backends={"default": {"backend": "ebs"}})
    assert [backend.name for backend in config.backends] == [DEFAULT_BACKEND]


def test_logging_is_passed_on():
    """What `logging` says is for whoever sets logging up."""
    assert read(logging={"version": 1}).logging == {"version": 1}


def test_unknown_keys_are_ignored():
    """As they always were: files have keys for other programs."""
    more = {"hostname": "control.example.com", "more": 1}
    assert read(more=2, control_service=more) == read()


@pytest.mark.parametrize(
    ("changed", "key", "why"),
    [
        ({"version": None}, "version", "is missing"),
        ({"version": 2}, "version", "must be 1, not 2"),
        ({"version": True}, "version", "must be 1, not True"),
        ({"version": "1"}, "version", "must be 1, not '1'"),
        ({"control_service": None}, "control-service", "is missing"),
        (
            {"control_service": ["a"]},
            "control-service",
            "must be a mapping with names for keys",
        ),
        ({"control_service": {}}, "control-service.hostname", "is missing"),
        (
            {"control_service": {"hostname": []}},
            "control-service.hostname",
            "is an empty list",
        ),
        (
            {"control_service": {"hostname": "a b"}},
            "control-service.hostname",
            "'a b' is neither a host name nor an IPv4 address",
        ),
        (
            {"control_service": {"hostname": ["a", 7]}},
            "control-service.hostname",
            "7 is neither a host name nor an IPv4 address",
        ),
        (
            {"control_service": {"hostname": "a", "port": 0}},
            "control-service.port",
            "must be a port number, not 0",
        ),
        (
            {"control_service": {"hostname": "a", "port": 65536}},
            "control-service.port",
            "must be a port number, not 65536",
        ),
        (
            {"control_service": {"hostname": "a", "port": True}},
            "control-service.port",
            "must be a port number, not True",
        ),
        ({"dataset": None}, "dataset", "is missing; so is backends"),
        ({"dataset": {}}, "dataset.backend", "is missing"),
        ({"dataset": {"backend": 7}}, "dataset.backend", "must be a name, not 7"),
        ({"dataset": "ebs"}, "dataset", "must be a mapping with names for keys"),
        (
            {"backends": {"a/b": {"backend": "ebs"}}},
            "backends.a/b",
            "is no name for a backend",
        ),
        ({"backends": {"fast": {}}}, "backends.fast.backend", "is missing"),
        (
            {"backends": {"default": {"backend": "ebs"}}},
            "backends.default",
            "the backend of dataset: is called default already",
        ),
        ({"logging": 3}, "logging", "must be a mapping with names for keys"),
    ],
)
def test_faults(changed, key, why):
    """Each fault is told with its key."""
    assert fault(**changed) == (key, why)


def test_fault_in_words():
    """An operator reads the file, the key and the reason."""
    with pytest.raises(BadAgentFile) as caught:
        read(version=3)
    assert str(caught.value) == "/etc/flocker/agent.yml: version: must be 1, not 3"


def test_empty_file():
    """An empty file has no key to blame."""
    with pytest.raises(BadAgentFile) as caught:
        parse("", FILE)
    assert str(caught.value) == f"{FILE}: must be a mapping with names for keys"


@given(st.text(max_size=40))
@example("a: [")
@example("a: 2020-13-45")
@example('a: !!int "x"')
@example('a: !!float ""')
@example('a: !!timestamp "x"')
@example('a: !!bool "x"')
@example("a: 0x_")
@example("? [a]\n: b")
@example("[" * 1_000)
@example("a: &a [*a]")
@example("a: !!python/object:os.system {}")
@example("\x00")
def test_garbage(text):
    """Whatever is in the file, there is one kind of error, in one line."""
    with pytest.raises(BadAgentFile) as caught:
        parse(text, FILE)
    assert "\n" not in str(caught.value)


@given(
    st.sampled_from(["version", "control-service", "dataset", "backends", "logging"]),
    yaml_values,
)
def test_anything_in_a_place(key, value):
    """A key may hold anything that YAML has: it is understood or refused."""
    try:
        config = parse(yaml.safe_dump({**PLAIN, key: value}), FILE)
    except BadAgentFile:
        return
    assert isinstance(config, AgentConfig)


def test_metrics():
    """Numbers are served where the file says, on this machine only if not told more."""
    assert read().metrics is None
    assert read(metrics={"port": 9100}).metrics == MetricsConfig(9100, "127.0.0.1")
    wide = read(metrics={"port": 9100, "interface": "10.0.0.7"})
    assert wide.metrics == MetricsConfig(9100, "10.0.0.7")


@pytest.mark.parametrize(
    ("given", "key"),
    [
        (9100, "metrics"),
        ({}, "metrics.port"),
        ({"port": "9100"}, "metrics.port"),
        ({"port": 0}, "metrics.port"),
        ({"port": 70000}, "metrics.port"),
        ({"port": 9100, "interface": "localhost"}, "metrics.interface"),
        ({"port": 9100, "interface": 7}, "metrics.interface"),
        ({"port": 9100, "prot": 1}, "metrics.prot"),
    ],
)
def test_bad_metrics(given, key):
    """What is no port or no address is refused by its key."""
    assert fault(metrics=given)[0] == key


def test_transfer() -> None:
    """Where snapshots are taken, and how fast they are sent."""
    assert read().transfer == TransferConfig(4525, None, None)
    given = {"port": 7, "interface": "10.0.0.1", "rate": "100M", "compress": "zstd"}
    found = read(transfer=given).transfer
    assert found == TransferConfig(7, "10.0.0.1", 100 * MEBIBYTE, "zstd")


@pytest.mark.parametrize(
    ("given", "key", "why"),
    [
        ({"port": 0}, "transfer.port", "must be a port number, not 0"),
        ({"interface": "here"}, "transfer.interface", "must be an IPv4 address"),
        ({"rate": "fast"}, "transfer.rate", "'fast' is not a size"),
        ({"speed": "1M"}, "transfer.speed", "is no key; compress, interface, port,"),
        ({"compress": "gzip"}, "transfer.compress", "must be zstd, or left out"),
        (7, "transfer", "must be a mapping"),
    ],
)
def test_bad_transfer(given: object, key: str, why: str) -> None:
    """What is wrong is named with its key."""
    found, said = fault(transfer=given)
    assert found == key
    assert said.startswith(why)
