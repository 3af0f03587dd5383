"""Storage that hangs, lies and breaks, under real mounts: what `flockerctl why` says.

Each node has loopback twice: as it is (``default``), and behind a driver whose faults
a file switches on (``faulty``). For each fault a user reads a sentence and the next
step, datasets of the other backend go on, and when it is over all is as wanted.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, Popen
from uuid import UUID, uuid4

import pytest
import yaml

from flocker.backends.loopback.api import make_loopback
from flocker.model.ids import ClusterID, DatasetID, VolumeID
from flocker.runtime.process import run_sync
from flocker.sandbox.machines import entering
from flocker.sandbox.names import MachineName, node_name
from flocker.sandbox.waiting import Waited, until
from flocker.testing.clusters import SIZE, LiveCluster

ONE, TWO = node_name(1), node_name(2)
WITHIN = 60.0
FAULTY = "faulty"
RELEASE = "What would release it: "


@pytest.fixture(scope="module")
def _two_backends(_module_cluster: LiveCluster) -> LiveCluster:
    """Give each node the second backend; its agent starts anew."""
    live = _module_cluster
    for node in live.nodes:
        path = live.sandbox.layout.machine(node) / "agent.yml"
        settings = yaml.safe_load(path.read_text())
        default = settings.pop("dataset")
        faulty = {
            **default,
            "backend": "flocker.testing.faulty_driver",
            "root_path": str(root(live)),
            "faults": str(faults_of(live, node)),
        }
        settings["backends"] = {"default": default, FAULTY: faulty}
        path.write_text(yaml.safe_dump(settings))
        live.kill_daemon(node)

    def has_both() -> bool:
        nodes = live.ask("GET", "/status/nodes").json
        return all(len(node["backends"]) == 2 and node["connected"] for node in nodes)

    until(has_both, "two backends on each node", WITHIN)
    return live


@pytest.fixture
def live(cluster: LiveCluster, _two_backends: LiveCluster) -> Iterator[LiveCluster]:
    """A cluster without faults; a failing test leaves none to the next."""
    yield cluster
    for node in cluster.nodes:
        faults_of(cluster, node).unlink(missing_ok=True)


def faults_of(live: LiveCluster, node: MachineName) -> Path:
    """The file that switches a node's faults on."""
    return live.sandbox.layout.machine(node) / "faults.json"


@contextmanager
def faulty(live: LiveCluster, node: MachineName, **faults: object) -> Iterator[None]:
    """Let a node's driver be so for a while."""
    path = faults_of(live, node)
    new = path.with_suffix(".new")
    new.write_text(json.dumps(faults))
    new.rename(path)
    yield
    path.unlink()


def create(live: LiveCluster, node: MachineName, backend: str = FAULTY) -> DatasetID:
    """Want a dataset on a backend."""
    dataset = DatasetID(uuid4())
    again(live, dataset, node, backend)
    return dataset


def again(
    live: LiveCluster, dataset: DatasetID, node: MachineName, backend: str = FAULTY
) -> None:
    """Want a dataset of this id."""
    body = {
        "dataset_id": str(dataset),
        "primary": str(live.id_of(node)),
        "maximum_size": SIZE,
        "backend": backend,
    }
    answer = live.ask("POST", "/configuration/datasets", body)
    assert answer.status == 201, answer.body


def why(live: LiveCluster, dataset: DatasetID, code: str, *words: object) -> str:
    """Wait until the sentences name a cause and these words; give what releases it."""
    said: list[str] = [""]

    def says() -> bool:
        cause = live.status(dataset).cause
        if cause is None or cause.code != code:
            return False  # to ask so costs less than a flockerctl
        said.append(live.flockerctl("why", str(dataset)).out.decode())
        return f"[{code}]" in said[-1] and all(str(each) in said[-1] for each in words)

    try:
        until(says, code, WITHIN)
    except Waited as waited:
        raise Waited(f"{code} {words}, but: {said[-1]}", waited.seconds) from None
    line = next(line for line in said[-1].splitlines() if line.startswith(RELEASE))
    return line.removeprefix(RELEASE).rstrip(".")


def volume(live: LiveCluster, dataset: DatasetID) -> VolumeID:
    """The volume on record."""
    found = live.status(dataset).volume
    assert found is not None
    return VolumeID(found)


def root(live: LiveCluster) -> Path:
    """Where the volumes of the second backend are."""
    top = live.sandbox.layout.volumes
    return top.with_name(f"{top.name}-{FAULTY}")


