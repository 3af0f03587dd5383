"""What a node is to make of a dataset follows from what it was told."""

from attrs import evolve

from flocker.dataset_agent.desire import want
from flocker.model.cluster import Want
from flocker.testing.builders import a_dataset, an_assignment, node_id


def test_at_its_primary():
    """The node where it should be mounts it."""
    assert want(an_assignment(1, on=1), node_id(1)) is Want.MOUNTED


def test_elsewhere():
    """Any other node lets it go, deleted or not."""
    assignment = an_assignment(1, on=2)
    deleted = evolve(assignment, dataset=a_dataset(1, on=2, deleted=True))
    assert want(assignment, node_id(1)) is Want.AWAY
    assert want(deleted, node_id(1)) is Want.AWAY


def test_deleted():
    """The node where it should have been destroys it."""
    assignment = evolve(an_assignment(1), dataset=a_dataset(1, deleted=True))
    assert want(assignment, node_id(1)) is Want.DELETED


def test_unheard_of():
    """What control did not speak of, or does not know, is left alone."""
    unknown = evolve(an_assignment(1), dataset=None)
    assert want(None, node_id(1)) is Want.LEFT_ALONE
    assert want(unknown, node_id(1)) is Want.LEFT_ALONE
