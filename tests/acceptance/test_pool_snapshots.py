"""Snapshots of datasets on the nodes' own pools: real processes, and Docker."""

from collections.abc import Iterator
from contextlib import contextmanager
from json import loads
from pathlib import Path
from uuid import UUID

import pytest

from flocker.model.ids import DatasetID
from flocker.model.sizes import MEBIBYTE
from flocker.runtime.process import ProcessFailed
from flocker.sandbox import writer
from flocker.sandbox.names import MachineName, node_name
from flocker.sandbox.waiting import until
from flocker.testing.clusters import LiveCluster, live_cluster
from flocker.testing.moving import PATIENCE, await_more, count, seen, writing
from flocker.testing.pool_disks import disk, of_users
from tests.acceptance.both_pools import (
    BTRFS,
    ZFS,
    both,
    both_slowly,
    only_btrfs,
    only_zfs,
)
from tests.acceptance.engines import Engines

ONE, TWO = node_name(1), node_name(2)
BIG, HUGE = 40, 2048
"""Mebibytes."""
REFUSED, WRONG = 5, 1
"""What flockerctl exits with when the cluster says no, and when it went wrong."""


@pytest.fixture(scope="module")
def pools(request: pytest.FixtureRequest) -> Iterator[LiveCluster]:
    """A cluster whose two nodes have a pool each; Docker comes with Btrfs."""
    backend = request.param
    with live_cluster(2, backend=backend, docker=backend == BTRFS) as live:
        yield live


def kept(live: LiveCluster, node: MachineName, dataset: DatasetID) -> dict[str, str]:
    """The snapshots that users want which a node has, by what users call them."""
    return of_users(disk(live, node).snapshots(dataset))


@contextmanager
def opened(
    live: LiveCluster, node: MachineName, dataset: DatasetID, name: str
) -> Iterator[Path]:
    """Show what is in a user's snapshot."""
    there = disk(live, node)
    with there.content(dataset, kept(live, node, dataset)[name]) as path:
        yield path


def snapshot(live: LiveCluster, dataset: object, name: str, *more: str) -> None:
    """Take a snapshot as a user does, and wait until it is taken."""
    live.flockerctl("snapshot", "create", str(dataset), name, "--wait", *more)


def phases(live: LiveCluster, dataset: object) -> list[tuple[str, str]]:
    """Names and phases of the snapshots of a dataset."""
    answer = live.ask("GET", f"/status/snapshots?dataset_id={dataset}")
    return [(each["name"], each["phase"]) for each in loads(answer.body)]


@both_slowly
def test_keeps_what_was(pools: LiveCluster) -> None:
    """A snapshot holds what was there, also after a move, until it is deleted."""
    dataset = pools.create(ONE)
    path = pools.mounted(dataset, ONE)
    pools.write(ONE, path / "file", "first")
    snapshot(pools, dataset, "before")
    pools.write(ONE, path / "file", "second")
    with opened(pools, ONE, dataset, "before") as there:
        assert (there / "file").read_text() == "first"
    pools.move(dataset, TWO)
    path = pools.mounted(dataset, TWO)
    assert pools.read(TWO, path / "file") == "second"
    with opened(pools, TWO, dataset, "before") as there:
        assert (there / "file").read_text() == "first"
    assert phases(pools, dataset) == [("before", "taken")]
    pools.flockerctl("snapshot", "delete", str(dataset), "before", "--wait")
    assert kept(pools, ONE, dataset) == kept(pools, TWO, dataset) == {}


@both_slowly
def test_under_a_writer_and_a_move(pools: LiveCluster) -> None:
    """What is kept while records are written is a beginning of them, without a hole."""
    dataset = pools.create(ONE)
    path = pools.mounted(dataset, ONE)
    with writing(pools, path) as notes:
        await_more(notes[0])
        acknowledged = count(notes[0])
        snapshot(pools, dataset, "before")
        pools.move(dataset, TWO)
        snapshot(pools, dataset, "meanwhile")
        await_more(notes[1])
    pools.mounted(dataset, TWO)
    with opened(pools, TWO, dataset, "before") as there:
        first = writer.read(there)
    with opened(pools, TWO, dataset, "meanwhile") as there:
        second = writer.read(there)
    assert len(first) >= acknowledged
    assert second[: len(first)] == first
    assert writer.read(seen(pools, TWO, path))[: len(second)] == second


