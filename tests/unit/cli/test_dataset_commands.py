"""Tests of flockerctl's newer commands about datasets, against the REST API."""

import json
from collections.abc import Callable
from uuid import UUID

import pytest
from attrs import evolve
from click.testing import Result
from twisted.internet.defer import Deferred

from flocker.client.interface import Wishes
from flocker.model.cluster import Condition, Fact, Volume, Want
from flocker.model.datasets import DEFAULT_BACKEND
from flocker.model.ids import DatasetID, Epoch, NodeID, VolumeID
from flocker.model.pools import Owned, PoolFact, Record
from flocker.model.sizes import GIBIBYTE
from flocker.testing.fakes.memory_control import MemoryControl

NODE = NodeID(UUID("aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"))
OTHER = NodeID(UUID("bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"))
DATASET = DatasetID(UUID("11111111-1111-4111-8111-111111111111"))
LOST = DatasetID(UUID("22222222-2222-4222-8222-222222222222"))

Run = Callable[..., Result]


def mounted(size: int) -> Fact:
    """The dataset is mounted, on a volume of this size."""
    return Fact(DATASET, Want.MOUNTED, Condition.MOUNTED, path="/flocker/x", size=size)


def metadata_of(control: MemoryControl) -> dict[str, str]:
    """The metadata of the one dataset."""
    (found,) = control.run(control.client().datasets())
    return dict(found.metadata)


def test_create_as_wished(run: Run, control: MemoryControl) -> None:
    """Id, backend, mounting and filesystem are as they were asked for."""
    wishes = ("--backend", "fast", "--mount", "on-use", "--filesystem", "xfs")
    result = run("create", "-n", "a", "--id", str(DATASET), *wishes)
    assert (result.exit_code, result.stdout) == (
        0,
        (
            f"Created dataset {DATASET} for node aaaaaaaa (10.0.0.1). "
            "It is mounted where it is leased.\n"
        ),
    )
    (made,) = control.run(control.client().datasets())
    assert (made.dataset_id, made.backend, made.mount, made.filesystem) == (
        DATASET,
        "fast",
        "on-use",
        "xfs",
    )


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--id", "1"], "'1' is not a UUID"),
        (["--id", "11111111-1111-1111-8111-111111111111"], "of version 4"),
        (["--filesystem", "zfs"], "'zfs' is not one of"),
        (["--mount", "on-use", "--wait"], "leave --wait"),
    ],
)
def test_create_wrong(run: Run, arguments: list[str], complaint: str) -> None:
    """What no server would take is not asked for."""
    result = run("create", "-n", "a", *arguments)
    assert result.exit_code == 2
    assert complaint in result.stderr


def test_resize(run: Run, control: MemoryControl, dataset: DatasetID) -> None:
    """A dataset is wanted larger."""
    result = run("resize", "pg", "2G")
    assert result.stdout == f"Making dataset {dataset} 2G large.\n"
    found = control.run(control.client().dataset(dataset))
    assert found.maximum_size == 2 * GIBIBYTE


def test_resize_and_wait(run: Run, control: MemoryControl, dataset: DatasetID) -> None:
    """A wait ends when its volume is so large, and has stayed so."""
    control.says(NODE, mounted(GIBIBYTE))
    control.clock.callLater(3.0, control.says, NODE, mounted(2 * GIBIBYTE))
    result = run("resize", "pg", "2G", "--wait")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[1].startswith("It is 2G large after 4.")


def test_resize_smaller(run: Run, dataset: DatasetID) -> None:
    """No dataset gets smaller; that is the server's word."""
    result = run("resize", "pg", "512M")
    assert result.exit_code == 5
    assert "cannot shrink" in result.stderr


def test_set_metadata(run: Run, control: MemoryControl, dataset: DatasetID) -> None:
    """Some metadata are set, the rest stays."""
    result = run("metadata", "set", "pg", "owner=bo", "x=a=b,c")
    assert result.stdout == (
        f"Metadata of dataset {dataset}: name=pg,owner=bo,x=a=b,c.\n"
    )
    assert metadata_of(control) == {"name": "pg", "owner": "bo", "x": "a=b,c"}


def test_unset_metadata(run: Run, control: MemoryControl, dataset: DatasetID) -> None:
    """Some metadata are removed; what was not there does not matter."""
    assert run("metadata", "unset", "111", "owner", "nix").exit_code == 0
    assert metadata_of(control) == {"name": "pg"}


def test_metadata_json(run: Run, dataset: DatasetID) -> None:
    """JSON has what is wanted now."""
    said = run("metadata", "set", "pg", "a=b", "-o", "json").stdout
    assert json.loads(said)["metadata"]["a"] == "b"


def test_metadata_of_two(run: Run, control: MemoryControl, dataset: DatasetID) -> None:
    """What somebody else changes meanwhile is not undone."""

    meddled: list[object] = []

    def meddle() -> None:
        if not meddled:
            wishes = Wishes(metadata={"name": "pg", "owner": "eve"})
            update = control.client().update(dataset, wishes)
            meddled.append(Deferred.fromCoroutine(update))

    control.before("POST", meddle)
    assert run("metadata", "set", "pg", "a=b").exit_code == 0
    assert metadata_of(control) == {"name": "pg", "owner": "eve", "a": "b"}


@pytest.mark.parametrize("pair", ["x", "=x"])
def test_no_pair(run: Run, dataset: DatasetID, pair: str) -> None:
    """What is not KEY=VALUE is a usage error."""
    assert run("metadata", "set", "pg", pair).exit_code == 2


