"""What is left to do on a dataset that is mounted where it should be."""

from pathlib import Path
from uuid import UUID

import pytest

from flocker.dataset_agent.discovery import BackendSeen
from flocker.dataset_agent.growing import maintain
from flocker.dataset_agent.planning import AT_REST, Waiting
from flocker.dataset_agent.states import Mounted
from flocker.dataset_agent.steps import Finish, Grow
from flocker.model.cluster import Assignment, Phase
from flocker.model.datasets import Dataset
from flocker.model.ids import BackendName, DatasetID, InstanceID, NodeID, VolumeID
from flocker.model.ownership import Ownership
from flocker.model.sizes import GIBIBYTE

DATASET = DatasetID(UUID(int=1))
NODE = NodeID(UUID(int=2))
VOLUME = VolumeID("vol-1")
FAST = BackendName("fast")
DEVICE = Path("/dev/sdf")
MOUNTED = Mounted(DATASET, VOLUME, 2 * GIBIBYTE, DEVICE, Path("/flocker/1"))
FINISH = Finish(DATASET, FAST, VOLUME, DEVICE, 2 * GIBIBYTE)


def assigned(maximum_size: int | None) -> Assignment:
    return Assignment(
        id=DATASET,
        dataset=Dataset(DATASET, NODE, maximum_size=maximum_size, backend=FAST),
        ownership=Ownership(DATASET, FAST, VOLUME, acquired=True),
    )


def seen(*, grows: bool = True) -> BackendSeen:
    return BackendSeen(InstanceID("i-1"), {}, unit=GIBIBYTE, grows=grows)


@pytest.mark.parametrize("finished", [None, GIBIBYTE])
@pytest.mark.parametrize("maximum_size", [None, 2 * GIBIBYTE, 5 * GIBIBYTE])
def test_finish(finished, maximum_size):
    """First, once a process and size, what a kill may have left undone is finished."""
    assert maintain(MOUNTED, assigned(maximum_size), seen(), finished) == FINISH


@pytest.mark.parametrize("maximum_size", [None, 1, GIBIBYTE + 1, 2 * GIBIBYTE])
def test_large_enough(maximum_size):
    """A volume that holds what is wanted, in whole units, stays as it is."""
    decision = maintain(MOUNTED, assigned(maximum_size), seen(), MOUNTED.size)
    assert decision == AT_REST


def test_grow():
    """A volume that is too small grows to whole units; the dataset stays mounted."""
    decision = maintain(MOUNTED, assigned(2 * GIBIBYTE + 1), seen(), MOUNTED.size)
    assert decision == Grow(DATASET, FAST, VOLUME, 3 * GIBIBYTE)
    assert decision.phase is Phase.MOUNTED


def test_cannot_grow():
    """A backend that cannot grow leaves the dataset mounted, and the cause says so."""
    decision = maintain(
        MOUNTED, assigned(3 * GIBIBYTE), seen(grows=False), MOUNTED.size
    )
    assert isinstance(decision, Waiting)
    assert (decision.cause.code, decision.cause.permanent) == ("cannot-grow", False)
    assert decision.cause.words == (
        "its volume has 2G and backend fast cannot make it 3G"
    )


def test_finish_without_growing():
    """A backend that cannot grow volumes does not keep a mount from being finished."""
    assert maintain(MOUNTED, assigned(3 * GIBIBYTE), seen(grows=False), None) == FINISH
