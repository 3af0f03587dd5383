"""Snapshots and clones of volumes, as control decides on them; and what status says."""

from uuid import UUID

import pytest
from attrs import evolve
from pyrsistent import pmap

from flocker.control import snapshots
from flocker.control.clones import NoSuchSource, clone
from flocker.control.datasets import NewDataset, delete
from flocker.control.observations import Observations
from flocker.control.statuses import snapshot_status_of
from flocker.control.upkeep import Times, upkeep
from flocker.control.volume_snapshots import NoSnapshotsThere, SourceNeeded
from flocker.model.changes import apply
from flocker.model.cluster import BackendReport, Cause, Condition, Want
from flocker.model.configuration import Configuration
from flocker.model.datasets import DEFAULT_BACKEND, FilesystemKind, Mounting
from flocker.model.ids import BackendName, SnapshotID, UserSnapshotID
from flocker.model.sizes import GIBIBYTE
from flocker.model.snapshots import FoundSnapshot, Origin, Taken, VolumeSnapshots
from flocker.testing.builders import (
    a_configuration,
    a_dataset,
    a_fact,
    a_lease,
    a_node,
    an_identity,
    an_ownership,
    dataset_id,
    node_id,
)

SOURCE, CLONE = dataset_id(1), dataset_id(2)
MONDAY = UserSnapshotID(UUID(int=1))
IDENTITY = SnapshotID("snapshot-1")
NOW = 1000.0


def a_member(number: int = 1, *, snapshots: bool = True, driver: str = "loopback"):
    """A node that has said what its backend can do."""
    report = BackendReport(DEFAULT_BACKEND, driver, "block", snapshots=snapshots)
    return evolve(a_node(number), backends=(report,))


def known(*nodes, **dataset) -> Configuration:
    """A dataset that is a volume, wanted on node 1."""
    wanted_one = evolve(a_dataset(), **dataset)
    made = a_configuration([wanted_one], [an_ownership(acquired=True)])
    members = nodes or (a_member(1), a_member(2))
    return evolve(made, nodes=pmap({node.id: node for node in members}))


def asked(configuration: Configuration, decide) -> Configuration:
    """What it is after a request."""
    return apply(decide(configuration), configuration)


def taking(configuration: Configuration) -> Configuration:
    """A snapshot is wanted."""
    return asked(
        configuration, lambda c: snapshots.create(c, SOURCE, "monday", MONDAY, NOW)
    )


def forgetting(configuration: Configuration) -> Configuration:
    """It is wanted no more."""
    return asked(configuration, lambda c: snapshots.delete(c, SOURCE, "monday"))


def cloning(configuration: Configuration, on: int = 1, **more) -> Configuration:
    """A clone is wanted."""
    new = NewDataset(CLONE, node_id(on), **more)
    return asked(configuration, lambda c: clone(c, new, SOURCE, "monday", NOW))


def says(*found: UserSnapshotID, heard: int = 1, **more):
    """What a node says that has the dataset mounted."""
    there = tuple(FoundSnapshot(each, IDENTITY) for each in found)
    kept = VolumeSnapshots(there, heard)
    return evolve(a_fact(1, Condition.MOUNTED), kept=kept, **more)


def hearing(*facts, silent: tuple[int, ...] = ()) -> Observations:
    """What nodes 1, 2 ... have said."""
    observations = Observations()
    for node, fact in enumerate(facts, start=1):
        observations.connected(an_identity(node), 10.0)
        if fact is not None:
            observations.replace(node_id(node), [(fact, 0.0)], 10.0)
    for node in silent:
        observations.disconnected(node_id(node), 20.0)
    return observations


def kept(configuration: Configuration, *facts, silent=()) -> Configuration:
    """What upkeep makes of what nodes say."""
    heard = hearing(*facts, silent=silent)
    change = upkeep(configuration, heard, [SOURCE], Times(NOW, 0.0))
    return apply(change, configuration)


def taken(configuration: Configuration | None = None) -> Configuration:
    """A snapshot was taken and is on record."""
    return kept(taking(configuration or known()), says(MONDAY))


def wanted(configuration: Configuration):
    """What is wanted of the dataset."""
    row = configuration.snapshots.get(SOURCE)
    return () if row is None else row.wanted


