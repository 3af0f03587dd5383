"""What may go wrong with a move between pools: real processes, disks and cables."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from flocker.model.ids import DatasetID
from flocker.runtime.process import ProcessFailed
from flocker.sandbox.names import CONTROL, MachineName, node_name
from flocker.sandbox.pools import zpool_name
from flocker.sandbox.reaching import NotReached
from flocker.sandbox.waiting import Waited, until
from flocker.testing.clusters import LiveCluster, live_cluster
from flocker.testing.moving import await_more, seen, writing
from flocker.testing.pool_disks import THEIRS, disk
from tests.acceptance.both_pools import both, both_slowly, only_zfs, zfs_slowly

ONE, TWO = node_name(1), node_name(2)
PATIENCE = 90.0
"""Seconds, on a machine that is busy with other tests."""
SLOW = 80_000
"""Kilobits a second: 10 MB/s, so that a move of `LARGE` takes a while."""
LARGE = 60
"""Mebibytes."""
DETACHED = ("sh", "-c", 'exec setsid --fork "$@" >/dev/null 2>&1 </dev/null', "sh")


@pytest.fixture(scope="module")
def pools(request: pytest.FixtureRequest) -> Iterator[LiveCluster]:
    """Two nodes with a pool each, whose daemons can be killed at their points."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLOCKER_SANDBOX_CRASHES", "yes")
        with live_cluster(2, backend=request.param) as made:
            yield made


@pytest.fixture
def live(pools: LiveCluster) -> Iterator[LiveCluster]:
    """The cluster, whole again afterwards."""
    yield pools
    pools.restore()
    pools.await_connected()


def filled(live: LiveCluster, megabytes: int = LARGE) -> tuple[DatasetID, Path]:
    """Make a dataset on node 1 with something in it."""
    dataset = live.create(ONE)
    path = live.mounted(dataset, ONE)
    argv = ("dd", "if=/dev/urandom", f"of={path}/bulk", "bs=1M", f"count={megabytes}")
    live.run(ONE, *argv, "conv=fsync", "status=none")
    live.write(ONE, path / "file", "content")
    return dataset, path


@contextmanager
def slowly(live: LiveCluster, dataset: DatasetID) -> Iterator[None]:
    """Move a dataset to node 2, over a slow cable; what follows is in the middle."""
    live.throttle(ONE, SLOW)
    live.move(dataset, TWO)
    until(lambda: bytes_sent(live, dataset) > 0, "bytes on their way", PATIENCE)
    yield
    with suppress(ProcessFailed):  # it was switched off
        live.heal(ONE)


def bytes_sent(live: LiveCluster, dataset: DatasetID) -> int:
    """How many bytes of the present round the status says are sent."""
    try:
        found = live.ask("GET", f"/status/datasets/{dataset}").json
    except NotReached:  # control dies in some of the stories
        return 0
    return int((found.get("move") or {}).get("done") or 0)


def cause_of(live: LiveCluster, dataset: DatasetID) -> str:
    cause = live.ask("GET", f"/status/datasets/{dataset}").json.get("cause") or {}
    return f"{cause.get('code')}: {cause.get('words')}"


def await_cause(live: LiveCluster, dataset: DatasetID, *words: str) -> str:
    """Wait until the status gives a cause with these words in it."""

    def told() -> bool:
        return all(word in cause_of(live, dataset) for word in words)

    try:
        until(told, f"a cause with {words}", PATIENCE)
    except Waited as waited:
        found = live.ask("GET", f"/status/datasets/{dataset}").json
        raise Waited(f"{waited.what}, and it is {found}", waited.seconds) from None
    return cause_of(live, dataset)


def arrived(live: LiveCluster, dataset: DatasetID, path: Path, on: MachineName) -> None:
    """Wait until it is served there, whole."""
    live.mounted(dataset, on)
    assert live.read(on, path / "file") == "content"


def cancel(live: LiveCluster, dataset: DatasetID) -> None:
    answer = live.ask("DELETE", f"/configuration/datasets/{dataset}/move")
    assert answer.status == 200, answer.body


def copies(live: LiveCluster, node: MachineName, dataset: DatasetID) -> list[str]:
    """The copies of a dataset in a node's pool, with those set aside."""
    return disk(live, node).copies(dataset)


@both_slowly
def test_target_full(live: LiveCluster) -> None:
    """A full target refuses, and says why; the source serves until there is room."""
    dataset, path = filled(live)
    with disk(live, TWO).full():
        live.move(dataset, TWO)
        await_cause(live, dataset, "target-refused", "full")
        assert live.read(ONE, path / "file") == "content"
    arrived(live, dataset, path, TWO)


@both_slowly
def test_source_full(live: LiveCluster) -> None:
    """From a full node a dataset can still be moved away."""
    dataset, path = filled(live, 1)
    with disk(live, ONE).full():
        live.move(dataset, TWO)
        arrived(live, dataset, path, TWO)


