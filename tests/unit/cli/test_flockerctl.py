"""Tests of flockerctl's commands, against the real REST API in memory."""

import json
from collections.abc import Callable
from uuid import UUID

import pytest
from click.testing import Result

from flocker import __version__
from flocker.model.cluster import Cause, Condition, Fact, Want
from flocker.model.ids import DatasetID, NodeID
from flocker.testing.fakes.memory_control import MemoryControl

NODE = NodeID(UUID("aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"))
OTHER = NodeID(UUID("bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"))
DATASET = DatasetID(UUID("11111111-1111-4111-8111-111111111111"))
MOUNTED = Fact(DATASET, Want.MOUNTED, Condition.MOUNTED, path="/flocker/x")
STUCK = Cause("foreign", "it holds a swap signature", "wipe it", permanent=True)
FOREIGN = Fact(DATASET, Want.MOUNTED, Condition.FOREIGN, cause=STUCK)

Run = Callable[..., Result]


def outcome(result: Result) -> tuple[int, str, str]:
    """How a run ended: status, output, errors."""
    return result.exit_code, result.stdout, result.stderr


def test_list_nodes(run: Run) -> None:
    """Nodes are listed with the beginning of their ids and their addresses."""
    assert outcome(run("list-nodes")) == (
        0,
        (
            "SERVER    ADDRESS   STATUS\n"
            "aaaaaaaa  10.0.0.1  connected\n"
            "bbbbbbbb  10.0.0.2  connected\n"
        ),
        "",
    )


def test_status_is_list_nodes(run: Run) -> None:
    """The old name of list-nodes still works."""
    assert outcome(run("status")) == outcome(run("list-nodes"))


def test_list_nodes_long(run: Run) -> None:
    """With -l ids are whole."""
    first = run("list-nodes", "-l").stdout.splitlines()[1].split()
    assert first[:2] == [str(NODE), "10.0.0.1"]


def test_list_nodes_json(run: Run) -> None:
    """JSON has the keys of the REST API."""
    listed = json.loads(run("list-nodes", "-o", "json").stdout)
    assert [(n["uuid"], n["host"], n["connected"]) for n in listed] == [
        (str(NODE), "10.0.0.1", True),
        (str(OTHER), "10.0.0.2", True),
    ]


def test_silent_node(run: Run, control: MemoryControl) -> None:
    """A node that is not connected is listed with the time of its silence."""
    control.disconnected(OTHER)
    control.clock.advance(120)
    assert run("list-nodes").stdout.splitlines()[2] == (
        "bbbbbbbb  10.0.0.2  silent for 2 min"
    )


def test_second_machine_is_shown(run: Run, control: MemoryControl) -> None:
    """A machine that claimed to be a node and was refused is shown aside."""
    control.observations.refused(NODE, "10.9.9.9 claims to be it")
    assert run("list-nodes").stderr == (
        f"Node {NODE} (10.0.0.1): 10.9.9.9 claims to be it\n"
    )


def test_list(run: Run, control: MemoryControl, dataset: DatasetID) -> None:
    """Datasets are listed with size, metadata, phase and server."""
    control.says(NODE, MOUNTED)
    assert outcome(run("list")) == (
        0,
        (
            "DATASET    SIZE  METADATA          STATUS   SERVER\n"
            "11111111  1.00G  name=pg,owner=al  mounted  aaaaaaaa (10.0.0.1)\n"
        ),
        "",
    )


def test_list_human(run: Run, dataset: DatasetID) -> None:
    """With -h sizes have the unit that fits."""
    assert run("ls", "-h").stdout.splitlines()[1].split()[1] == "1G"


def test_list_deleted(run: Run, dataset: DatasetID) -> None:
    """Deleted datasets are listed with -d only."""
    run("destroy", "-d", "pg")
    lines = [len(run("list", *flags).stdout.splitlines()) for flags in ([], ["-d"])]
    assert lines == [1, 2]


def test_list_long(run: Run, dataset: DatasetID) -> None:
    """With -l ids are whole, however wide that is."""
    line = run("list", "-l").stdout.splitlines()[1]
    assert line.startswith(str(DATASET))
    assert line.endswith(f"{NODE} (10.0.0.1)")


def test_create(run: Run, control: MemoryControl) -> None:
    """A dataset is created as it was asked for."""
    result = run("create", "-n", "AAAA", "-m", "name=web,x=y", "-s", "1.5G")
    (made,) = control.run(control.client().datasets())
    assert outcome(result) == (
        0,
        f"Created dataset {made.dataset_id} for node aaaaaaaa (10.0.0.1).\n",
        "",
    )
    assert (made.primary, dict(made.metadata), made.maximum_size) == (
        NODE,
        {"name": "web", "x": "y"},
        1536 * 1024 * 1024,
    )


def test_create_and_wait(run: Run, control: MemoryControl) -> None:
    """With --wait a line a change is shown aside, and then where it is."""

    def mount() -> None:
        (made,) = control.operations.configuration.datasets
        fact = Fact(made, Want.MOUNTED, Condition.MOUNTED, path="/flocker/x")
        control.says(NODE, fact)

    control.clock.callLater(1.0, mount)
    result = run("create", "-n", "10.0.0.1", "--wait")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[1].startswith(
        "Mounted on node aaaaaaaa (10.0.0.1) at /flocker/x after 1."
    )
    assert result.stderr.splitlines()[0] == (
        "0.0 s  waiting on node aaaaaaaa (10.0.0.1): "
        "the agent has been told and has not reported yet"
    )


