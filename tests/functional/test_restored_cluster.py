"""A real cluster after the restore of an old backup; needs root."""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from attrs import evolve, frozen

import flocker
from flocker.control.persistence.backups import back_up, restore
from flocker.control.persistence.database import Database
from flocker.model.changes import Change, OwnershipEdit
from flocker.model.ids import DatasetID
from flocker.runtime.process import run_sync
from flocker.sandbox import cluster
from flocker.sandbox.blueprint import Program, flocker_programs
from flocker.sandbox.cluster import Sandbox
from flocker.sandbox.layout import Layout, default_layout
from flocker.sandbox.machines import entering
from flocker.sandbox.names import CONTROL, MachineName, SandboxName, address, node_name
from flocker.sandbox.reaching import NotReached, ask, await_connected, nodes_seen
from flocker.sandbox.waiting import until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="makes namespaces: root")

ONE = node_name(1)
SOURCES = Path(flocker.__file__).parents[1]
DATASETS = "/v1/configuration/datasets"
SIZE = 64 * 1024 * 1024
PATIENCE = 90.0


def programs(layout: Layout, machine: MachineName) -> tuple[Program, ...]:
    """Flocker's programs, of the sources that are tested."""
    return tuple(
        Program(each.name, ("env", f"PYTHONPATH={SOURCES}", *each.argv))
        for each in flocker_programs(layout, machine)
    )


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A cluster of one node."""
    layout = default_layout(SandboxName(f"test-{uuid4().hex[:8]}"))
    try:
        sandbox = cluster.up(Sandbox(layout, 1), datetime.now(UTC), print, programs)
        await_connected(layout, (ONE,), PATIENCE)
        yield sandbox
    finally:
        cluster.down(layout.name)


class User:
    """Somebody who uses a cluster of one node."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.layout = sandbox.layout
        self.node = str(nodes_seen(self.layout)[address(ONE)].uuid)

    def create(self, name: str) -> str:
        body = {
            "primary": self.node,
            "maximum_size": SIZE,
            "metadata": {"name": name},
        }
        answer = ask(self.layout, "POST", DATASETS, body)
        assert answer.status == 201
        dataset = str(answer.json["dataset_id"])
        self.await_phase(dataset, "mounted")
        return dataset

    def write(self, dataset: str, text: str) -> None:
        command = f"echo -n {text} > /flocker/{dataset}/file && sync"
        self._on_node("sh", "-c", command)

    def read(self, dataset: str) -> str:
        return self._on_node("cat", f"/flocker/{dataset}/file")

    def status(self, dataset: str) -> Any:
        return ask(self.layout, "GET", f"/v1/status/datasets/{dataset}").json

    def await_phase(self, dataset: str, phase: str) -> None:
        self.until(
            lambda: self.status(dataset).get("phase") == phase,
            f"dataset {dataset} to be {phase}",
        )

    def unclaimed(self) -> Any:
        answer = ask(self.layout, "GET", "/v1/status/volumes")
        assert answer.status == 200
        return answer.json

    def until(self, is_so: Callable[[], bool], what: str) -> None:
        def reached() -> bool:
            try:
                return is_so()
            except NotReached:
                return False

        until(reached, what, PATIENCE)

    def _on_node(self, *command: str) -> str:
        argv = [*entering(self.layout, ONE), *command]
        return run_sync(argv, timeout=60).out.decode()


def seem_new(backup: Path, dataset: str) -> None:
    """Make a backup what it was before the dataset was first mounted."""
    database = Database(backup)
    try:
        found = database.load()
        before = found.ownership[DatasetID(UUID(dataset))]
        edit = OwnershipEdit(before, evolve(before, acquired=False))
        database.commit([Change((edit,))], found.revision)
    finally:
        database.close()


@frozen
class Story:
    """What was made before the backup, and after it."""

    user: User
    kept: str
    destroyed: str
    later: str
    volume_of_later: str


@pytest.fixture(scope="module")
def story(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """A cluster whose control service has gone back to an old backup."""
    user = User(sandbox)
    data = sandbox.layout.machine(CONTROL) / "data"
    backup = tmp_path_factory.mktemp("backups") / "backup"
    kept = user.create("kept")
    user.write(kept, "precious")
    destroyed = user.create("destroyed")
    _ = back_up(data, backup)
    seem_new(backup, kept)
    assert user.unclaimed() == {"volumes": [], "unanswered": [], "copies": []}
    later = user.create("later")
    user.write(later, "late")
    volume = user.status(later)["volume"]
    assert ask(user.layout, "DELETE", f"{DATASETS}/{destroyed}").status == 200
    user.await_phase(destroyed, "destroyed")
    cluster.kill(sandbox, CONTROL)
    _ = restore(data, backup)
    _ = cluster.start(sandbox, CONTROL, programs)
    await_connected(sandbox.layout, (ONE,), PATIENCE)
    return Story(user, kept, destroyed, later, volume)


def test_known_dataset(story: Story) -> None:
    """A volume of which the backup says that it is new is not formatted again."""
    user, kept = story.user, story.kept
    user.await_phase(kept, "mounted")
    assert user.read(kept) == "precious"
    assert user.status(kept)["acquired"] is True


def test_destroyed_dataset(story: Story) -> None:
    """A dataset whose volume was destroyed since the backup says so."""
    user, destroyed = story.user, story.destroyed
    user.until(
        lambda: (
            (user.status(destroyed)["cause"] or {}).get("code") == "volume-destroyed"
        ),
        "the destroyed dataset to be missed",
    )
    assert user.status(destroyed)["phase"] == "failed"


def test_unknown_volume(story: Story) -> None:
    """A volume that the backup does not know is left alone, listed, and adopted."""
    user, later, volume = story.user, story.later, story.volume_of_later
    assert ask(user.layout, "GET", f"/v1/status/datasets/{later}").status == 404
    (found,) = user.unclaimed()["volumes"]
    assert (found["volume"], found["dataset_id"]) == (volume, later)
    assert (found["cause"]["code"], found["node"]) == ("no-such-dataset", user.node)
    assert user.read(later) == "late"

    path = f"{DATASETS}/{later}/adopt"
    body = {"primary": user.node, "volume": volume, "metadata": {"name": "later"}}
    wrong = ask(user.layout, "POST", f"{DATASETS}/{story.kept}/adopt", body)
    absent = ask(user.layout, "POST", path, {**body, "volume": "none-such"})
    adopted = ask(user.layout, "POST", path, body)
    again = ask(user.layout, "POST", path, body)
    statuses = [each.status for each in (wrong, absent, adopted, again)]
    assert statuses == [409, 404, 201, 409]
    user.await_phase(later, "mounted")
    assert user.read(later) == "late"
    assert user.unclaimed()["volumes"] == []
