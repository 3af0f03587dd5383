"""What a cluster needs to make datasets as they are wanted, on real loop devices."""

import time
from statistics import median

from admin.benchmarks.figures import RATIO, Bench, Cell, Notes, Part, at_most
from admin.benchmarks.filled import FilledCluster
from admin.benchmarks.machine import cpu_seconds, resident_mib
from flocker.sandbox.names import MachineName
from flocker.testing.clusters import live_cluster

HELD, QUICK_HELD = (0, 50, 200), (0, 5)
TIMES = 7

WANTED = {
    "POST to mounted, an empty node": at_most(
        1.0, f"from sending the request until the status says so; median of {TIMES}"
    ),
    "POST to mounted, with 200 / with none": at_most(
        1.2, "the same on both nodes by turns, one full, one empty; the best of each"
    ),
    "50 at once": at_most(10.0, "from the first POST until the last is mounted"),
}


def measure(bench: Bench, notes: Notes) -> None:
    """Measure with more and more datasets."""
    mounted: dict[int, float] = {}
    with live_cluster(2) as live:
        cluster = FilledCluster(live)
        for held in QUICK_HELD if bench.quick else HELD:
            bench.say(f"a node with {held} datasets")
            agent = cluster.agent(cluster.first)
            used = cpu_seconds(agent)
            lots = cluster.fill(held)
            if len(lots) == 1:
                notes.figure("50 at once", lots[0], "s")
                cpu = cpu_seconds(agent) - used
                notes.figure("50 at once, CPU of the agent", cpu, "s")
            mounted[held] = _lives(cluster, notes, held)
        bench.say("the full node and the empty one by turns")
        full, empty = _by_turns(cluster)
    notes.figure("POST to mounted, an empty node", mounted[0], "s")
    notes.figure("POST to mounted, with 200 / with none", full / empty, RATIO)


PART = Part("convergence", "a cluster until all is as wanted", WANTED, measure)


def _by_turns(cluster: FilledCluster) -> tuple[float, float]:
    """Give the least seconds until mounted on either node: the same load for both."""
    times: dict[MachineName, list[float]] = {cluster.first: [], cluster.second: []}
    for _ in range(TIMES):
        for node, taken in times.items():
            began = time.monotonic()
            dataset = cluster.create(node)
            cluster.reached(dataset, "mounted", node)
            taken.append(time.monotonic() - began)
            _ = cluster.ask("DELETE", f"configuration/datasets/{dataset}")
            cluster.reached(dataset, "destroyed")
    return min(times[cluster.first]), min(times[cluster.second])


def _lives(cluster: FilledCluster, notes: Notes, held: int) -> float:
    """Take some datasets through their lives; give the median until mounted."""
    agent = cluster.agent(cluster.first)
    times: dict[str, list[float]] = {"mounted": [], "moved": [], "destroyed": []}
    used = cpu_seconds(agent)
    for _ in range(TIMES):
        began = time.monotonic()
        dataset = cluster.create()
        cluster.reached(dataset, "mounted", cluster.first)
        created = time.monotonic()
        place = f"configuration/datasets/{dataset}"
        _ = cluster.ask("POST", place, {"primary": cluster.id(cluster.second)})
        cluster.reached(dataset, "mounted", cluster.second)
        moved = time.monotonic()
        _ = cluster.ask("DELETE", place)
        cluster.reached(dataset, "destroyed")
        times["mounted"].append(created - began)
        times["moved"].append(moved - created)
        times["destroyed"].append(time.monotonic() - moved)
    cells: dict[str, Cell] = {"datasets": held}
    cells |= {f"{name}, s": median(each) for name, each in times.items()}
    cells["agent's CPU a life, ms"] = (cpu_seconds(agent) - used) / TIMES * 1e3
    cells["agent's RSS, MiB"] = resident_mib(agent)
    notes.row("lives", cells)
    return median(times["mounted"])