@both_slowly
@pytest.mark.parametrize("victim", [ONE, TWO])
def test_power_cut_in_the_middle(live: LiveCluster, victim: MachineName) -> None:
    """Whoever loses power in mid-stream: it is served where it was, then arrives."""
    dataset, path = filled(live)
    with slowly(live, dataset):
        live.kill(victim)
    live.start(victim)
    live.await_connected()
    arrived(live, dataset, path, TWO)
    assert copies(live, TWO, dataset) == ["copies"]


@both_slowly
@pytest.mark.parametrize("victim", [ONE, TWO, CONTROL])
def test_killed_in_the_middle(live: LiveCluster, victim: MachineName) -> None:
    """A daemon that dies in mid-stream starts again, and the move goes on."""
    dataset, path = filled(live)
    with slowly(live, dataset):
        live.kill_daemon(victim)
    live.await_connected()
    arrived(live, dataset, path, TWO)


@both_slowly
def test_cable_cut_in_the_middle(live: LiveCluster) -> None:
    """While the target is cut off the source serves; afterwards it goes on."""
    dataset, path = filled(live)
    with slowly(live, dataset):
        live.partition(TWO)
        until(lambda: "not connected" in cause_of(live, dataset), "words", PATIENCE)
        assert live.read(ONE, path / "file") == "content"
        live.heal(TWO)
    arrived(live, dataset, path, TWO)


@both_slowly
def test_target_dies_before_it_owns(live: LiveCluster) -> None:
    """The source has let go, the target loses power: it goes on where it was."""
    dataset, path = filled(live, 1)
    crash = live.sandbox.layout.machine(TWO) / "crash-at"
    crash.write_text("before Acquire of pool")
    live.move(dataset, TWO)
    until(lambda: not crash.exists(), "the crash", PATIENCE)
    live.kill(TWO)
    assert str(path) not in live.run(ONE, "cat", "/proc/mounts")
    live.start(TWO)
    arrived(live, dataset, path, TWO)


@both_slowly
def test_deleted_in_the_middle(live: LiveCluster) -> None:
    """What is deleted while it moves is destroyed, on both nodes."""
    dataset, _ = filled(live)
    with slowly(live, dataset):
        live.delete(dataset)
        live.await_phase(dataset, "destroyed")
    assert copies(live, ONE, dataset) == copies(live, TWO, dataset) == []


@both_slowly
def test_cancelled_in_the_middle(live: LiveCluster) -> None:
    """A move that is cancelled ends at once, and the dataset is where it was."""
    dataset, path = filled(live)
    with slowly(live, dataset):
        cancel(live, dataset)
        arrived(live, dataset, path, ONE)
    status = live.ask("GET", f"/status/datasets/{dataset}").json
    assert status.get("move") is None
    live.move(dataset, TWO)
    arrived(live, dataset, path, TWO)


@both_slowly
def test_in_use(live: LiveCluster) -> None:
    """What a process has open is not taken; the words name it; it can be cancelled."""
    dataset, path = filled(live, 1)
    live.run(ONE, *DETACHED, sys.executable, "-c", HOLD, str(path))
    live.move(dataset, TWO)
    await_cause(live, dataset, "busy", "process", "python")
    assert live.read(ONE, path / "file") == "content"
    cancel(live, dataset)
    arrived(live, dataset, path, ONE)
    live.move(dataset, TWO)
    await_cause(live, dataset, "busy", "process")
    seen(live, ONE, path / "end").touch()
    arrived(live, dataset, path, TWO)


HOLD = """
import os, sys, time
os.chdir(sys.argv[1])
while not os.path.exists("end"):
    time.sleep(0.05)
"""


@both_slowly
def test_too_long(live: LiveCluster) -> None:
    """A move that cannot be as short as it must is given up, and says so."""
    dataset, path = filled(live, 10)
    wanted = {"primary": str(live.id_of(TWO)), "max_downtime": 0.001}
    answer = live.ask("POST", f"/configuration/datasets/{dataset}", wanted)
    assert answer.status == 200, answer.body

    def given_up() -> bool:
        found = live.ask("GET", f"/status/datasets/{dataset}").json
        return found.get("move") is None and found["phase"] == "mounted"

    until(given_up, "the end of the move", PATIENCE)
    arrived(live, dataset, path, ONE)
    listed = live.ask("GET", "/configuration/datasets").json
    (found,) = [each for each in listed if each["dataset_id"] == str(dataset)]
    assert found["primary"] == str(live.id_of(ONE))


@both
def test_diverged(live: LiveCluster) -> None:
    """A copy that somebody wrote to is set aside, named and kept; not overwritten."""
    dataset, path = filled(live, 1)
    live.move(dataset, TWO)
    arrived(live, dataset, path, TWO)
    until(lambda: copies(live, ONE, dataset) == ["copies"], "the copy", PATIENCE)
    disk(live, ONE).spoil(dataset)
    live.move(dataset, ONE)
    arrived(live, dataset, path, ONE)
    assert sorted(copies(live, ONE, dataset)) == ["asides", "copies"]
    with disk(live, ONE).aside(dataset) as there:
        assert (there / "theirs").read_text() == THEIRS


