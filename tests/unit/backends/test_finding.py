"""Drivers that are not built in: how they are found, and each way not to be one."""

import sys
from enum import Enum
from types import SimpleNamespace

import pytest

from flocker.backends.description import BackendDescription
from flocker.backends.finding import (
    DriverNotImported,
    NoDescription,
    NotADescription,
    UnknownBackend,
    describe,
    did_you_mean,
    from_module,
)

WHERE = "agent.yml: dataset"


class DeployerType(Enum):
    """As the first Flocker's, whose constants have names too."""

    block = 1
    p2p = 2


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Make a module `vendor.driver` with some content."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "vendor").mkdir()
    (tmp_path / "vendor" / "__init__.py").write_text("")

    def write(content: str) -> None:
        (tmp_path / "vendor" / "driver.py").write_text(content)

    yield write
    for name in ("vendor", "vendor.driver"):
        sys.modules.pop(name, None)


def test_our_description(module):
    """A module's description is taken as it is."""
    module(
        "from flocker.backends.description import BackendDescription\n"
        "FLOCKER_BACKEND = BackendDescription('ours', dict)\n"
    )
    assert from_module("vendor.driver", WHERE) == BackendDescription("ours", dict)


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        ("", NoDescription, "module vendor.driver has no FLOCKER_BACKEND"),
        (
            "FLOCKER_BACKEND = {}",
            NotADescription,
            (
                "FLOCKER_BACKEND of module vendor.driver is no BackendDescription but"
                " of type dict, without an api_factory"
            ),
        ),
        (
            "import bitmath_of_old",
            DriverNotImported,
            (
                "module vendor.driver cannot be imported: ModuleNotFoundError: No"
                " module named 'bitmath_of_old'"
            ),
        ),
        (
            "from flocker.node.agents.blockdevice import IBlockDeviceAPI",
            DriverNotImported,
            (
                "module vendor.driver cannot be imported: it needs flocker.node of the"
                " first Flocker, which is no more"
            ),
        ),
        (
            "raise RuntimeError('no licence')",
            DriverNotImported,
            "module vendor.driver cannot be imported: RuntimeError: no licence",
        ),
    ],
)
def test_failures_are_distinct(module, content, error, words):
    """Each way in which a module is no driver has its own sentence."""
    module(content)
    with pytest.raises(error) as caught:
        from_module("vendor.driver", WHERE)
    assert str(caught.value) == f"{WHERE}.backend: {words}"


def test_python_2(module):
    """A driver that was never made Python 3 is told to be that."""
    module("print 'hello'")
    with pytest.raises(DriverNotImported, match="it is not Python 3"):
        from_module("vendor.driver", WHERE)


@pytest.mark.parametrize(
    "name", ["vendor.drivr", "nowhere.driver", "no-name", ".driver", "", "a..b", "a b"]
)
@pytest.mark.usefixtures("module")
def test_no_module(name):
    """A name that no module has is unknown, with those that are known."""
    with pytest.raises(UnknownBackend) as caught:
        from_module(name, WHERE, ("fast", "loopback"))
    assert str(caught.value) == (
        f"{WHERE}.backend: there is no {name!r}, only: fast, loopback; and no Python"
        " module has that name"
    )


@pytest.mark.parametrize(
    ("given", "question"),
    [("lopback", " (did you mean loopback?)"), ("aws", ""), ("", "")],
)
def test_did_you_mean(given, question):
    """A misspelt word gets a question, another gets none."""
    assert did_you_mean(given, {"loopback", "zfs"}) == question


# Descriptions of the first Flocker's kind


def old(**fields: object) -> SimpleNamespace:
    return SimpleNamespace(api_factory=dict, **fields)


def test_old_description():
    """A description is known by its attributes; others of it do not matter."""
    found = old(
        name=b"ceph",
        needs_reactor=True,
        needs_cluster_id=False,
        required_config={"user_id", b"pool"},
        deployer_type=DeployerType.block,
        features_of_another_version=[],
    )
    assert describe(found, "it", WHERE) == BackendDescription(
        name="ceph",
        api_factory=dict,
        needs_cluster_id=False,
        needs_reactor=True,
        required_config=frozenset({"user_id", "pool"}),
        lists_keys=False,
    )


def test_least_description():
    """A factory is all that a description must have."""
    assert describe(old(), "a driver", WHERE) == BackendDescription(
        name="a driver", api_factory=dict, lists_keys=False
    )


@pytest.mark.parametrize("deployer", [DeployerType.p2p, "p2p", b"p2p"])
def test_not_for_blocks(deployer):
    """A driver of filesystems that move by themselves is refused."""
    with pytest.raises(NotADescription) as caught:
        describe(old(deployer_type=deployer), "it", WHERE)
    assert str(caught.value) == (
        f"{WHERE}.backend: it has deployer_type p2p; only block is supported"
    )
