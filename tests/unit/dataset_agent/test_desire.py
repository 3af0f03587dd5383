"""What a node is to make of a dataset follows from what it was told."""

import pytest
from attrs import evolve

from flocker.dataset_agent.desire import want
from flocker.dataset_agent.states import (
    Attached,
    Blank,
    Detached,
    Missing,
    Mounted,
    Stranded,
)
from flocker.model.cluster import Want
from flocker.model.datasets import Mounting
from flocker.testing.builders import a_dataset, a_lease, an_assignment, node_id
from flocker.testing.situations import DATASET, DEVICE, PLACE, SIZE, VOLUME

HERE = node_id(1)
MOUNTED = Mounted(DATASET, VOLUME, SIZE, DEVICE, PLACE)
NOT_MOUNTED = (
    Missing(DATASET),
    Detached(DATASET, VOLUME, SIZE),
    Blank(DATASET, VOLUME, SIZE, DEVICE),
    Attached(DATASET, VOLUME, SIZE, DEVICE, "ext4"),
)
each_situation = pytest.mark.parametrize("found", [*NOT_MOUNTED, MOUNTED])


def told(on=1, *, leased=None, deleted=False, mount=Mounting.ALWAYS):
    """What a node is told of a dataset on node `on`, perhaps leased to another."""
    lease = None if leased is None else a_lease(1, leased)
    return evolve(
        an_assignment(1, lease=lease),
        dataset=evolve(a_dataset(1, on, deleted=deleted), mount=mount),
    )


@each_situation
def test_at_its_primary(found):
    """The node where it should be mounts it."""
    assert want(told(1), HERE, found) is Want.MOUNTED


@each_situation
def test_elsewhere(found):
    """Any other node lets it go, deleted or not."""
    assert want(told(2), HERE, found) is Want.AWAY
    assert want(told(2, deleted=True), HERE, found) is Want.AWAY


@each_situation
def test_deleted(found):
    """The node where it should have been destroys it."""
    assert want(told(1, deleted=True), HERE, found) is Want.DELETED


@each_situation
def test_unheard_of(found):
    """What control did not speak of, or does not know, is left alone."""
    unknown = evolve(an_assignment(1), dataset=None)
    assert want(None, HERE, found) is Want.LEFT_ALONE
    assert want(unknown, HERE, found) is Want.LEFT_ALONE


@pytest.mark.parametrize(
    "assignment",
    [
        told(2, leased=1),
        told(1, leased=1, deleted=True),
        told(2, leased=1, deleted=True),
    ],
    ids=["moved", "deleted", "moved and deleted"],
)
def test_leased_here(assignment):
    """What is mounted here and leased here stays, whatever else is wanted."""
    assert want(assignment, HERE, MOUNTED) is Want.MOUNTED


def test_leased_and_not_to_be_looked_at():
    """A lease also keeps what is mounted while its device cannot be looked at."""
    stranded = Stranded(DATASET, VOLUME, PLACE, "I/O error")
    assert want(told(1, leased=1, deleted=True), HERE, stranded) is Want.MOUNTED


@pytest.mark.parametrize("found", NOT_MOUNTED)
def test_leased_and_not_mounted(found):
    """A lease keeps what is mounted; nobody mounts for it what should go."""
    assert want(told(2, leased=1), HERE, found) is Want.AWAY
    assert want(told(1, leased=1, deleted=True), HERE, found) is Want.DELETED


@each_situation
def test_leased_elsewhere(found):
    """A lease of another node is none here."""
    assert want(told(2, leased=2), HERE, found) is Want.AWAY
    assert want(told(1, leased=2), HERE, found) is Want.MOUNTED
    assert want(told(1, leased=2, deleted=True), HERE, found) is Want.DELETED


@each_situation
def test_on_use(found):
    """What is mounted on use is mounted where it is leased, and kept where it is."""
    on_use = Mounting.ON_USE
    assert want(told(2, leased=1, mount=on_use), HERE, found) is Want.MOUNTED
    assert want(told(1, leased=2, mount=on_use), HERE, found) is Want.AWAY
    assert want(told(1, mount=on_use), HERE, found) is Want.KEPT
    assert want(told(1, mount=on_use, deleted=True), HERE, found) is Want.DELETED