def status(configuration: Configuration, *facts, silent=()) -> tuple[str, str | None]:
    """The phase of the one snapshot, and the code of its cause."""
    row = configuration.snapshots[SOURCE]
    found = snapshot_status_of(
        configuration, hearing(*facts, silent=silent), row, row.wanted[0]
    )
    return found.phase.value, None if found.cause is None else found.cause.code


# Where


def test_only_where_there_are_any():
    """A node whose backend takes none is named, and one that has said nothing."""
    unable = known(a_member(snapshots=False, driver="ebs"))
    with pytest.raises(NoSnapshotsThere) as caught:
        taking(unable)
    assert str(caught.value) == (
        f"dataset {SOURCE} has no snapshots: node {node_id(1)} (10.0.0.1) has not said"
        " that it takes any of volumes of backend default, which is ebs: it takes none"
        " as it is set up there, or did not answer in time and is asked again; the log"
        " of the node's agent says which"
    )
    for nodes in ((a_member(2),), (evolve(a_node(1), backends=()),)):
        with pytest.raises(NoSnapshotsThere, match="has not said yet"):
            taking(known(*nodes))


def test_where_it_is_used():
    """What counts is the node that uses a dataset that goes where it is used."""
    configuration = known(
        a_member(1, snapshots=False), a_member(2), mount=Mounting.ON_USE
    )
    lease = evolve(a_lease(), node=node_id(2))
    there = evolve(configuration, leases=pmap({SOURCE: lease}))
    assert wanted(taking(there))
    with pytest.raises(NoSnapshotsThere):
        taking(configuration)


# Taken


def test_taken():
    """What the node finds that has the volume is put on record, once."""
    (snapshot,) = wanted(taken())
    assert snapshot.taken == Taken(IDENTITY, 10.0)
    assert wanted(kept(taken(), says(MONDAY, heard=2))) == (snapshot,)


@pytest.mark.parametrize(
    "fact",
    [
        says(),
        says(UserSnapshotID(UUID(int=2))),
        evolve(says(MONDAY), kept=None),
        evolve(says(MONDAY), condition=Condition.DETACHED),
        evolve(says(MONDAY), volume="vol-other"),
        evolve(says(MONDAY), backend=BackendName("other")),
    ],
)
def test_not_taken(fact):
    """What is said of another snapshot or volume, or without having it, counts not."""
    before = taking(known())
    assert wanted(kept(before, fact)) == wanted(before)


# Deleted


def test_gone():
    """A deleted one is forgotten when who has the volume knows, and has looked."""
    before = forgetting(taken())
    deleted = wanted(before)[0].deleted
    assert deleted == 3
    for fact in (says(MONDAY, heard=3), says(heard=2), None):
        assert wanted(kept(before, fact)) == wanted(before)
    assert wanted(kept(before, says(heard=3))) == ()


def test_not_gone_while_another_may_act():
    """Nobody's word is enough while another node has the volume, or may act on it."""
    before = forgetting(taken())
    other = evolve(a_fact(1, Condition.DETACHED), doing=None, want=Want.AWAY)
    assert wanted(kept(before, says(heard=3), other)) == ()
    two = evolve(says(heard=2), want=Want.AWAY)
    assert wanted(kept(before, says(heard=3), two)) == wanted(before)
    assert wanted(kept(before, says(heard=3), two, silent=(2,))) == ()


def test_never_there():
    """Of a volume that was never made a snapshot goes at once, if it was not taken."""
    unmade = evolve(known(), ownership=pmap(), volumes=pmap())
    assert wanted(kept(forgetting(taking(unmade)))) == ()
    assert wanted(kept(taking(unmade))) == wanted(taking(unmade))


def test_destroyed_with_it():
    """With a destroyed dataset goes what was wanted of it."""
    gone = asked(taken(), lambda c: delete(c, SOURCE, NOW))
    fact = evolve(
        a_fact(1, Condition.DESTROYED), want=Want.DELETED, device=None, path=None
    )
    assert SOURCE not in kept(gone, fact).snapshots


# Clones


