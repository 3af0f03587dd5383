"""What is left to do on a dataset that is mounted in its place; pure, as `planning`."""

from flocker.dataset_agent.causes import cannot_grow
from flocker.dataset_agent.discovery import BackendSeen
from flocker.dataset_agent.planning import AT_REST, Decision, Waiting
from flocker.dataset_agent.states import Mounted
from flocker.dataset_agent.steps import Finish, Grow
from flocker.model.cluster import Assignment
from flocker.model.datasets import DEFAULT_BACKEND
from flocker.model.ids import BackendName
from flocker.model.sizes import round_up


def maintain(
    found: Mounted, assignment: Assignment, seen: BackendSeen, finished: int | None
) -> Decision:
    """Say what is left to do on a dataset that is mounted where it should be.

    What was begun is finished first. `finished` is the volume's size in bytes for
    which this process has done `Finish`.
    """
    dataset = assignment.dataset
    wanted = None if dataset is None else dataset.maximum_size
    backend = _backend_name(assignment)
    if finished != found.size:
        return Finish(found.dataset, backend, found.volume, found.device, found.size)
    if wanted is not None and round_up(wanted, seen.unit) > found.size:
        size = round_up(wanted, seen.unit)
        if not seen.grows:
            return Waiting(cannot_grow(backend, found.size, size))
        return Grow(found.dataset, backend, found.volume, size)
    return AT_REST


def _backend_name(assignment: Assignment) -> BackendName:
    if assignment.ownership is not None:
        return assignment.ownership.backend
    return DEFAULT_BACKEND