def test_purge(run: Run, control: MemoryControl, dataset: DatasetID) -> None:
    """A destroyed dataset is forgotten, one that lives is not even looked at."""
    assert run("purge", "pg").exit_code == 4
    run("destroy", "-d", "pg")
    assert run("purge", "pg").exit_code == 5
    control.says(NODE, Fact(DATASET, Want.DELETED, Condition.MISSING))
    run("list")
    result = run("purge", "pg")
    assert result.stdout == (
        f"Dataset {dataset} is forgotten; its id and name are free again.\n"
    )
    assert control.run(control.client().datasets()) == ()


@pytest.fixture
def lost(control: MemoryControl) -> None:
    """Two volumes of a dataset that nobody knows."""
    control.lists(
        NODE,
        *(
            Volume(DEFAULT_BACKEND, VolumeID(name), LOST, GIBIBYTE)
            for name in ("vol-1", "vol-2")
        ),
    )


@pytest.mark.usefixtures("lost")
def test_volumes(run: Run) -> None:
    """Volumes that no dataset is are listed with the reason."""
    lines = run("volumes").stdout.splitlines()
    assert lines[0] == "DATASET   SIZE  BACKEND  NODE  WHY"
    assert lines[1].startswith(
        "22222222    1G  default  -     it is a volume of dataset"
    )
    assert "vol-1" in run("volumes", "-l").stdout


def test_copies(run: Run, control: MemoryControl) -> None:
    """So are copies in pools that no dataset is, with where they are served."""
    copy = PoolFact(Record(LOST, Owned(Epoch(2), None)), exists=True)
    fact = Fact(LOST, Want.LEFT_ALONE, Condition.MOUNTED, DEFAULT_BACKEND, path="/here")
    control.says(NODE, evolve(fact, pool=copy))
    _, line = run("volumes").stdout.splitlines()
    assert line.startswith("22222222     -  default  ")
    assert "its node owns dataset" in line
    assert "/here" in run("volumes", "-l").stdout


@pytest.mark.usefixtures("lost")
def test_adopt(run: Run, control: MemoryControl) -> None:
    """A volume becomes the dataset it was; where there are two, one must be named."""
    assert run("adopt", "2222", "-n", "a").exit_code == 4
    result = run("adopt", "2222", "-n", "b", "--volume", "vol-2", "-m", "name=old")
    assert result.stdout == f"Adopted dataset {LOST} for node bbbbbbbb (10.0.0.2).\n"
    found = control.run(control.client().dataset(LOST))
    assert (found.primary, found.name, found.volume) == (OTHER, "old", "vol-2")


def test_adopt_for_a_dataset(run: Run, control: MemoryControl) -> None:
    """A dataset that has no volume yet stays where it is wanted."""
    run("create", "-n", "b", "--id", str(DATASET))
    control.lists(NODE, Volume(DEFAULT_BACKEND, VolumeID("vol-9"), DATASET, GIBIBYTE))
    found = run("adopt", str(DATASET)[:8], "--empty")
    assert found.stdout == f"Adopted dataset {DATASET} for node bbbbbbbb (10.0.0.2).\n"
    answer = control.run(control.client().dataset(DATASET))
    assert (answer.primary, answer.volume, answer.acquired) == (OTHER, "vol-9", False)


@pytest.mark.usefixtures("lost")
def test_adopt_nothing(run: Run) -> None:
    """What no volume is cannot be adopted."""
    result = run("adopt", "3", "-n", "a")
    assert (result.exit_code, result.stderr) == (
        4,
        "Error: no volume fits '3'; `flockerctl volumes` shows what there is\n",
    )


def test_list_leaves_bookkeeping_out(run: Run, control: MemoryControl) -> None:
    """What the Docker plugin keeps for itself is shown to who wants all."""
    metadata = "name=pg,flocker:docker:on_remove=keep"
    run("create", "-n", "a", "--id", str(DATASET), "--metadata", metadata)
    assert "flocker:docker" not in run("list").stdout
    assert "name=pg" in run("list").stdout
    assert "flocker:docker:on_remove=keep" in "".join(run("list", "-l").stdout.split())


def test_move_on_use(run: Run, control: MemoryControl) -> None:
    """What is mounted where it is used is not said to move; nor is it waited for."""
    run("create", "-n", "a", "--id", str(DATASET), "--mount", "on-use")
    words = (
        f"Dataset {DATASET} is mounted where it is used: it comes to node bbbbbbbb"
        " (10.0.0.2) when it is used there, and not before."
    )
    result = run("move", "-d", str(DATASET), "-t", "b", "--wait")
    assert (result.exit_code, result.stdout) == (0, f"{words}\n")
    holder = "docker:9194 db"
    run("lease", "acquire", "-d", str(DATASET), "-n", "a", "--holder", holder)
    used = (
        f"{words} Now it is used on node aaaaaaaa (10.0.0.1) by container db (docker),"
        " and stays there until that ends.\n"
    )
    assert run("move", "-d", str(DATASET), "-t", "b").stdout == used


def test_list_on_use(run: Run, control: MemoryControl) -> None:
    """A dataset that is mounted on use is listed where it is, not with its primary."""
    run("create", "-n", "a", "--id", str(DATASET), "--mount", "on-use")
    assert run("list").stdout.splitlines()[1].split() == [
        *(str(DATASET)[:8], "-", "waiting", "-"),
    ]
    control.says(OTHER, mounted(GIBIBYTE))
    assert "bbbbbbbb" in run("list").stdout
    assert "aaaaaaaa" not in run("list").stdout
