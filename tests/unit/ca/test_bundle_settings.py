"""agent.yml and cluster.yml of a bundle, as those who read them understand them."""

import pytest
import yaml
from pyrsistent import pmap

from flocker.ca.bundle_settings import (
    BadOption,
    Storage,
    agent_yml,
    cluster_yml,
    parse_options,
)
from flocker.wire.agent_yaml import BadAgentFile, parse


def test_agents_understand_it() -> None:
    """Hosts, port, backend and keys come out as they went in."""
    keys = pmap({"pool": "tank", "port": 443, "secret": "12345", "a": ["ü", None]})
    config = parse(agent_yml(["a.example", "10.0.0.1"], Storage("zfs", keys)), "f")
    assert (config.hosts, config.port) == (("a.example", "10.0.0.1"), 4524)
    (backend,) = config.backends
    assert (backend.driver, backend.keys) == ("zfs", keys)


def test_one_host_is_a_text() -> None:
    """An agent of the first Flocker, too, reads a file with one host."""
    root = yaml.safe_load(agent_yml(["a.example"], Storage()))
    assert root["control-service"]["hostname"] == "a.example"


def test_loopback_is_commented() -> None:
    """The default works as it is, and says that it is for trials only."""
    text = agent_yml(["a.example"], Storage())
    assert parse(text, "f").backends[0].driver == "loopback"
    assert "# loopback keeps volumes in files" in text
    assert "# loopback" not in agent_yml(["a.example"], Storage("zfs"))


def test_agents_refusal_is_ours() -> None:
    """A host that agents would refuse is refused before anything is made."""
    with pytest.raises(BadAgentFile):
        agent_yml(["fd00::1"], Storage())


@pytest.mark.parametrize(
    ("option", "key", "value"),
    [
        ("pool=tank", "pool", "tank"),
        ("port=443", "port", 443),
        ("ssl=true", "ssl", True),
        ("ssl='true'", "ssl", "true"),
        ("password=a=b", "password", "a=b"),
        ("hosts=[a, b]", "hosts", ["a", "b"]),
    ],
)
def test_options(option: str, key: str, value: object) -> None:
    """A value is what it would be in YAML, after the first equals sign."""
    assert parse_options([option]) == pmap({key: value})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["pool"], "the backend option 'pool' is not KEY=VALUE"),
        (["=tank"], "the backend option '' is not KEY=VALUE"),
        (["a=1", "a=2"], "the backend option 'a' is there twice"),
        (["a={"], "the backend option 'a' has a value that is not YAML"),
        (
            ["backend=zfs"],
            "the backend option 'backend' names no key of a backend: say --backend",
        ),
    ],
    ids=repr,
)
def test_bad_options(options: list[str], words: str) -> None:
    """What cannot be a key is told by its name, never with its value."""
    with pytest.raises(BadOption) as raised:
        parse_options(options)
    assert str(raised.value) == words


def test_secrets_stay_out_of_sight() -> None:
    """A backend's keys are not shown where values are printed."""
    assert "hunter2" not in repr(Storage("zfs", pmap({"password": "hunter2"})))


def test_cluster_yml() -> None:
    """Flockerctl finds control and the user's file in it."""
    assert yaml.safe_load(cluster_yml("mine", ["a.example", "10.0.0.1"])) == {
        "cluster_name": "mine",
        "control_node": "a.example,10.0.0.1",
        "users": ["user"],
    }
