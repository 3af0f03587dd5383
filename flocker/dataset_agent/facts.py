"""What the agent tells control of a dataset: its situation, step and trouble; pure."""

from flocker.dataset_agent.states import (
    Discovered,
    OnDeadNode,
    Unregistered,
    device_of,
    instance_of,
    path_of,
    size_of,
    volume_of,
)
from flocker.dataset_agent.steps import Step
from flocker.model.cluster import Cause, Fact, Want
from flocker.model.ids import BackendName


def fact(
    wanted: Want,
    found: Discovered,
    backend: BackendName,
    doing: Step | None,
    cause: Cause | None,
) -> Fact:
    """Put the knowledge of one dataset in the words of the protocol."""
    path, device = path_of(found), device_of(found)
    return Fact(
        dataset=found.dataset,
        want=wanted,
        condition=found.condition,
        backend=backend,
        volume=volume_of(found),
        size=size_of(found),
        path=None if path is None else str(path),
        device=None if device is None else str(device),
        instance=instance_of(found),
        doing=None if doing is None else doing.phase,
        cause=cause,
        off=isinstance(found, OnDeadNode) and found.off,
        life=found.life if isinstance(found, Unregistered) else None,
    )