def test_create_and_wait_in_vain(run: Run) -> None:
    """A wait that ends in time has its own status, and says the cause."""
    result = run("create", "-n", "a", "--wait=2")
    assert result.exit_code == 6
    assert "has not reported yet" in result.stderr.splitlines()[-1]


@pytest.mark.parametrize("flags", [[], ["--wait=1"]])
def test_create_json(run: Run, flags: list[str]) -> None:
    """A script gets the id of what was created, whether it is there in time or not."""
    made = json.loads(run("create", "-n", "a", "-o", "json", *flags).stdout)
    assert (len(made["dataset_id"]), made["phase"]) == (36, "waiting")


def test_move(run: Run, control: MemoryControl, dataset: DatasetID) -> None:
    """A moved dataset is wanted on the other node."""
    result = run("move", "-d", "111", "-t", "bb")
    assert outcome(result) == (
        0,
        f"Moving dataset {dataset} to node bbbbbbbb (10.0.0.2).\n",
        "",
    )
    assert control.run(control.client().dataset(dataset)).primary == OTHER


def test_wait_ends_at_a_permanent_failure(
    run: Run, control: MemoryControl, dataset: DatasetID
) -> None:
    """What cannot come right by itself ends a wait with status 1 and its cause."""
    control.clock.callLater(1.0, control.says, NODE, FOREIGN)
    result = run("move", "-d", "pg", "-t", "aaaa", "--wait")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == (
        f"Error: dataset {dataset} cannot be mounted on node {NODE}: "
        "it holds a swap signature (to release it: wipe it)"
    )


def test_destroy_and_wait(run: Run, control: MemoryControl, dataset: DatasetID) -> None:
    """A dataset is destroyed when its node has confirmed it."""
    gone = Fact(DATASET, Want.DELETED, Condition.MISSING)
    control.clock.callLater(1.0, control.says, NODE, gone)
    result = run("destroy", "-d", "pg", "--wait")
    assert result.exit_code == 0
    assert result.stdout.startswith(
        f"Destroying dataset {dataset} and its data.\nDestroyed after 1."
    )


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["move", "-d", "nix", "-t", "a"], "no dataset fits 'nix'"),
        (["move", "-d", "pg", "-t", "f"], "no node fits 'f'"),
        (["create", "-n", "10.0.0"], "no node fits '10.0.0'"),
        (["destroy", "-d", "2"], "no dataset fits '2'"),
        (["why", "web"], "no dataset fits 'web'"),
    ],
)
def test_nothing_fits(
    run: Run, dataset: DatasetID, arguments: list[str], complaint: str
) -> None:
    """What fits nothing has its own status, and is named."""
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (4, "")
    assert result.stderr.startswith(f"Error: {complaint}")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["create"], "Missing option '-n' / '--node'."),
        (["create", "-n", "a", "-s", "3Q"], "'3Q' is not a size"),
        (["create", "-n", "a", "-m", "x"], "'x' is not key=value"),
        (["create", "-n", "a", "--wait=soon"], "'soon' is not a number of seconds"),
        (["list", "--nonsense"], "No such option"),
        (["--control-port", "0", "list"], "0 is not in the range"),
    ],
)
def test_usage_errors(run: Run, arguments: list[str], complaint: str) -> None:
    """A wrong command line is status 2, and changes nothing."""
    result = run(*arguments)
    assert result.exit_code == 2
    assert complaint in result.stderr


def test_refused(run: Run, control: MemoryControl, dataset: DatasetID) -> None:
    """What the server refuses is status 5, in its words."""
    run("destroy", "-d", "pg")
    assert outcome(run("move", "-d", "pg", "-t", "b")) == (
        5,
        "",
        f"Error: the control service refused (405): dataset {DATASET} is deleted\n",
    )


def test_unreachable(run: Run, control: MemoryControl) -> None:
    """A control service that is not there is status 3, with the cause."""
    control.reachable = False
    assert outcome(run("list")) == (
        3,
        "",
        (
            "Error: the control service cannot be reached: "
            "control:4523: connection refused\n"
        ),
    )


def test_why(run: Run, control: MemoryControl, dataset: DatasetID) -> None:
    """`why` says in sentences what happens and what would end it."""
    control.says(NODE, FOREIGN)
    result = run("why", "pg")
    assert result.exit_code == 0
    assert "What would release it: wipe it." in result.stdout.splitlines()


def test_why_json(run: Run, dataset: DatasetID) -> None:
    """`why -o json` gives all that the server says."""
    found = json.loads(run("why", "11", "-o", "json").stdout)
    assert (found["dataset_id"], found["nodes"]) == (str(dataset), {})


def test_version(run: Run, control: MemoryControl) -> None:
    """`version` asks nobody and prints the client's."""
    control.reachable = False
    assert outcome(run("version")) == (0, f"{__version__}\n", "")


def test_version_of_the_server(run: Run) -> None:
    """`version --server` asks for the server's too."""
    assert run("version", "--server").stdout == (
        f"client: {__version__}\nserver: {__version__}\n"
    )


def test_help_lists_statuses(run: Run) -> None:
    """A script's author finds every exit status in the help."""
    lines = run("--help").stdout.splitlines()
    numbers = [line.split()[0] for line in lines[lines.index("  Exit status:") + 1 :]]
    assert numbers == ["0", "1", "2", "3", "4", "5", "6", "130"]