def test_cloned():
    """A clone is as its source, where it is wanted, and begins as what was taken."""
    made = cloning(taken(known(filesystem=FilesystemKind.XFS)), on=2)
    found = made.datasets[CLONE]
    assert found.origin == Origin(SOURCE, IDENTITY)
    assert found.primary == node_id(2)
    assert found.filesystem is FilesystemKind.XFS
    assert found.maximum_size == made.datasets[SOURCE].maximum_size
    assert CLONE not in made.pools


def test_cloned_larger():
    """It may be larger than its source, not smaller."""
    made = cloning(taken(known(maximum_size=GIBIBYTE)), maximum_size=2 * GIBIBYTE)
    assert made.datasets[CLONE].maximum_size == 2 * GIBIBYTE
    with pytest.raises(NoSuchSource, match="cannot have fewer"):
        cloning(taken(known(maximum_size=2 * GIBIBYTE)), maximum_size=GIBIBYTE)


def test_clone_refused():
    """What was not taken, or is for a node that could not make it, is refused."""
    with pytest.raises(NoSuchSource, match="it is not taken yet"):
        cloning(taking(known()))
    with pytest.raises(NoSuchSource, match="there is no such snapshot"):
        cloning(known())
    with pytest.raises(NoSuchSource, match="and fast was asked for"):
        cloning(taken(), backend=BackendName("fast"))
    with pytest.raises(NoSnapshotsThere):
        cloning(taken(known(a_member(1), a_member(2, snapshots=False))), on=2)


def test_source_stays():
    """Until a clone is made its source stays; afterwards it can go."""
    waiting = cloning(taken())
    with pytest.raises(SourceNeeded) as caught:
        forgetting(waiting)
    assert caught.value.clones == (CLONE,)
    with pytest.raises(SourceNeeded):
        asked(waiting, lambda c: delete(c, SOURCE, NOW))
    made = evolve(waiting, ownership=waiting.ownership.set(CLONE, an_ownership(2)))
    assert wanted(forgetting(made))[0].deleted
    unwanted = asked(waiting, lambda c: delete(c, CLONE, NOW))
    assert asked(unwanted, lambda c: delete(c, SOURCE, NOW)).datasets[SOURCE].deleted


def test_other_snapshots_go():
    """A clone needs the one that it is made of."""
    configuration = cloning(taken())
    tuesday = UserSnapshotID(UUID(int=2))
    more = asked(
        configuration, lambda c: snapshots.create(c, SOURCE, "tuesday", tuesday, NOW)
    )
    gone = asked(more, lambda c: snapshots.delete(c, SOURCE, "tuesday"))
    assert [each.deleted for each in wanted(gone)] == [None, 4]


# Status


@pytest.mark.parametrize(
    ("fact", "silent", "code"),
    [
        (None, (), "not-attached"),
        (says(), (1,), "node-silent"),
        (says(), (), "not-taken"),
        (evolve(says(), kept=None), (), "not-reported"),
        (evolve(says(), condition=Condition.ATTACHED), (), "not-mounted"),
        (says(cause=Cause("full", "no room")), (), "full"),
    ],
)
def test_why_not_taken(fact, silent, code):
    """It says for what a snapshot waits."""
    assert status(taking(known()), fact, silent=silent) == ("waiting", code)


def test_no_volume():
    """What was never made has nothing that could be kept."""
    unmade = evolve(known(), ownership=pmap(), volumes=pmap())
    assert status(taking(unmade)) == ("waiting", "no-volume")


def test_status_of_what_is_taken():
    """It is taken, wherever its volume is; and missing once it surely is."""
    configuration = taken()
    for fact in (None, says(MONDAY, heard=2), says(heard=1)):
        assert status(configuration, fact) == ("taken", None)
    assert status(configuration, says(heard=2)) == ("missing", "snapshot-missing")
    assert status(configuration, says(heard=2), silent=(1,)) == ("taken", None)


@pytest.mark.parametrize(
    ("fact", "silent", "code"),
    [
        (None, (), "not-attached"),
        (says(MONDAY), (1,), "holder-silent"),
        (says(MONDAY, heard=3), (), "not-destroyed"),
        (says(MONDAY, heard=2), (), "not-reported"),
        (says(MONDAY, cause=Cause("busy", "busy")), (), "busy"),
    ],
)
def test_why_not_gone(fact, silent, code):
    """It says what keeps one that is deleted."""
    assert status(forgetting(taken()), fact, silent=silent) == ("deleting", code)
