"""One test a rule: which situation follows from what was seen."""

from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from flocker.backends.block_interface import BlockDeviceVolume
from flocker.dataset_agent import states
from flocker.dataset_agent.discovery import (
    BackendSeen,
    Device,
    Observation,
    discover,
)
from flocker.model.cluster import HOLDING, Assignment
from flocker.model.datasets import DEFAULT_BACKEND
from flocker.model.ids import InstanceID, VolumeID
from flocker.testing.builders import (
    a_dataset,
    a_life,
    an_assignment,
    an_ownership,
)
from flocker.testing.situations import (
    DATASET,
    DEVICE,
    OTHER,
    PLACE,
    SIZE,
    VOLUME,
)

ME = InstanceID("i-me")
TWIN = VolumeID("volume-twin")
NUMBER = 0x700
ELSEWHERE = Path("/mnt")


def listed(attached_to=None, volume=VOLUME):
    """A volume of the dataset."""
    return BlockDeviceVolume(volume, SIZE, attached_to, DATASET)


def seen(*volumes, **more):
    """A backend that lists these volumes of the dataset."""
    return BackendSeen(ME, {DATASET: volumes} if volumes else {}, **more)


def here(signature=None, *, usable=False, **more):
    """The volume, attached here with its device."""
    devices = {VOLUME: Device(DEVICE, NUMBER, signature, usable)}
    return seen(listed(ME), devices=devices, **more)


def told(*, acquired=False, registered=True):
    """An assignment whose volume is on record, or not."""
    ownership = an_ownership(1, VOLUME, acquired=acquired) if registered else None
    return evolve(an_assignment(1), ownership=ownership)


def found(backend, assignment, mounts=None):
    """Discover; `mounts` is device number to mount points."""
    paths = frozenset(p for points in (mounts or {}).values() for p in points)
    observation = Observation({DEFAULT_BACKEND: backend}, mounts or {}, paths)
    return discover(DATASET, assignment, backend, observation, PLACE)


def test_missing():
    """Nothing on record, nothing listed."""
    assert found(seen(), told(registered=False)) == states.Missing(DATASET)


def test_unregistered():
    """A volume that is listed and not on record is to be put on record, no more."""
    for backend in (seen(listed()), seen(listed(OTHER)), here("ext4", usable=True)):
        made = evolve(backend, made={VOLUME: None})
        situation = found(made, told(registered=False))
        assert situation == states.Unregistered(DATASET, VOLUME, SIZE)


def test_found():
    """What carries the id of a dataset without a life is taken as it is."""
    for backend in (seen(listed()), seen(listed(OTHER)), here("ext4", usable=True)):
        situation = found(backend, told(registered=False))
        assert situation == states.Found(DATASET, VOLUME, SIZE)


def in_life(number: int) -> Assignment:
    """Told of a dataset in one of its lives, which has no volume yet."""
    return Assignment(DATASET, evolve(a_dataset(), life=a_life(number)))


def test_of_this_life():
    """A volume is the dataset's own by its mark, or because this process made it."""
    own = states.Unregistered(DATASET, VOLUME, SIZE, a_life(2))
    marked = evolve(listed(), life=a_life(2))
    assert found(seen(marked), in_life(2)) == own
    made = evolve(seen(listed()), made={VOLUME: a_life(2)})
    assert found(made, in_life(2)) == own


@pytest.mark.parametrize("life", [None, a_life(1)])
def test_of_another_life(life):
    """Any other volume with its id is nobody's, wherever it is and whoever made it."""
    other = evolve(listed(), life=life)
    unclaimed = states.Unclaimed(DATASET, VOLUME, SIZE)
    assert found(seen(other), in_life(2)) == unclaimed
    assert found(seen(evolve(other, attached_to=OTHER)), in_life(2)) == unclaimed
    made = evolve(seen(other), made={VOLUME: a_life(1)})
    assert found(made, in_life(2)) == unclaimed
    mounted = {7: (PLACE,)}
    assert found(seen(other), in_life(2), mounts=mounted) == unclaimed


def test_own_before_others():
    """A volume that was made for it is taken, whatever else carries its id."""
    own = evolve(listed(volume=TWIN), life=a_life(2))
    for other in (listed(ME), evolve(listed(ME), life=a_life(1))):
        assert found(seen(other, own), in_life(2)).volume == TWIN