def files(live: LiveCluster, dataset: DatasetID) -> list[Path]:
    """The files of all volumes of the second backend that carry a dataset's id."""
    return list(root(live).glob(f"*/*attached/**/*_{dataset}*"))


def put_away(live: LiveCluster, dataset: DatasetID) -> Path:
    """Want a dataset where nobody is, until no node has it; give its volume's file."""
    body = {"primary": str(uuid4())}
    answer = live.ask("POST", f"/configuration/datasets/{dataset}", body)
    assert answer.status == 200

    def is_away() -> bool:
        return [each.parent.name for each in files(live, dataset)] == ["unattached"]

    until(is_away, "a volume that is attached nowhere", WITHIN)
    (found,) = files(live, dataset)
    return found


def taken_away(live: LiveCluster, dataset: DatasetID) -> None:
    """Let a volume be taken from under its mount, as a cloud takes it by force."""
    (cluster,) = root(live).glob("*-*-*-*-*")
    elsewhere = make_loopback(ClusterID(UUID(cluster.name)), str(root(live)), "else")
    elsewhere.detach_volume(volume(live, dataset))


def others_go_on(live: LiveCluster, node: MachineName) -> None:
    """A dataset of the other backend is made, mounted and destroyed meanwhile."""
    other = create(live, node, "default")
    live.mounted(other, node)
    live.delete(other)
    live.await_phase(other, "destroyed")


def with_data(live: LiveCluster, node: MachineName) -> tuple[DatasetID, Path]:
    """Make a dataset with something in it."""
    dataset = create(live, node)
    path = live.mounted(dataset, node)
    live.write(node, path / "kept", "acknowledged")
    return dataset, path


@pytest.mark.parametrize(
    ("call", "code", "words"),
    [
        ("list_volumes", "backend-slow", "backend faulty has not answered for 5 sec"),
        ("attach_volume", "step-slow", "to attach it has taken 5 seconds"),
    ],
)
def test_hangs(live: LiveCluster, call: str, code: str, words: str) -> None:
    """A driver that does not return is named, with for how long."""
    with faulty(live, ONE, hang=[call]):
        dataset = create(live, ONE)
        others_go_on(live, ONE)
        assert "see to the backend" in why(live, dataset, code, words)
    live.mounted(dataset, ONE)


@pytest.mark.parametrize(
    ("call", "code", "words"),
    [
        ("list_volumes", "backend-failed", "backend faulty failed: Broken: on fire"),
        ("get_device_path", "device-unreadable", "not usable: Broken: on fire"),
        ("attach_volume", "unexpected", "unexpected Broken: on fire"),
    ],
)
def test_raises(live: LiveCluster, call: str, code: str, words: str) -> None:
    """What a driver raises is passed on."""
    with faulty(live, ONE, fail={call: "on fire"}):
        dataset = create(live, ONE)
        others_go_on(live, ONE)
        assert "by itself" in why(live, dataset, code, words)
    live.mounted(dataset, ONE)


def test_does_not_answer(live: LiveCluster) -> None:
    """A volume whose making was not answered is known for the dataset's own."""
    with faulty(live, ONE, unanswered=["create_volume"], doubled=True):
        dataset = create(live, ONE)
        live.mounted(dataset, ONE)
    assert len(files(live, dataset)) == 1


def test_lists_late(live: LiveCluster) -> None:
    """What is not listed yet is waited for, and nothing is made in its place."""
    with faulty(live, ONE, stale=True):
        dataset = create(live, ONE)
        until(lambda: live.status(dataset).volume, "a volume on record", WITHIN)
        live.kill_daemon(ONE)
        release = why(live, dataset, "not-listed", volume(live, dataset))
        assert "wait if it was made just now" in release
    live.mounted(dataset, ONE)
    assert len(files(live, dataset)) == 1


def test_forgets_one(live: LiveCluster) -> None:
    """A volume that is not listed any more keeps its mount, and is said to be gone."""
    dataset, path = with_data(live, ONE)
    with faulty(live, ONE, hidden=[volume(live, dataset)]):
        other, _ = with_data(live, ONE)  # which lets the agent look now
        release = why(live, dataset, "stranded", path, "the backend does not list it")
        assert f"umount {path}" in release
        assert live.read(ONE, path / "kept") == "acknowledged"
        live.mounted(other, ONE)
    live.mounted(dataset, ONE)


