"""Every agent with a pool is killed at each of its points, once, under a writer.

A program writes numbered, synced records wherever the dataset is. Whoever dies in a
move, and wherever in it: each record that was acknowledged is there, once, and the
dataset arrives.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from attrs import define

from flocker.dataset_agent.pool_steps import (
    Acquire,
    Bury,
    Create,
    Destroy,
    MakeReadOnly,
    MakeWritable,
    Mount,
    RaiseFloor,
    Release,
    TakeSnapshot,
    Unmount,
)
from flocker.dataset_agent.pool_work import Resize, TakeUsers
from flocker.model.ids import DatasetID
from flocker.model.sizes import GIBIBYTE
from flocker.sandbox import writer
from flocker.sandbox.names import CONTROL, MachineName, node_name
from flocker.sandbox.waiting import Waited, patience, until
from flocker.testing.clusters import LiveCluster, live_cluster
from flocker.testing.moving import PATIENCE, await_more, seen, writing
from flocker.testing.pool_disks import disk
from tests.acceptance.both_pools import both, both_slowly

ONE, TWO = node_name(1), node_name(2)
WITHIN = 60.0
"""Seconds, on a machine that is busy with other tests."""
ATTEMPTS = 4
"""Moves in which a point must be reached; a round is not always due in one."""

OF_CONTROL = ("decided", "committed", "before telling", "told", "heard")
OF_MOVES = (
    *(
        f"{when} {step.__name__} of pool"
        for step in (
            TakeSnapshot,
            Unmount,
            Release,
            RaiseFloor,
            MakeReadOnly,
            Acquire,
            MakeWritable,
            Mount,
        )
        for when in ("before", "after")
    ),
    "snapshot came",
    "snapshot confirmed",
    "before report",
    "after report",
)
OF_LIVES = tuple(
    f"{when} {step.__name__} of pool"
    for step in (Create, Resize, Bury, Destroy)
    for when in ("before", "after")
)

OF_SNAPSHOTS = tuple(
    f"{when} {step.__name__} of pool"
    for step in (TakeUsers, Create)
    for when in ("before", "after")
)

OF_THE_POOL = (
    *(
        f"after {step.__name__} of pool"
        for step in (TakeSnapshot, Unmount, Release, RaiseFloor, MakeWritable, Mount)
    ),
    "snapshot came",
    "snapshot confirmed",
)
"""Where the next thing that a backend does finds what the last one left."""
OTHERS = tuple(each for each in (*OF_MOVES, *OF_CONTROL) if each not in OF_THE_POOL)


@pytest.fixture(scope="module")
def pools(request: pytest.FixtureRequest) -> Iterator[LiveCluster]:
    """Two nodes with a pool each, whose daemons can be killed at their points."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLOCKER_SANDBOX_CRASHES", "yes")
        with live_cluster(2, backend=request.param) as made:
            yield made


@define
class Story:
    """A dataset under a writer, and where it is wanted."""

    live: LiveCluster
    dataset: DatasetID
    path: Path
    notes: tuple[Path, ...]
    home: MachineName = ONE

    def move(self) -> None:
        """Move it to the other node, and wait until records are written there.

        On a slow machine control gives up a move whose last step gets nowhere for 30 s,
        as it should; who wants it asks again.
        """
        self.home = TWO if self.home == ONE else ONE
        wanted = str(self.live.id_of(self.home))
        asks = int(patience(1))
        for number in range(1, asks + 1):
            insist(self.live, self.dataset, primary=wanted)
            try:
                await_more(
                    self.notes[0 if self.home == ONE else 1], within=PATIENCE / asks
                )
            except Waited:
                if number == asks:
                    raise
            else:
                return


def insist(live: LiveCluster, dataset: DatasetID, **wanted: object) -> None:
    """Ask until there is an answer, as clients do whose control dies."""

    def answered() -> bool:
        try:
            answer = live.ask("POST", f"/configuration/datasets/{dataset}", wanted)
        except Exception:  # noqa: BLE001  (whatever a dying service does)
            return False
        return answer.status == 200

    until(answered, f"an answer about {wanted}", WITHIN)