def test_in_use_before_spare():
    """Of two volumes of one life the one that is in use counts."""
    spare, used = listed(), listed(OTHER, TWIN)
    both = [evolve(volume, life=a_life(2)) for volume in (spare, used)]
    assert found(seen(*both), in_life(2)).volume == TWIN


def test_marked_for_nobody():
    """A volume of a life is not one of a dataset that has none."""
    marked = seen(evolve(listed(), life=a_life(1)))
    situation = found(marked, told(registered=False))
    assert situation == states.Unclaimed(DATASET, VOLUME, SIZE)


def test_which_is_unregistered():
    """Of several volumes the one attached here counts, then the lowest name."""
    twin = listed(volume=TWIN)
    assert found(seen(twin, listed(ME)), told(registered=False)).volume == VOLUME
    assert found(seen(listed(), twin), told(registered=False)).volume == VOLUME
    assert found(seen(twin, listed()), told(registered=False)).volume == VOLUME


def test_registered():
    """What is on record and not listed may come."""
    assert found(seen(), told()) == states.Registered(DATASET, VOLUME)


def test_destroyed():
    """What is on record, not listed, and known to be no more does not come."""
    backend = seen(gone=frozenset({VOLUME}))
    assert found(backend, told()) == states.Destroyed(DATASET, VOLUME)


def test_gone_and_listed():
    """What is listed is there, whatever was said of it before."""
    backend = seen(listed(), gone=frozenset({VOLUME}))
    assert found(backend, told()) == states.Detached(DATASET, VOLUME, SIZE)


def test_duplicates():
    """Only the volume on record is the dataset, wherever another one is attached."""
    backend = seen(listed(ME, TWIN), listed())
    assert found(backend, told()) == states.Detached(DATASET, VOLUME, SIZE)
    only_twin = seen(listed(ME, TWIN))
    assert found(only_twin, told()) == states.Registered(DATASET, VOLUME)


def test_elsewhere():
    """Another machine has it, and nobody knows whether that machine runs."""
    assert found(seen(listed(OTHER)), told()) == states.Elsewhere(
        DATASET, VOLUME, SIZE, OTHER
    )


def test_on_a_live_machine():
    """Another machine has it and runs."""
    backend = seen(listed(OTHER), alive=frozenset({ME, OTHER}))
    assert isinstance(found(backend, told()), states.Elsewhere)


def test_on_a_dead_machine():
    """Another machine has it and is off, as the backend says."""
    backend = seen(listed(OTHER), alive=frozenset({ME}))
    expected = states.OnDeadNode(DATASET, VOLUME, SIZE, OTHER, off=True)
    assert found(backend, told()) == expected


@pytest.mark.parametrize("alive", [None, frozenset({ME, OTHER})])
def test_on_a_machine_marked_dead(alive):
    """Control's word is enough; the backend's is told apart from it."""
    backend = seen(listed(OTHER), alive=alive)
    expected = states.OnDeadNode(DATASET, VOLUME, SIZE, OTHER, off=False)
    assert found(backend, evolve(told(), dead=(OTHER,))) == expected


def test_here_whoever_is_alive():
    """What is attached here is here, though the backend takes this machine for off."""
    backend = evolve(here(), alive=frozenset())
    assert isinstance(found(backend, told()), states.Blank)


def test_appearing():
    """Attached here, and there is no device."""
    assert found(seen(listed(ME)), told()) == states.Appearing(DATASET, VOLUME, SIZE)


def test_unreadable():
    """Attached here, and looking at its device failed."""
    backend = seen(listed(ME), unread={VOLUME: "I/O error"})
    assert found(backend, told()) == states.Unreadable(
        DATASET, VOLUME, SIZE, "I/O error"
    )


def test_blank():
    """A blank device that never held data may be formatted."""
    assert found(here(), told()) == states.Blank(DATASET, VOLUME, SIZE, DEVICE)


@pytest.mark.parametrize("assignment", [told(acquired=True), None])
def test_emptied(assignment):
    """A blank device that has held data, or of which nobody knows, may not."""
    assert found(here(), assignment) == states.Emptied(DATASET, VOLUME, SIZE, DEVICE)


def test_foreign():
    """A signature that is no filesystem of ours is somebody else's."""
    assert found(here("swap"), told()) == states.Foreign(
        DATASET, VOLUME, SIZE, DEVICE, "swap"
    )