@both_slowly
@pytest.mark.parametrize("side", [ONE, TWO])
def test_base_is_gone(live: LiveCluster, side: MachineName) -> None:
    """Where one side lost what both had, all is sent, and the old copy set aside."""
    dataset, path = filled(live, 1)
    live.move(dataset, TWO)
    arrived(live, dataset, path, TWO)
    until(lambda: copies(live, ONE, dataset) == ["copies"], "the copy", PATIENCE)
    disk(live, side).forget_snapshots(dataset)
    live.move(dataset, ONE)
    arrived(live, dataset, path, ONE)
    assert copies(live, ONE, dataset) == ["asides", "copies"]


@both_slowly
def test_throttled_writer(live: LiveCluster) -> None:
    """Under a writer that is faster than the cable allows it arrives all the same."""
    dataset, path = filled(live, 20)
    with writing(live, path, 2_000_000) as notes:
        await_more(notes[0])
        with slowly(live, dataset):
            await_more(notes[1], within=PATIENCE)
    arrived(live, dataset, path, TWO)


# ZFS alone: it is a program here, and its pools are imported and exported.


@contextmanager
def without_zfs(live: LiveCluster, node: MachineName) -> Iterator[None]:
    """Kill the zfs-fuse of a node, and let it not come back before the end."""
    covered = ("-t", "tmpfs", "-o", "ro", "none", "/run/zfs")
    live.run(node, "mount", *covered)
    live.kill_program(node, "zfs-fuse")
    try:
        yield
    finally:
        live.run(node, "umount", "/run/zfs")


@only_zfs
def test_zfs_dies(live: LiveCluster) -> None:
    """What ZFS served is not called mounted, and why; when it is back, all is there."""
    dataset, path = filled(live, 1)
    with without_zfs(live, ONE):
        await_cause(live, dataset, "zfs-fuse does not run")
        assert live.status(dataset).phase == "unknown"
        assert (
            "zfs-fuse does not run" in live.flockerctl("why", str(dataset)).out.decode()
        )
    arrived(live, dataset, path, ONE)
    live.move(dataset, TWO)
    arrived(live, dataset, path, TWO)


@only_zfs
def test_zfs_dies_under_a_process(live: LiveCluster) -> None:
    """Who still has open what is dead is named; it is served again when he lets go."""
    dataset, path = filled(live, 1)
    argv = (sys.executable, "-c", KEEP_OPEN, str(path / "file"), "/run/let-go")
    live.run(ONE, *DETACHED, *argv)
    until(lambda: seen(live, ONE, Path("/run/let-go.ready")).exists(), "it", PATIENCE)
    live.kill_program(ONE, "zfs-fuse")
    await_cause(live, dataset, "stays", "process", "python")
    seen(live, ONE, Path("/run/let-go")).touch()
    arrived(live, dataset, path, ONE)


KEEP_OPEN = """
import os, sys, time
with open(sys.argv[1]):
    open(sys.argv[2] + ".ready", "w").close()
    while not os.path.exists(sys.argv[2]):
        time.sleep(0.05)
"""


@zfs_slowly
@pytest.mark.parametrize("victim", [ONE, TWO])
def test_zfs_dies_in_the_middle(live: LiveCluster, victim: MachineName) -> None:
    """The zfs-fuse of either side dies in mid-stream: the move goes on."""
    dataset, path = filled(live)
    with slowly(live, dataset):
        live.kill_program(victim, "zfs-fuse")
    arrived(live, dataset, path, TWO)
    assert copies(live, TWO, dataset) == ["copies"]


@only_zfs
def test_exported(live: LiveCluster) -> None:
    """A target whose pool is exported says so; when it is imported the move goes on."""
    dataset, path = filled(live, 1)
    pool, image = zpool_name(live.sandbox.layout, TWO), image_of(live, TWO)
    live.run(TWO, "zpool", "export", pool)
    live.move(dataset, TWO)
    await_cause(live, dataset, "no imported pool")
    assert live.read(ONE, path / "file") == "content"
    live.run(TWO, "zpool", "import", "-d", str(image.parent), pool)
    arrived(live, dataset, path, TWO)


def image_of(live: LiveCluster, node: MachineName) -> Path:
    return live.sandbox.layout.pool_image(node)


def mirror(live: LiveCluster, node: MachineName) -> Path:
    return image_of(live, node).with_suffix(".mirror")


@zfs_slowly
def test_degraded(live: LiveCluster) -> None:
    """Between pools that lack a disk of a mirror datasets move as between others."""
    for node in (ONE, TWO):
        image = image_of(live, node)
        other = mirror(live, node)
        with other.open("wb") as file:
            file.truncate(image.stat().st_size)
        pool = zpool_name(live.sandbox.layout, node)
        live.run(node, "zpool", "attach", pool, str(image), str(other))
        live.run(node, "zpool", "offline", pool, str(other))
        health = live.run(node, "zpool", "list", "-Ho", "health", pool)
        assert health.strip() == "DEGRADED"
    dataset, path = filled(live, 1)
    for node in (TWO, ONE):
        live.move(dataset, node)
        arrived(live, dataset, path, node)
    for node in (ONE, TWO):
        pool = zpool_name(live.sandbox.layout, node)
        live.run(node, "zpool", "detach", pool, str(mirror(live, node)))
