"""The situations are the conditions that control knows, one each."""

from flocker.dataset_agent.states import (
    Mounted,
    Stranded,
    device_of,
    instance_of,
    path_of,
    size_of,
    volume_of,
)
from flocker.model.cluster import HOLDING, Condition
from flocker.testing.situations import (
    DEVICE,
    EVERY,
    OTHER,
    PLACE,
    SIZE,
    VOLUME,
)


def conditions_with(accessor: object) -> set[Condition]:
    """The conditions of those situations that have what `accessor` gives."""
    return {found.condition for found in EVERY if accessor(found) is not None}


def test_one_a_condition():
    """Every condition has its situation."""
    assert {found.condition for found in EVERY} == set(Condition)


def test_volumes():
    """Every situation but three has a volume."""
    without = {found.condition for found in EVERY if volume_of(found) is None}
    assert without == {Condition.UNKNOWN, Condition.MISSING, Condition.STRANDED}
    assert {volume_of(found) for found in EVERY} == {VOLUME, None}


def test_devices():
    """A device is known where it was seen: attached here, and nothing stranded."""
    seen = HOLDING - {Condition.APPEARING, Condition.UNREADABLE, Condition.STRANDED}
    assert conditions_with(device_of) == seen
    assert {device_of(found) for found in EVERY} == {DEVICE, None}


def test_paths():
    """Only what is mounted has a path."""
    assert conditions_with(path_of) == {Mounted.condition, Stranded.condition}
    assert {path_of(found) for found in EVERY} == {PLACE, None}


def test_instances():
    """Another machine is named where one has the volume."""
    assert conditions_with(instance_of) == {
        Condition.ELSEWHERE,
        Condition.ON_DEAD_NODE,
    }
    assert {instance_of(found) for found in EVERY} == {OTHER, None}


def test_sizes():
    """The size is known of what is listed."""
    unlisted = {found.condition for found in EVERY if size_of(found) is None}
    assert unlisted == {
        Condition.UNKNOWN,
        Condition.MISSING,
        Condition.REGISTERED,
        Condition.DESTROYED,
        Condition.STRANDED,
    }
    assert {size_of(found) for found in EVERY} == {SIZE, None}
