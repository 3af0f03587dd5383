"""Tests of flockerctl's commands about leases, against the REST API."""

import json
from collections.abc import Callable
from uuid import UUID

import pytest
from click.testing import Result

from flocker.client.interface import NewLease
from flocker.model.ids import DatasetID, NodeID
from flocker.testing.fakes.memory_control import MemoryControl

NODE = NodeID(UUID("aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"))
UNKNOWN = DatasetID(UUID("33333333-3333-4333-8333-333333333333"))

Run = Callable[..., Result]


def holders(control: MemoryControl) -> list[tuple[str, float | None]]:
    """The holders of all leases."""
    leases = control.run(control.client().leases())
    return [(each.holder, each.expires) for lease in leases for each in lease.holders]


def test_acquire(run: Run, control: MemoryControl, dataset: DatasetID) -> None:
    """A lease is for ever, and the server's user's, if nothing else is said."""
    result = run("lease", "acquire", "-d", "pg", "-n", "10.0.0.1")
    assert result.stdout == (
        f"Dataset {dataset} stays on node aaaaaaaa (10.0.0.1) until it is released.\n"
    )
    assert holders(control) == [("user", None)]


def test_acquire_for_a_time(
    run: Run, control: MemoryControl, dataset: DatasetID
) -> None:
    """Holder and time are as they were asked for."""
    arguments = ("-d", "pg", "-n", "a", "--holder", "web", "--expires", "30m")
    result = run("lease", "acquire", *arguments)
    assert result.stdout.endswith("(10.0.0.1) for 30 min.\n")
    ((holder, expires),) = holders(control)
    assert (holder, expires) == ("web", pytest.approx(1800.0, abs=1.0))


def test_held(run: Run, dataset: DatasetID) -> None:
    """A dataset that is leased to one node is not leased to another."""
    run("lease", "acquire", "-d", "pg", "-n", "a")
    result = run("lease", "acquire", "-d", "pg", "-n", "b")
    assert result.exit_code == 5
    assert "is leased to node" in result.stderr


def test_list(run: Run, control: MemoryControl, dataset: DatasetID) -> None:
    """A holder is a row; leases of unknown datasets are listed, too."""
    run("lease", "acquire", "-d", "pg", "-n", "a", "--holder", "web")
    run("lease", "acquire", "-d", "pg", "-n", "a", "--expires", "1h")
    control.run(control.client().acquire(NewLease(UNKNOWN, NODE)))
    assert run("lease", "list").stdout == (
        "DATASET   NAME  NODE                 HOLDER  EXPIRES\n"
        "11111111  pg    aaaaaaaa (10.0.0.1)  user    in 60 min\n"
        "11111111  pg    aaaaaaaa (10.0.0.1)  web     never\n"
        "33333333        aaaaaaaa (10.0.0.1)  user    never\n"
    )


def test_list_json(run: Run, dataset: DatasetID) -> None:
    """JSON has the keys of the REST API."""
    run("lease", "acquire", "-d", "pg", "-n", "a")
    (lease,) = json.loads(run("lease", "list", "-o", "json").stdout)
    assert lease == {
        "dataset_id": str(dataset),
        "node_uuid": str(NODE),
        "expires": None,
        "holders": [{"holder": "user", "expires": None, "era": None}],
    }


def test_release(run: Run, control: MemoryControl, dataset: DatasetID) -> None:
    """One holder goes alone; without one named, all go."""
    for holder in ("a", "b", "c"):
        run("lease", "acquire", "-d", "pg", "-n", "a", "--holder", holder)
    assert run("lease", "release", "-d", "pg", "--holder", "b").stdout == (
        f"Dataset {dataset} is still leased by a, c.\n"
    )
    assert run("lease", "release", "-d", "pg").stdout == (
        f"Dataset {dataset} is not leased any more.\n"
    )
    assert holders(control) == []


CONTAINER = f"docker:{'9194' * 16} db1"


def test_containers(run: Run, control: MemoryControl, dataset: DatasetID) -> None:
    """Containers are shown as such, whole names on demand, and released by either."""
    names = (CONTAINER, f"docker:{'ab' * 32}", "backup")
    for holder in names:
        run("lease", "acquire", "-d", "pg", "-n", "a", "--holder", holder)
    short, long = run("lease", "list").stdout, run("lease", "list", "--long").stdout
    assert "  container db1 (docker)" in short
    assert "  a container (docker mount abababababab)" in short
    assert CONTAINER in " ".join(long.split())
    refused = run("lease", "acquire", "-d", "pg", "-n", "b").stderr
    assert "by backup, container db1 (docker), a container" in refused
    who = "container db1 (docker)"
    assert run("lease", "release", "-d", "pg", "--holder", who).stdout == (
        f"Dataset {dataset} is still leased by backup,"
        " a container (docker mount abababababab).\n"
    )
    assert {name for name, _ in holders(control)} == set(names[1:])


def test_several_containers(run: Run, dataset: DatasetID) -> None:
    """A description that fits several is not enough to end one."""
    for number in ("1", "2"):
        holder = CONTAINER.replace("9194", f"919{number}", 1)
        run("lease", "acquire", "-d", "pg", "-n", "a", "--holder", holder)
    who = "container db1 (docker)"
    result = run("lease", "release", "-d", "pg", "--holder", who)
    assert "fits more than one holder" in result.stderr
    assert "docker:9191" in result.stderr


def test_release_of_an_unknown_dataset(run: Run, control: MemoryControl) -> None:
    """A lease whose dataset does not exist can be ended by its id."""
    control.run(control.client().acquire(NewLease(UNKNOWN, NODE)))
    assert run("lease", "release", "-d", "3333").exit_code == 0
    assert holders(control) == []


def test_nothing_to_release(run: Run, dataset: DatasetID) -> None:
    """A dataset without a lease has its own status."""
    result = run("lease", "release", "-d", "pg")
    assert (result.exit_code, result.stderr) == (
        4,
        "Error: no lease fits 'pg'; `flockerctl lease list` shows what there is\n",
    )


@pytest.mark.parametrize("time", ["soon", "0", "-1s", "1y", "99999999d"])
def test_no_time(run: Run, dataset: DatasetID, time: str) -> None:
    """A time that cannot be is a usage error."""
    arguments = ("-d", "pg", "-n", "a", "--expires", time)
    assert run("lease", "acquire", *arguments).exit_code == 2
