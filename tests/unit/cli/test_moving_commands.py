"""flockerctl's commands about datasets in pools, with two nodes that have some."""

import json
import re

import pytest
from twisted.internet.task import LoopingCall

from flocker.model.forecasts import Forecast
from flocker.model.ids import NodeID, SnapshotID
from flocker.model.pools import Prune
from flocker.testing.fakes.memory_control import MemoryControl
from flocker.testing.fakes.memory_pool_nodes import MemoryPoolNodes
from tests.unit.cli.conftest import DATASET, NODE, OTHER, Run

HERE, THERE = "aaaaaaaa (10.0.0.1)", "bbbbbbbb (10.0.0.2)"
PATH = f"/flocker/{DATASET}"


def name(number: int) -> NodeID:
    """Name the nodes as other tests of the commands do."""
    return {1: NODE, 2: OTHER}[number]


@pytest.fixture
def pools(control: MemoryControl, run: Run) -> MemoryPoolNodes:
    """Two nodes with pools that act as time goes by; a dataset on the first."""
    nodes = MemoryPoolNodes(control.operations, control.clock, name)
    nodes.connect(1, 2)
    acting = LoopingCall(nodes.settle)
    acting.clock = control.clock
    acting.start(0.5)
    created = run("create", "-n", "a", "--id", str(DATASET), "--wait")
    assert created.exit_code == 0, created.output
    return nodes


def leased(run: Run) -> None:
    """Let a container use it where it is."""
    holder = "docker:9194 db"
    result = run("lease", "acquire", "-d", str(DATASET), "-n", "a", "--holder", holder)
    assert result.exit_code == 0


def move(run: Run, *more: str):
    """Move it to the second node."""
    return run("move", "-d", str(DATASET), "-t", "b", *more)


def test_moved(run: Run, pools: MemoryPoolNodes) -> None:
    """A move is waited for until it is over."""
    result = move(run, "--wait")
    assert result.exit_code == 0, result.output
    first, last = result.stdout.splitlines()
    assert first == f"Moving dataset {DATASET} to node {THERE}."
    assert last.startswith(f"Mounted on node {THERE} at {PATH} after ")


def test_progress_is_shown(run: Run, pools: MemoryPoolNodes, control) -> None:
    """How far it is copied is shown every second, though no event tells of that."""
    pools.ready = False

    def more() -> None:
        pools.sent += 2**27

    for second in range(1, 4):
        control.clock.callLater(float(second), more)

    def end() -> None:
        pools.ready = True

    control.clock.callLater(4.0, end)
    shown = move(run, "--wait").stderr
    parts = re.findall(rf"copying on node {re.escape(HERE)}: (\d+) % of 1G is", shown)
    assert len(set(parts)) >= 3
    assert parts == sorted(parts)


def test_no_longer_than_allowed(run: Run, pools: MemoryPoolNodes) -> None:
    """What would take too long ends with the reason, and status 1."""
    pools.downtime = 9.0
    result = move(run, "--max-downtime", "2s", "--wait")
    assert result.exit_code == 1
    assert "its move was given up: its last step would take about 9.0 s, and 2 s" in (
        result.stderr
    )
    assert f"Mounted on node {HERE}" not in result.stdout
    assert pools.serves(1, DATASET)


def test_forced(run: Run, pools: MemoryPoolNodes) -> None:
    """With force it is taken from who leases it; without, it says who does."""
    leased(run)
    result = move(run, "--wait", "5")
    assert result.exit_code == 6
    assert "container db (docker) has it leased on node" in result.stderr
    assert "or move it with force" in result.stderr
    assert move(run, "--force", "--wait").exit_code == 0
    assert pools.serves(2, DATASET)


def test_cancelled(run: Run, pools: MemoryPoolNodes) -> None:
    """A cancelled move leaves it where it is."""
    leased(run)
    assert move(run).exit_code == 0
    result = run("move", "-d", str(DATASET), "--cancel", "--wait")
    assert result.exit_code == 0, result.output
    first, last = result.stdout.splitlines()
    assert first == f"Dataset {DATASET} stays on node {HERE}: its move is cancelled."
    assert last.startswith(f"Mounted on node {HERE}")
    again = run("move", "-d", str(DATASET), "--cancel")
    assert again.exit_code == 5
    assert "is not being moved" in again.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--cancel", "-t", "b"],
        ["--cancel", "--force"],
        ["--cancel", "--plan"],
        ["-t", "b", "--max-downtime", "soon"],
    ],
)
def test_usage(run: Run, pools: MemoryPoolNodes, arguments: list[str]) -> None:
    """Wishes that do not go together are no command."""
    assert run("move", "-d", str(DATASET), *arguments).exit_code == 2


def test_plan(run: Run, pools: MemoryPoolNodes) -> None:
    """A plan says what is sent and what is in the way, and changes nothing."""
    leased(run)
    result = move(run, "--plan")
    assert result.stdout.splitlines() == [
        f"Dataset {DATASET} would move from node {HERE} to node {THERE}.",
        f"Node {THERE} has no copy to go on from: all of it is sent.",
        (
            f"How much that is was not counted (node {NODE} is not connected): at most"
            " about 1G, and what snapshots hold besides."
        ),
        (
            "For how long nobody will serve it is known when it is copied; with"
            " --max-downtime it stays if that is longer."
        ),
        (
            f"In the way: container db (docker) has it leased on node {NODE}: it is"
            " copied meanwhile, and moves when that ends."
        ),
        "Nothing was changed.",
    ]
    assert pools.serves(1, DATASET)
    move(run)
    pools.settle()
    known = move(run, "--plan").stdout
    assert "has a copy: what was written since is sent." in known
    shown = "Nobody would serve it for about 0.2 s, as the last round that was sent"
    assert shown in known
    plan = json.loads(move(run, "--plan", "-o", "json").stdout)
    assert (plan["continues"], plan["downtime"]) == (True, 0.2)