@both_slowly
def test_agent_killed(pools: LiveCluster) -> None:
    """Asked for while the node is off, it is taken once, when the node is back."""
    dataset = pools.create(ONE)
    path = pools.mounted(dataset, ONE)
    pools.write(ONE, path / "file", "first")
    pools.kill(ONE)
    pools.flockerctl("snapshot", "create", str(dataset), "gone")
    assert phases(pools, dataset) == [("gone", "waiting")]
    pools.start(ONE)
    pools.await_connected()
    until(
        lambda: phases(pools, dataset) == [("gone", "taken")],
        "the snapshot",
        PATIENCE,
    )
    with opened(pools, ONE, dataset, "gone") as there:
        assert (there / "file").read_text() == "first"


def rolled_back(live: LiveCluster, dataset: object, name: str) -> str:
    """Roll a dataset back, wait for it, and say how what was before is called."""
    told = live.flockerctl("rollback", str(dataset), name, "--wait").out
    return told.decode().partition(" kept as its snapshot ")[2].partition(".\n")[0]


@both_slowly
def test_rolled_back(pools: LiveCluster) -> None:
    """It is what it was; what came after comes back so as well; and all of it moves."""
    dataset = pools.create(ONE)
    path = pools.mounted(dataset, ONE)
    pools.write(ONE, path / "file", "first")
    snapshot(pools, dataset, "before")
    pools.write(ONE, path / "file", "second")
    pools.write(ONE, path / "more", "more")
    after = rolled_back(pools, dataset, "before")
    assert pools.read(ONE, path / "file") == "first"
    assert not (seen(pools, ONE, path) / "more").exists()
    pools.write(ONE, path / "file", "third")
    last = rolled_back(pools, dataset, after)
    assert pools.read(ONE, path / "file") == "second"
    assert pools.read(ONE, path / "more") == "more"
    pools.move(dataset, TWO)
    path = pools.mounted(dataset, TWO)
    assert pools.read(TWO, path / "file") == "second"
    names = [("before", "taken"), (after, "taken"), (last, "taken")]
    assert phases(pools, dataset) == names
    again = rolled_back(pools, dataset, last)
    assert pools.read(TWO, path / "file") == "third"
    with opened(pools, TWO, dataset, again) as there:
        assert (there / "file").read_text() == "second"


@only_btrfs
def test_rollback_that_cannot_be_done(pools: LiveCluster) -> None:
    """It is given up, with the reason, and the dataset is served as it was."""
    dataset = pools.create(ONE)
    path = pools.mounted(dataset, ONE)
    pools.write(ONE, path / "file", "first")
    snapshot(pools, dataset, "before")
    pools.write(ONE, path / "file", "second")
    within = str(path / "no-snapshot-holds-this")
    pools.run(ONE, "btrfs", "subvolume", "create", within)
    asked = ("rollback", str(dataset), "before", "--wait")
    failed = pools.flockerctl(*asked, expected=WRONG).err.decode()
    assert "was given up, and it is as it was" in failed
    assert "no-snapshot-holds-this" in failed
    pools.mounted(dataset, ONE)
    assert pools.read(ONE, path / "file") == "second"
    until(
        lambda: phases(pools, dataset) == [("before", "taken")],
        "what is kept to be only that",
        PATIENCE,
    )
    pools.run(ONE, "btrfs", "subvolume", "delete", within)
    rolled_back(pools, dataset, "before")
    assert pools.read(ONE, path / "file") == "first"