@pytest.fixture(scope="module")
def story(pools: LiveCluster) -> Iterator[Story]:
    """One dataset that all moves are of."""
    dataset = pools.create(ONE)
    path = pools.mounted(dataset, ONE)
    with writing(pools, path) as notes:
        await_more(notes[0])
        yield Story(pools, dataset, path, notes)


def crash_files(live: LiveCluster, point: str) -> tuple[Path, ...]:
    """The files of those who may reach a point."""
    machines = (CONTROL,) if point in OF_CONTROL else (ONE, TWO)
    return tuple(live.sandbox.layout.machine(each) / "crash-at" for each in machines)


def is_reached(files: tuple[Path, ...]) -> bool:
    return not all(file.exists() for file in files)


@both
@pytest.mark.parametrize("point", OF_THE_POOL)
def test_killed_beside_the_pool(story: Story, point: str) -> None:
    """The move ends where it was to, and nothing that was acknowledged is lost."""
    die_in_a_move(story, point)


@both_slowly
@pytest.mark.parametrize("point", OTHERS)
def test_killed_in_a_move(story: Story, point: str) -> None:
    """The same wherever else one may die."""
    die_in_a_move(story, point)


def die_in_a_move(story: Story, point: str) -> None:
    """Let agents or control die at a point, and look whether all is there."""
    files = crash_files(story.live, point)
    for file in files:
        file.write_text(point)
    for _ in range(ATTEMPTS):
        story.move()
        if is_reached(files):
            break
    else:
        raise AssertionError(f"{point} was never reached")
    for file in files:
        file.unlink(missing_ok=True)
    story.live.mounted(story.dataset, story.home)
    acknowledged = writer.acknowledged(story.notes)
    assert acknowledged
    entries = writer.read(seen(story.live, story.home, story.path))
    writer.check(entries, acknowledged)


@both_slowly
@pytest.mark.parametrize("point", OF_LIVES)
def test_killed_in_a_life(pools: LiveCluster, point: str) -> None:
    """A dataset is made, limited and destroyed, whoever dies at this point."""
    files = crash_files(pools, point)
    for file in files:
        file.write_text(point)
    dataset = pools.create(ONE)
    pools.mounted(dataset, ONE)
    insist(pools, dataset, maximum_size=GIBIBYTE)
    until(lambda: pools.status(dataset).size == GIBIBYTE, "the limit", WITHIN)
    pools.delete(dataset)
    pools.await_phase(dataset, "destroyed")
    assert is_reached(files), f"{point} was never reached"
    for file in files:
        file.unlink(missing_ok=True)
    for node in (ONE, TWO):
        assert disk(pools, node).copies(dataset) == []


@both_slowly
@pytest.mark.parametrize("point", OF_SNAPSHOTS)
def test_killed_with_a_snapshot(pools: LiveCluster, point: str) -> None:
    """A snapshot is taken once and cloned whole, if the agent dies at this point."""
    dataset = pools.create(ONE)
    path = pools.mounted(dataset, ONE)
    pools.write(ONE, path / "file", "kept")
    files = crash_files(pools, point)
    for file in files:
        file.write_text(point)
    pools.flockerctl("snapshot", "create", str(dataset), "one", "--wait")
    pools.write(ONE, path / "file", "later")
    told = pools.flockerctl("clone", str(dataset), "one", "--wait", "-o", "json").out
    assert is_reached(files), f"{point} was never reached"
    for file in files:
        file.unlink(missing_ok=True)
    clone = Path(json.loads(told)["path"])
    assert pools.read(ONE, clone / "file") == "kept"
    names = disk(pools, ONE).snapshots(dataset)
    assert len([name for name in names if name.startswith("one.")]) == 1
    pools.delete(DatasetID(UUID(clone.name)))
    pools.await_phase(DatasetID(UUID(clone.name)), "destroyed")
    pools.flockerctl("snapshot", "delete", str(dataset), "one", "--wait")