def test_device_appears_late(live: LiveCluster) -> None:
    """An attached volume without a device is waited for."""
    dataset, path = with_data(live, ONE)
    put_away(live, dataset)
    name = volume(live, dataset)
    with faulty(live, TWO, deviceless=[name]):
        live.move(dataset, TWO)
        release = why(live, dataset, "already-attached", name, "no device of it has")
        assert "wait for the device" in release
        others_go_on(live, TWO)
    live.mounted(dataset, TWO)
    assert live.read(TWO, path / "kept") == "acknowledged"


def test_device_vanishes(live: LiveCluster) -> None:
    """A device that is taken away under its mount: what a user does brings it back."""
    dataset, path = with_data(live, ONE)
    taken_away(live, dataset)
    with_data(live, ONE)  # which lets the agent look now
    release = why(live, dataset, "stranded", path, "is not attached as it was")
    command = release.split("on the node: ")[1].split(";")[0]
    assert command == f"umount {path}"
    others_go_on(live, ONE)
    live.run(ONE, *command.split())
    live.mounted(dataset, ONE)
    assert live.read(ONE, path / "kept") == "acknowledged"


def test_carries_something_else(live: LiveCluster) -> None:
    """What somebody wrote over a dataset is neither mounted nor formatted."""
    dataset, _ = with_data(live, ONE)
    file = put_away(live, dataset)
    run_sync(["mkswap", str(file)])
    live.move(dataset, ONE)
    release = why(live, dataset, "foreign-signature", "carries swap")
    assert "delete the dataset and restore the data into a new one" in release
    others_go_on(live, ONE)
    assert b"SWAPSPACE2" in files(live, dataset)[0].read_bytes()[:8192]
    live.delete(dataset)
    live.await_phase(dataset, "destroyed")


def test_is_emptied(live: LiveCluster) -> None:
    """A volume that held data and is blank is left so until its content is back."""
    dataset, path = with_data(live, ONE)
    file = put_away(live, dataset)
    content = file.read_bytes()
    file.write_bytes(bytes(len(content)))
    live.move(dataset, ONE)
    release = why(live, dataset, "volume-blank", "counts as holding data")
    assert "put its content back" in release
    put_away(live, dataset).write_bytes(content)
    live.move(dataset, ONE)
    live.mounted(dataset, ONE)
    assert live.read(ONE, path / "kept") == "acknowledged"


def test_deleted_behind_our_back(live: LiveCluster) -> None:
    """A volume that is gone is waited for, and can be deleted."""
    dataset, _ = with_data(live, ONE)
    put_away(live, dataset).unlink()
    live.move(dataset, ONE)
    release = why(live, dataset, "not-listed", "faulty does not list its volume")
    assert "delete the dataset" in release
    others_go_on(live, ONE)
    live.delete(dataset)
    live.await_phase(dataset, "destroyed")


def test_busy(live: LiveCluster, tmp_path: Path) -> None:
    """Who keeps a mount is named: a process, a bind mount, another mount namespace."""
    dataset, path = with_data(live, ONE)
    inside = entering(live.sandbox.layout, ONE)
    live.run(ONE, "mount", "--bind", str(path), str(tmp_path))
    reads = ["sh", "-c", f"echo $$; exec sleep 1000 < {path}/kept"]
    apart = ["unshare", "--mount", "sh", "-c", "echo $$; exec sleep 1001"]
    with (
        Popen([*inside, *reads], stdout=PIPE, text=True) as process,
        Popen([*inside, *apart], stdout=PIPE, text=True) as other,
    ):
        pids = [each.stdout.readline().strip() for each in (process, other)]
        live.move(dataset, TWO)
        try:
            names = (str(tmp_path), "(sleep)", "mount namespace", str(path))
            assert "end what uses it" in why(live, dataset, "busy", *names)
            others_go_on(live, ONE)
        finally:
            live.run(ONE, "kill", *pids)
            live.run(ONE, "umount", str(tmp_path))
    live.mounted(dataset, TWO)
    assert live.read(TWO, path / "kept") == "acknowledged"


def test_id_is_used_again(live: LiveCluster) -> None:
    """A volume of an earlier life waits; the command that is given brings it back."""
    former, _ = with_data(live, ONE)
    file = put_away(live, former)
    dataset = DatasetID(uuid4())
    file.with_name(f"block-{uuid4()}_{dataset}").write_bytes(file.read_bytes())
    again(live, dataset, ONE)
    words = "nothing shows that it was made for this dataset"
    release = why(live, dataset, "unclaimed-volume-exists", words)
    others_go_on(live, ONE)
    command = release.split(": ")[1].split(";")[0]
    live.flockerctl(*command.split()[1:])
    place = live.mounted(dataset, ONE)
    assert live.read(ONE, place / "kept") == "acknowledged"
