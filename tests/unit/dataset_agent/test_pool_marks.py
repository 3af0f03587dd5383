"""Snapshots that are taken for streams: which stay."""

from flocker.backends.pool_interface import PoolSnapshot
from flocker.dataset_agent.pool_marks import (
    END,
    FINAL,
    ROUND,
    RUNS_KEPT,
    lasting,
    stamp,
)
from flocker.model.ids import SnapshotID
from flocker.testing.builders import node_id


def copy(*taken):
    """The snapshots of a copy: for which target each, or a user's name."""
    names = []
    for number, each in enumerate(taken):
        if isinstance(each, str):
            names.append(each)
        else:
            kind, target = each if isinstance(each, tuple) else (ROUND, each)
            names.append(f"{kind}{stamp(node_id(target), f'{number:032x}')}")
    return [PoolSnapshot(name, SnapshotID(f"id-{n}")) for n, name in enumerate(names)]


def kept(*taken):
    """The numbers of those that stay."""
    snapshots = copy(*taken)
    stay = lasting(snapshots)
    return [n for n, each in enumerate(snapshots) if each.identity in stay]


def test_end_of_a_run():
    """Of rounds for one node the newest stay: the very last may not have arrived."""
    assert kept(*[1] * 5) == [3, 4]
    assert END == 2


def test_given_up():
    """What was brought to a node is not pushed out by rounds for another."""
    assert kept(1, 1, 1, *[2] * 5) == [1, 2, 6, 7]


def test_hand_over():
    """A final ends the run of its target."""
    assert kept(1, 1, 1, (FINAL, 1), 2, (FINAL, 2)) == [2, 3, 4, 5]


def test_as_many_as_runs():
    """Of a dataset that goes to and fro the last runs count."""
    taken = [1, 2] * 10
    assert kept(*taken) == list(range(len(taken) - RUNS_KEPT, len(taken)))


def test_users():
    """What users took is not ours, and parts no run."""
    assert kept(1, "monday.1", 1, 1) == [2, 3]


def test_names_of_earlier_versions():
    """Names without a target: each is a run of its own."""
    old = [f"{kind}{n:032x}" for n, kind in enumerate([ROUND, FINAL] * RUNS_KEPT)]
    assert kept(*old) == list(range(RUNS_KEPT, 2 * RUNS_KEPT))
