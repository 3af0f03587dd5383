"""What this node should make of a dataset."""

from flocker.dataset_agent.states import Discovered, path_of
from flocker.model.cluster import Assignment, Want
from flocker.model.ids import NodeID
from flocker.model.leases import wanted_on


def want(
    assignment: Assignment | None,
    node: NodeID,
    found: Discovered,
    *,
    standing_down: bool = False,
) -> Want:
    """Give what `node` should make of what it was told; None is a volume unheard of.

    A node that stands down lets go of everything.

    What control did not speak of is left alone: it may be somebody's only copy. A
    lease keeps what is mounted in the dataset's place here, whatever else is wanted;
    also when its device cannot be looked at just now.
    """
    if standing_down:
        return Want.AWAY
    if assignment is None or assignment.dataset is None:
        return Want.LEFT_ALONE
    dataset, lease = assignment.dataset, assignment.lease
    leased_here = lease is not None and lease.node == node
    if leased_here and path_of(found) is not None:
        return Want.MOUNTED
    wanted = wanted_on(dataset, lease)
    if wanted is None:
        return Want.KEPT
    if wanted != node:
        return Want.AWAY
    return Want.DELETED if dataset.deleted else Want.MOUNTED
