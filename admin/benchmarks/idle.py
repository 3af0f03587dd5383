"""What the agents of a cluster use in which nothing happens."""

import time

from admin.benchmarks.figures import Bench, Notes, Part, at_most
from admin.benchmarks.filled import FilledCluster
from admin.benchmarks.machine import cpu_seconds
from flocker.testing.clusters import live_cluster

HELD, QUICK_HELD = 200, 5
WATCHED, QUICK_WATCHED = 90.0, 5.0
"""Seconds in which nodes at rest are watched; an hour is more of the same."""
HOUR = 3600.0

WANTED = {
    "agent at rest with 200, of one CPU": at_most(
        0.1, f"CPU of its process in {WATCHED:.0f} s, with at least one thorough look"
    ),
}


def measure(bench: Bench, notes: Notes) -> None:
    """Fill a node, and watch it beside an empty one."""
    held = QUICK_HELD if bench.quick else HELD
    seconds = QUICK_WATCHED if bench.quick else WATCHED
    with live_cluster(2) as live:
        cluster = FilledCluster(live)
        bench.say(f"filling a node with {held} datasets")
        _ = cluster.fill(held)
        bench.say(f"nodes at rest for {seconds:.0f} s")
        time.sleep(2.0)
        nodes = {f"with {held}": cluster.first, "with none": cluster.second}
        agents = {name: cluster.agent(node) for name, node in nodes.items()}
        before = {name: cpu_seconds(agent) for name, agent in agents.items()}
        time.sleep(seconds)
        used = {name: cpu_seconds(agents[name]) - before[name] for name in agents}
    for name, cpu in used.items():
        what = f"agent at rest {name}, an hour of it (scaled)"
        notes.figure(what, cpu / seconds * HOUR, "s of CPU")
    share = used[f"with {held}"] / seconds * 100
    notes.figure("agent at rest with 200, of one CPU", share, "%")


PART = Part("idle", "agents of a cluster in which nothing happens", WANTED, measure)