@pytest.mark.parametrize(
    ("forecast", "first", "second"),
    [
        (
            Forecast(5 * 2**20),
            "That is about 5M in the first round.",
            (
                "Nobody would serve it for about 0.6 s, if it is written to slower than"
                " it is sent: there are rounds until one takes 0.5 s. With"
                " --max-downtime it stays if it would be longer."
            ),
        ),
        (
            Forecast(2**30, at_most=True, sends_all=True),
            (
                "That is at most about 1G in the first round; in each round, the last"
                " one too, as much."
            ),
            (
                "For how long nobody will serve it is known when it is copied; with"
                " --max-downtime it stays if that is longer."
            ),
        ),
    ],
)
def test_plan_counts(
    run: Run, control: MemoryControl, pools, forecast: Forecast, first: str, second: str
) -> None:
    """How much is sent first, and what the time follows from in which it is away."""
    control.listers.foretells(NODE, forecast)
    assert move(run, "--plan").stdout.splitlines()[2:4] == [first, second]


def test_plan_at_home(run: Run, pools: MemoryPoolNodes) -> None:
    """Where it is nothing would be sent, and nobody would be without it."""
    result = run("move", "-d", str(DATASET), "-t", "a", "--plan")
    assert result.stdout.splitlines() == [
        f"Dataset {DATASET} is on node {HERE} already: nothing would be sent."
    ]
    again = run("move", "-d", str(DATASET), "-t", "a", "--plan", "-o", "json")
    plan = json.loads(again.stdout)
    assert (plan["to_send"], plan["downtime"]) == (0, None)


def test_on_use(run: Run, control: MemoryControl, pools: MemoryPoolNodes) -> None:
    """What nobody uses moves too, and is waited for though nobody mounts it."""
    other = "22222222-2222-4222-8222-222222222222"
    run("create", "-n", "a", "--id", other, "--mount", "on-use")
    pools.settle()
    result = run("move", "-d", other, "-t", "b", "--wait")
    assert result.exit_code == 0, result.output


def test_copies(run: Run, control: MemoryControl, pools: MemoryPoolNodes) -> None:
    """Which node has which copy is listed, and those that were set aside."""
    pools.asides[NODE] = ("aside-1",)
    move(run, "--wait")
    listed = run("copies", str(DATASET)).stdout
    head, first, second = listed.splitlines()
    assert head.split() == ["NODE", "COPY", "SNAPSHOT", "SET", "ASIDE"]
    assert first.startswith("aaaaaaaa (10.0.0.1)  replica")
    assert first.endswith("aside-1")
    assert second.startswith("bbbbbbbb (10.0.0.2)  the dataset")
    found = json.loads(run("copies", str(DATASET), "-o", "json").stdout)
    assert found[str(NODE)]["standing"] == "released"
    assert found[str(OTHER)]["standing"] == "owned"


def test_dropped(run: Run, control: MemoryControl, pools: MemoryPoolNodes) -> None:
    """A replica is destroyed when somebody says so; the dataset is not."""
    move(run, "--wait")
    refused = run("drop-copy", "-d", str(DATASET), "-n", "b")
    assert refused.exit_code == 5
    assert "it is the dataset" in refused.stderr
    result = run("drop-copy", "-d", str(DATASET), "-n", "a")
    assert result.stdout == (
        f"The copy of dataset {DATASET} on node {HERE} is being destroyed.\n"
    )
    pools.settle()
    assert list(pools.holders(DATASET)) == [OTHER]
    assert control.operations.configuration.pools[DATASET].prunes == ()
    gone = run("drop-copy", "-d", str(DATASET), "-n", "a", "-o", "json")
    assert gone.exit_code == 5
    assert "has no copy" in gone.stderr


def test_being_dropped(
    run: Run, control: MemoryControl, pools: MemoryPoolNodes
) -> None:
    """A copy that is to be destroyed says so until it is."""
    move(run, "--wait")
    pools.away.add(NODE)
    run("drop-copy", "-d", str(DATASET), "-n", "a")
    (wish,) = control.operations.configuration.pools[DATASET].prunes
    assert wish == Prune(NODE, SnapshotID(wish.snapshot))
    assert "being destroyed" in run("copies", str(DATASET)).stdout


def test_why(run: Run, pools: MemoryPoolNodes) -> None:
    """Why speaks of pools and copies, not of volumes."""
    leased(run)
    move(run)
    pools.settle()
    said = run("why", str(DATASET)).stdout
    assert f"It is in the pool 'default' of node {HERE}, of at most 1G." in said
    assert "container db (docker) has it leased" in said
    assert f"Node {THERE} says for " in said
    assert "that it has a copy, which is not mounted; it is told that another" in said
    assert "volume" not in said
