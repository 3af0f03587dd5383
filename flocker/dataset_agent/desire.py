"""What this node should make of a dataset."""

from flocker.model.cluster import Assignment, Want
from flocker.model.ids import NodeID


def want(assignment: Assignment | None, node: NodeID) -> Want:
    """Give what `node` should make of what it was told; None is a volume unheard of.

    What control did not speak of is left alone: it may be somebody's only copy.
    """
    if assignment is None or assignment.dataset is None:
        return Want.LEFT_ALONE
    if assignment.dataset.primary != node:
        return Want.AWAY
    return Want.DELETED if assignment.dataset.deleted else Want.MOUNTED