@only_zfs
def test_rollback_that_cannot_be_copied(pools: LiveCluster) -> None:
    """Where files have to be copied and cannot be, it is served as it was as well."""
    dataset = pools.create(ONE)
    path = pools.mounted(dataset, ONE)
    pools.write(ONE, path / "file", "first")
    snapshot(pools, dataset, "before")
    pools.write(ONE, path / "file", "second")
    rsync = pools.run(ONE, "sh", "-c", "readlink -f $(which rsync)").strip()
    pools.run(ONE, "mount", "--bind", "/bin/false", rsync)
    try:
        asked = ("rollback", str(dataset), "before", "--wait")
        failed = pools.flockerctl(*asked, expected=WRONG).err.decode()
    finally:
        pools.run(ONE, "umount", rsync)
    assert "was given up, and it is as it was" in failed
    pools.mounted(dataset, ONE)
    assert pools.read(ONE, path / "file") == "second"
    (_, kept) = phases(pools, dataset)
    assert kept[0].startswith("before-before-")
    rolled_back(pools, dataset, "before")
    assert pools.read(ONE, path / "file") == "first"


@only_btrfs
@pytest.mark.slow
def test_rollback_in_a_full_pool(pools: LiveCluster) -> None:
    """Where not even a record can be written the dataset is served as it was."""
    dataset = pools.create(ONE)
    path = pools.mounted(dataset, ONE)
    pools.write(ONE, path / "file", "first")
    snapshot(pools, dataset, "before")
    pools.write(ONE, path / "file", "second")
    with disk(pools, ONE).full(), crowded(pools, ONE):
        pools.flockerctl("rollback", str(dataset), "before")
        until(
            lambda: (
                (cause := pools.status(dataset).cause) is not None
                and "No space left" in cause.words
                and pools.status(dataset).path is not None
            ),
            "it to be served as it was",
            PATIENCE,
        )
        assert pools.read(ONE, path / "file") == "second"
    pools.await_phase(dataset, "mounted")
    assert "given up" in str(pools.status(dataset).cause)
    rolled_back(pools, dataset, "before")
    assert pools.read(ONE, path / "file") == "first"


_CROWD = """
import errno, os, sys
os.mkdir(sys.argv[1])
size, number = 15000, 0
while size > 10:
    number += 1
    try:
        with open(f"{sys.argv[1]}/{number}", "wb") as made:
            os.setxattr(made.fileno(), "user.ballast", bytes(size))
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        os.sync()
        size //= 2
"""
"""Writes attributes until the filesystem has no room for anything any more."""


@contextmanager
def crowded(live: LiveCluster, node: MachineName) -> Iterator[None]:
    """Leave no room for another name, for as long as it takes."""
    ballast = str(live.sandbox.layout.pool(node) / "crowd")
    live.run(node, "python3", "-c", _CROWD, ballast)
    try:
        yield
    finally:
        live.run(node, "rm", "-r", ballast)


def limit(live: LiveCluster, dataset: DatasetID, size: int) -> None:
    """Let a dataset hold so many bytes."""
    answer = live.ask(
        "POST", f"/configuration/datasets/{dataset}", {"maximum_size": size}
    )
    assert answer.status == 200, answer.body
    until(lambda: live.status(dataset).size == size, "the limit", PATIENCE)


@both
@pytest.mark.parametrize("big", [BIG, pytest.param(HUGE, marks=pytest.mark.slow)])
def test_clones_are_free(pools: LiveCluster, big: int) -> None:
    """Five clones of a dataset use what one does, and each is written by itself."""
    dataset = pools.create(ONE)
    path = pools.mounted(dataset, ONE)
    limit(pools, dataset, 2 * big * MEBIBYTE)
    pools.run(ONE, "dd", "if=/dev/urandom", f"of={path}/big", "bs=1M", f"count={big}")
    pools.write(ONE, path / "file", "source")
    before = disk(pools, ONE).used()
    snapshot(pools, dataset, "before")
    clones = []
    for _ in range(5):
        told = pools.flockerctl(
            "clone", str(dataset), "before", "--wait", "-o", "json"
        ).out
        clones.append(loads(told))
    for number, clone in enumerate(clones):
        there = Path(clone["path"])
        assert pools.read(ONE, there / "file") == "source"
        pools.write(ONE, there / "file", f"clone {number}")
    assert pools.read(ONE, path / "file") == "source"
    assert disk(pools, ONE).used() - before < 2**20
    pools.run(ONE, "cmp", f"{path}/big", f"{clones[-1]['path']}/big")
    if pools.sandbox.backend == ZFS:
        return
    pools.flockerctl("snapshot", "delete", str(dataset), "before", "--wait")
    pools.delete(dataset)
    pools.await_phase(dataset, "destroyed")
    assert pools.read(ONE, Path(clones[0]["path"]) / "file") == "clone 0"


