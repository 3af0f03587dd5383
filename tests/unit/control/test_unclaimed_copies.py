"""Copies in pools that no dataset is."""

import pytest
from attrs import evolve

from flocker.control.observations import Observations
from flocker.control.unclaimed_copies import unclaimed_copies
from flocker.model.changes import Change, DatasetEdit, PoolEdit, apply
from flocker.model.configuration import Configuration
from flocker.model.ids import BackendName, Epoch, SnapshotID
from flocker.model.pools import (
    NoCopy,
    Owned,
    PoolFact,
    PoolOwnership,
    Record,
    Replica,
    Standing,
)
from flocker.testing.builders import a_dataset, a_fact, an_identity, node_id

DATASET = a_dataset()
A = node_id(1)
POOL = BackendName("tank")
ROW = PoolOwnership(DATASET.id, POOL, A, top=Epoch(3))


def heard(standing: Standing, *, exists: bool = True) -> Observations:
    """One node has said what it has."""
    observations = Observations()
    observations.connected(an_identity(1), 1.0)
    copy = PoolFact(Record(DATASET.id, standing), exists, SnapshotID("s"))
    fact = evolve(a_fact(), backend=POOL, pool=copy)
    observations.replace(A, [(fact, 0.0)], 1.0)
    return observations


def stored(*edits) -> Configuration:
    return apply(Change(edits), Configuration())


OWNED = heard(Owned(Epoch(4), None))


def test_owned():
    """Who owns it is named, and how to have it again."""
    (found,) = unclaimed_copies(Configuration(), OWNED)
    assert (found.node, found.fact.dataset) == (A, DATASET.id)
    assert found.cause.words == (
        f"its node owns dataset {DATASET.id}, which is not configured"
    )
    assert found.cause.release == (
        "to have it again, create it with its id: flockerctl create --id"
        f" {DATASET.id} --node {A} --backend tank"
    )


def test_old_copy():
    """What nobody serves is told from it."""
    (found,) = unclaimed_copies(Configuration(), heard(Replica(Epoch(4))))
    assert "an old copy" in found.cause.words


@pytest.mark.parametrize(
    ("configuration", "said"),
    [
        (stored(DatasetEdit(None, DATASET)), OWNED),
        (Configuration(), heard(NoCopy(), exists=False)),
        (stored(PoolEdit(None, evolve(ROW, deleted=True, top=Epoch(4)))), OWNED),
    ],
    ids=["configured", "no-copy", "deleted"],
)
def test_nothing(configuration, said):
    """A dataset's copies are its own, and so is what is left of a deleted one."""
    assert list(unclaimed_copies(configuration, said)) == []


def test_of_a_later_life():
    """A copy of a life that the store has forgotten is nobody's."""
    gone = stored(PoolEdit(None, evolve(ROW, deleted=True)))
    assert len(list(unclaimed_copies(gone, OWNED))) == 1