def test_attached():
    """A filesystem of ours waits to be mounted."""
    assert found(here("ext4", usable=True), told()) == states.Attached(
        DATASET, VOLUME, SIZE, DEVICE, "ext4"
    )


def test_mounted():
    """The volume's device is what is mounted in its place, by its number."""
    assert found(here(), told(), {NUMBER: (ELSEWHERE, PLACE)}) == states.Mounted(
        DATASET, VOLUME, SIZE, DEVICE, PLACE
    )


def test_mounted_elsewhere_only():
    """A mount at another path does not count."""
    situation = found(here("ext4", usable=True), told(), {NUMBER: (ELSEWHERE,)})
    assert isinstance(situation, states.Attached)


def test_stranded():
    """Another device is mounted in its place."""
    situation = found(here("ext4", usable=True), told(), {NUMBER + 1: (PLACE,)})
    assert situation == states.Stranded(DATASET, VOLUME, PLACE)


def test_stranded_unlisted():
    """What is mounted while its volume is not listed says just that."""
    situation = found(seen(), told(), mounts={NUMBER: (PLACE,)})
    why = "the backend does not list it"
    assert situation == states.Stranded(DATASET, VOLUME, PLACE, why)


def test_stranded_unreadable():
    """Something is mounted in its place and its device does not say what it is."""
    backend = seen(listed(ME), unread={VOLUME: "I/O error"})
    situation = found(backend, told(), {NUMBER: (PLACE,)})
    assert situation == states.Stranded(DATASET, VOLUME, PLACE, "I/O error")


@pytest.mark.parametrize(
    "backend",
    [
        seen(listed()),
        seen(listed(OTHER)),
        seen(listed(ME)),
        seen(gone=frozenset({VOLUME})),
        seen(listed(OTHER), alive=frozenset()),
    ],
)
def test_mounted_and_not_attached(backend):
    """What is mounted in its place strands where the volume is not listed as ours."""
    situation = found(backend, told(), {NUMBER: (PLACE,)})
    assert situation == states.Stranded(DATASET, VOLUME, PLACE)


def test_mounted_and_unheard_of():
    """A mount in the place of a dataset nobody knows is seen."""
    situation = found(seen(), None, {NUMBER: (PLACE,)})
    assert situation == states.Stranded(DATASET, None, PLACE)


volumes = st.builds(
    listed,
    st.sampled_from([None, ME, OTHER]),
    st.sampled_from([VOLUME, TWIN, VolumeID("volume-third")]),
)
devices = st.builds(
    Device,
    st.just(DEVICE),
    st.sampled_from([NUMBER, NUMBER + 1]),
    st.sampled_from([None, "ext4", "swap"]),
    st.booleans(),
)
backends = st.builds(
    lambda found, **more: seen(*found, **more),
    st.lists(volumes, max_size=3, unique_by=lambda v: v.blockdevice_id),
    devices=st.dictionaries(st.sampled_from([VOLUME, TWIN]), devices),
    unread=st.dictionaries(st.sampled_from([VOLUME, TWIN]), st.just("I/O error")),
    alive=st.none() | st.frozensets(st.sampled_from([ME, OTHER])),
    gone=st.frozensets(st.sampled_from([VOLUME, TWIN])),
)
assignments = st.sampled_from(
    [None, told(), told(acquired=True), told(registered=False)]
)
mounts = st.dictionaries(
    st.sampled_from([NUMBER, NUMBER + 1]),
    st.sampled_from([(PLACE,), (ELSEWHERE,), (ELSEWHERE, PLACE)]),
)


@given(backends, assignments, mounts)
def test_always_something(backend, assignment, mounts):
    """Whatever is seen has one name, whichever order it is listed in."""
    situation = found(backend, assignment, mounts)
    back_to_front = evolve(
        backend,
        volumes={d: tuple(reversed(v)) for d, v in backend.volumes.items()},
    )
    assert found(back_to_front, assignment, mounts) == situation


@given(backends, assignments, mounts)
def test_what_is_attached_here_is_held(backend, assignment, mounts):
    """A volume on record that is attached here is never reported as let go."""
    situation = found(backend, assignment, mounts)
    ours = backend.volumes.get(DATASET, ())
    if assignment is not None and assignment.ownership is not None:
        held = any(
            v.blockdevice_id == assignment.ownership.volume and v.attached_to == ME
            for v in ours
        )
        mounted = any(PLACE in points for points in mounts.values())
        assert (situation.condition in HOLDING) == (held or mounted)