@only_zfs
def test_origin_stays_for_its_clones(pools: LiveCluster) -> None:
    """What a clone consists of is not deleted before it: refused, naming the clone."""
    dataset = pools.create(ONE)
    path = pools.mounted(dataset, ONE)
    pools.write(ONE, path / "file", "kept")
    snapshot(pools, dataset, "before")
    told = pools.flockerctl("clone", str(dataset), "before", "--wait", "-o", "json").out
    clone = DatasetID(UUID(Path(loads(told)["path"]).name))
    asked = ("snapshot", "delete", str(dataset), "before")
    refused = pools.flockerctl(*asked, expected=REFUSED)
    assert str(clone) in refused.err.decode()
    answer = pools.ask("DELETE", f"/configuration/datasets/{dataset}")
    assert (answer.status, str(clone) in str(answer.body)) == (409, True)
    assert pools.read(ONE, path / "file") == "kept"
    pools.delete(clone)
    pools.await_phase(clone, "destroyed")
    pools.flockerctl(*asked, "--wait")
    pools.delete(dataset)
    pools.await_phase(dataset, "destroyed")
    assert disk(pools, ONE).copies(dataset) == []


@both_slowly
def test_clone_moves(pools: LiveCluster) -> None:
    """A clone for another node arrives there whole, and its source stays."""
    dataset = pools.create(ONE)
    path = pools.mounted(dataset, ONE)
    pools.write(ONE, path / "file", "kept")
    snapshot(pools, dataset, "before")
    two = str(pools.id_of(TWO))
    told = pools.flockerctl(
        "clone", str(dataset), "before", "-n", two, "--wait", "-o", "json"
    ).out
    assert pools.read(TWO, Path(loads(told)["path"]) / "file") == "kept"
    pools.mounted(dataset, ONE)


def made(live: LiveCluster, node: MachineName, name: str, *options: str) -> str:
    """Create a volume with Docker; say why not, where it fails."""
    given = [part for option in options for part in ("-o", option)]
    try:
        live.docker(node, "volume", "create", "-d", "flocker", *given, name)
    except ProcessFailed as failed:
        return str(failed)
    return ""


@only_btrfs
def test_docker_makes_copies(pools: LiveCluster) -> None:
    """A container on either node has a volume that began as another's snapshot."""
    engines = Engines(pools)
    engines.load("busybox", ONE, TWO)
    assert made(pools, ONE, "letters", "size=64M") == ""
    engines.once(ONE, "letters", "echo first >/data/file")
    snapshot(pools, engines.dataset("letters"), "monday")
    engines.once(ONE, "letters", "echo second >/data/file")
    assert made(pools, TWO, "old", "from=letters@monday") == ""
    assert made(pools, TWO, "now", "from=letters", "on_remove=delete") == ""
    for name, there in (("old", "first"), ("now", "second"), ("letters", "second")):
        script = "cat /data/file; echo mine >/data/file"
        assert engines.once(TWO, name, script) == there
    status = ("volume", "inspect", "--format", '{{index .Status "made from"}}')
    assert pools.docker(TWO, *status, "old") == "letters@monday"
    taken = pools.docker(TWO, *status, "now").removeprefix("letters@")
    dataset = engines.dataset("letters")
    assert phases(pools, dataset) == [("monday", "taken"), (taken, "taken")]
    pools.docker(TWO, "volume", "rm", "now")
    assert (taken, "taken") not in phases(pools, dataset)


@only_btrfs
def test_docker_is_told_why(pools: LiveCluster) -> None:
    """What no volume can be made from is said in the output of Docker."""
    engines = Engines(pools)
    assert made(pools, ONE, "source", "size=64M") == ""
    assert "no dataset of the name" in made(pools, ONE, "x", "from=nosuch")
    assert "it has none" in made(pools, ONE, "x", "from=source@monday")
    assert "option profile" in made(pools, ONE, "x", "from=source", "profile=gold")
    assert "x" not in engines.listed(ONE)
