"""A new cluster's files: all there, private, and whole or not at all."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from uuid import UUID

import pytest
from attrs import evolve

import flocker.ca.bundle as module
from flocker.ca.bundle import (
    Bundle,
    Order,
    UnfinishedBundle,
    fill,
    write_bundle,
)
from flocker.ca.checking import server_names
from flocker.ca.credentials import cluster_id, node_id
from flocker.ca.files import FileExists, FileNotWritten, load_certificate
from flocker.ca.names import BadName
from flocker.ca.services import load_service_directory
from flocker.ca.verifying import Fit, verify_directory
from flocker.model.errors import FlockerError
from flocker.testing.certificates import MADE

ORDER = Order("mine", ("a.example", "10.0.0.1"), 2, ("alice", "bob"))


def uuids() -> Iterator[UUID]:
    return (UUID(int=number, version=4) for number in count(1))


def a_bundle(order: Order = ORDER) -> Bundle:
    return fill(order, uuids().__next__, MADE)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A bundle on disk, with the plugin's certificates."""
    write_bundle(a_bundle(evolve(ORDER, with_plugin=True)), tmp_path / "made")
    return tmp_path / "made"


def tree(directory: Path) -> list[str]:
    return sorted(
        str(path.relative_to(directory))
        for path in directory.rglob("*")
        if path.is_file()
    )


def test_every_file_is_in_place(written: Path) -> None:
    """Each folder holds what its machine or user looks for, by that name."""
    node = ["agent.yml", "cluster.crt", "node.crt", "node.key", "plugin.crt"]
    user = ["cluster.crt", "cluster.yml", "user.crt", "user.key"]
    assert tree(written) == sorted(
        [
            "authority/cluster.crt",
            "authority/cluster.key",
            "control/cluster.crt",
            "control/control-service.crt",
            "control/control-service.key",
            *(f"{n}/{f}" for n in ("node-1", "node-2") for f in (*node, "plugin.key")),
            *(f"user-{name}/{f}" for name in ("alice", "bob") for f in user),
        ]
    )
    assert [path.name for path in written.parent.iterdir()] == ["made"]


def test_plugin_on_request_only() -> None:
    """Without the plugin nodes have the node's certificate alone."""
    assert [len(node.pairs) for node in a_bundle().nodes] == [1, 1]


def test_all_is_private(written: Path) -> None:
    """Folders are 0700 and files 0600."""
    modes = {
        (path.is_dir(), path.stat().st_mode & 0o777)
        for path in (written, *written.rglob("*"))
    }
    assert modes == {(True, 0o700), (False, 0o600)}


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("control", "control-service"),
        ("node-1", "node"),
        ("node-2", "node"),
        ("node-1", "plugin"),
        ("user-alice", "user"),
    ],
)
def test_services_start_with_it(folder: str, name: str, written: Path) -> None:
    """A service or client finds its certificates fit, as they were copied."""
    load_service_directory(written / folder, name, now=MADE)
    found = list(verify_directory(written / folder, MADE))
    assert {type(each) for each in found} == {Fit}


def test_names(written: Path) -> None:
    """Control is good for all its hosts, each user and node for itself."""
    control = load_certificate(written / "control" / "control-service.crt")
    assert set(server_names(control)) == {"control-service", "a.example", "10.0.0.1"}
    bundle = a_bundle()
    nodes = [node_id(folder.pairs[0][1]) for folder in bundle.nodes]
    clusters = {
        cluster_id(own.certificate)
        for folder in bundle.folders()
        for _name, own in folder.pairs
    }
    assert len(set(nodes)) == 2
    assert len(clusters) == 1


@pytest.mark.parametrize("kind", ["directory", "file", "link"])
def test_never_overwrites(kind: str, tmp_path: Path) -> None:
    """Whatever has the name keeps it."""
    target = tmp_path / "made"
    {
        "directory": target.mkdir,
        "file": target.touch,
        "link": lambda: target.symlink_to("nowhere"),
    }[kind]()
    with pytest.raises(FileExists):
        write_bundle(a_bundle(), target)
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


def test_half_made(tmp_path: Path) -> None:
    """What a killed run left is named, kept, and told how to get rid of."""
    (tmp_path / "made.unfinished").mkdir()
    with pytest.raises(UnfinishedBundle) as raised:
        write_bundle(a_bundle(), tmp_path / "made")
    assert raised.value.path == tmp_path / "made.unfinished"
    assert [path.name for path in tmp_path.iterdir()] == ["made.unfinished"]


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), OSError(28, "No space left on device")], ids=repr
)
def test_failure_leaves_nothing(
    error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that fails in the middle cleans up after itself."""
    seen: list[list[str]] = []

    def fail(_path: Path, _content: bytes) -> None:
        seen.append([path.name for path in tmp_path.iterdir()])
        raise error

    monkeypatch.setattr(module, "write_private", fail)
    expected = FileNotWritten if isinstance(error, OSError) else type(error)
    with pytest.raises(expected):
        write_bundle(a_bundle(), tmp_path / "made")
    assert seen == [["made.unfinished"]]
    assert list(tmp_path.iterdir()) == []


def test_nowhere(tmp_path: Path) -> None:
    """A place that is not there is named."""
    with pytest.raises(FileNotWritten):
        write_bundle(a_bundle(), tmp_path / "nowhere" / "made")


@pytest.mark.parametrize(
    "order",
    [
        evolve(ORDER, cluster=""),
        evolve(ORDER, controls=("not a host",)),
        evolve(ORDER, controls=("a.example", "A.example")),
        evolve(ORDER, users=("bob", "BOB")),
        evolve(ORDER, users=("../bob",)),
    ],
    ids=repr,
)
def test_bad_names(order: Order) -> None:
    """Names that cannot be, or would share a folder, are refused."""
    with pytest.raises(BadName):
        a_bundle(order)


def test_addresses_that_agents_refuse() -> None:
    """An order whose agent.yml no agent would read is refused before it is made."""
    with pytest.raises(FlockerError):
        a_bundle(evolve(ORDER, controls=("fd00::1",)))
