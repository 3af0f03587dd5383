"""Machines that die, are said to be dead, and come back: real processes and mounts."""

import json
import time
from pathlib import Path

import pytest

from flocker.model.ids import DatasetID
from flocker.runtime.process import ProcessFailed
from flocker.sandbox.names import CONTROL, MachineName
from flocker.sandbox.reaching import NotReached
from flocker.sandbox.waiting import until
from flocker.testing.clusters import LiveCluster

WITHIN = 60.0
"""Seconds, on a machine that is busy with other tests."""


@pytest.fixture
def live(cluster: LiveCluster) -> LiveCluster:
    """A cluster in which no node is marked dead."""
    for node in cluster.nodes:
        until(lambda node=node: not is_dead(cluster, node), f"{node} a member", WITHIN)
    return cluster


def known(live: LiveCluster, node: MachineName) -> dict:
    """What the status API says of a node."""
    answer = live.ask("GET", f"/status/nodes/{live.id_of(node)}")
    assert answer.status == 200, answer.body
    return answer.json


def is_dead(live: LiveCluster, node: MachineName) -> bool:
    """Whether a node is marked dead in its present life."""
    mark = known(live, node)["dead"]
    return mark is not None and mark["era"] == known(live, node)["era"]


def silent(live: LiveCluster, node: MachineName) -> None:
    """Wait until control hears a node no more."""
    until(lambda: not known(live, node)["connected"], f"{node} silent", WITHIN)


def declare_dead(live: LiveCluster, node: MachineName) -> None:
    """Say that a node is dead, as an operator does."""
    live.flockerctl("node", "dead", str(live.id_of(node)), "--i-have-checked")


def cannot_be_taken_back(
    live: LiveCluster, node: MachineName, dataset: DatasetID
) -> None:
    """A mark stays once something was taken; what it was is said."""
    refused = live.flockerctl("node", "alive", str(live.id_of(node)), expected=5)
    assert str(dataset) in refused.err.decode()


def restart_control(live: LiveCluster) -> None:
    """Cut control's power, and switch it on again."""
    live.kill(CONTROL)
    live.start(CONTROL)
    until(lambda: answers(live), "control answers", WITHIN)


def answers(live: LiveCluster) -> bool:
    """Whether control answers."""
    try:
        return live.ask("GET", "/version").status == 200
    except NotReached:
        return False


def with_data(live: LiveCluster, node: MachineName) -> tuple[DatasetID, Path]:
    """Make a dataset with something in it."""
    dataset = live.create(node)
    path = live.mounted(dataset, node)
    live.write(node, path / "kept", "acknowledged")
    return dataset, path


def test_power_cut(live: LiveCluster, capsys: pytest.CaptureFixture[str]) -> None:
    """The backend's word is enough: what the dead machine had comes up elsewhere."""
    one, two, _ = live.nodes
    dataset, path = with_data(live, one)
    deleted, _ = with_data(live, one)
    lease = {"dataset_id": str(dataset), "node_uuid": str(live.id_of(one))}
    answer = live.ask("POST", "/configuration/leases", {**lease, "expires": None})
    assert answer.status == 201
    live.kill(one)
    began = time.monotonic()
    live.delete(deleted)
    live.move(dataset, two)
    assert live.mounted(dataset, two) == path
    with capsys.disabled():
        took = time.monotonic() - began
        print(f"\npower cut to mounted elsewhere: {took:.1f} s")  # noqa: T201
    assert live.read(two, path / "kept") == "acknowledged"
    assert known(live, one)["dead"]["evidence"] == "backend"
    assert live.ask("GET", "/configuration/leases").json == []
    assert live.await_phase(deleted, "destroyed").node != live.id_of(one)
    live.start(one)
    live.await_connected()
    until(lambda: not is_dead(live, one), "a member in its new era", WITHIN)


def test_nothing_new_comes_to_the_dead(live: LiveCluster) -> None:
    """Nothing can be created on, or moved to, a node that is dead or cordoned."""
    one, two, three = live.nodes
    dataset, _ = with_data(live, one)
    live.flockerctl("node", "cordon", str(live.id_of(two)))
    live.kill(three)
    silent(live, three)
    declare_dead(live, three)
    assert known(live, three)["dead"]["by"].endswith(" (user-user)")
    for node, word in ((two, "uncordon"), (three, "alive")):
        body = {"primary": str(live.id_of(node))}
        moved = live.ask("POST", f"/configuration/datasets/{dataset}", body)
        created = live.ask("POST", "/configuration/datasets", body)
        assert (moved.status, created.status) == (409, 409)
        assert f"flockerctl node {word}" in moved.json["description"]
    live.flockerctl("node", "uncordon", str(live.id_of(two)))
    live.move(dataset, two)
    live.mounted(dataset, two)


@pytest.mark.parametrize("restarted", [False, True], ids=["", "control restarted"])
def test_wrongly_declared_dead(live: LiveCluster, *, restarted: bool) -> None:
    """A node that lives after all forks nothing, and stands down when it is back."""
    one, two, _ = live.nodes
    dataset, path = with_data(live, one)
    live.partition(one)
    silent(live, one)
    if restarted:
        restart_control(live)
    live.move(dataset, two)
    cause = live.await_phase(dataset, "waiting", one).cause
    assert cause is not None
    command = f"flockerctl node dead {live.id_of(one)} --i-have-checked"
    assert command in str(cause.release)
    live.write(one, path / "before", "of the old side")
    declare_dead(live, one)
    live.mounted(dataset, two)
    if not restarted:  # a new control does not know what the node had
        cannot_be_taken_back(live, one, dataset)
    live.write(two, path / "after", "of the new side")
    with pytest.raises(ProcessFailed, match="Input/output error"):
        live.write(one, path / "late", "of the old side")
    assert live.read(two, path / "before") == "of the old side"
    if restarted:
        restart_control(live)
    live.heal(one)
    until(lambda: not is_dead(live, one), "stood down", WITHIN)
    assert str(path) not in live.run(one, "cat", "/proc/self/mounts")
    live.move(dataset, one)
    live.mounted(dataset, one)
    found = set(live.run(one, "ls", str(path)).split()) - {"lost+found"}
    assert found == {"kept", "before", "after"}


def test_silence_is_no_evidence(live: LiveCluster) -> None:
    """Nothing is taken from a silent node, and it goes on when it is heard again."""
    one, two, _ = live.nodes
    dataset, path = with_data(live, one)
    live.partition(one)
    silent(live, one)
    live.move(dataset, two)
    live.await_phase(dataset, "waiting", one)
    live.write(one, path / "meanwhile", "here")
    live.heal(one)
    live.mounted(dataset, two)
    assert live.read(two, path / "meanwhile") == "here"


def test_forgotten(live: LiveCluster) -> None:
    """A node that will not come back is forgotten once nothing is wanted of it."""
    *_, three = live.nodes
    refused = live.flockerctl("node", "forget", str(live.id_of(three)), expected=5)
    assert b"is connected" in refused.err
    live.kill(three)
    silent(live, three)
    live.flockerctl("node", "forget", str(live.id_of(three)))
    listed = live.flockerctl("node", "list", "-o", "json").out
    assert str(live.id_of(three)) not in {each["uuid"] for each in json.loads(listed)}
    live.start(three)
    live.await_connected()
