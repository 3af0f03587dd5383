"""What users may ask of leases: the change it makes, or why not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flocker.control.leases import (
    LeaseHeld,
    LeaseNotFound,
    acquire,
    expired,
    release,
    require_unleased,
)
from flocker.model.changes import Change, LeaseEdit, apply
from flocker.model.leases import USER, Holder, Lease
from flocker.testing.builders import a_configuration, a_lease, dataset_id, node_id

FREE = a_configuration()
LEASED = a_configuration(leases=[a_lease(expires=10.0)])
SHARED = a_configuration(leases=[a_lease(expires=10.0, docker=20.0)])

names = st.sampled_from(["user", "docker", "csi"])
times = st.none() | st.integers(0, 3).map(float)
holders = st.builds(Holder, names, times)


def test_acquire():
    """What nobody leases is leased to whoever asks, without a look at datasets."""
    assert acquire(FREE, dataset_id(), node_id(), Holder(USER, 10.0)) == Change(
        (LeaseEdit(None, a_lease(expires=10.0)),)
    )


def test_join():
    """Another holder on the same node joins."""
    assert acquire(LEASED, dataset_id(), node_id(), Holder("docker", 20.0)) == Change(
        (LeaseEdit(a_lease(expires=10.0), a_lease(expires=10.0, docker=20.0)),)
    )


@pytest.mark.parametrize("expires", [5.0, 50.0, None])
def test_renew(expires):
    """A holder's time is replaced by the new one, shorter or longer."""
    assert acquire(SHARED, dataset_id(), node_id(), Holder(USER, expires)) == Change(
        (
            LeaseEdit(
                a_lease(expires=10.0, docker=20.0), a_lease(1, 1, expires, docker=20.0)
            ),
        )
    )


def test_renew_as_it_is():
    """To ask for what there is changes nothing."""
    assert acquire(LEASED, dataset_id(), node_id(), Holder(USER, 10.0)) == Change()


def test_held():
    """What is leased to another node is refused, with who holds it."""
    with pytest.raises(LeaseHeld) as caught:
        acquire(SHARED, dataset_id(), node_id(2), Holder(USER))
    assert str(caught.value) == (
        f"dataset {dataset_id()} is leased to node {node_id()} by docker, user"
    )


def test_require_unleased():
    """Who must find nobody using a dataset is told who does."""
    leased = a_configuration([], leases=[a_lease(1, 2)])
    with pytest.raises(LeaseHeld, match="by user"):
        require_unleased(leased, dataset_id(1))
    require_unleased(leased, dataset_id(2))


def test_release_of_a_holder():
    """A holder goes; the lease stays with the others."""
    assert release(SHARED, dataset_id(), "docker") == Change(
        (LeaseEdit(a_lease(expires=10.0, docker=20.0), a_lease(expires=10.0)),)
    )


def test_release_of_the_last():
    """A lease goes with its last holder."""
    gone = Change((LeaseEdit(a_lease(expires=10.0), None),))
    assert release(LEASED, dataset_id(), USER) == gone


def test_release_of_all():
    """Without a holder's name all of the lease goes, as before 2.0."""
    assert release(SHARED, dataset_id()) == Change(
        (LeaseEdit(a_lease(expires=10.0, docker=20.0), None),)
    )


@pytest.mark.parametrize(
    ("configuration", "holder", "words"),
    [
        (FREE, None, f"dataset {dataset_id()} is not leased"),
        (FREE, "docker", f"dataset {dataset_id()} is not leased"),
        (LEASED, "docker", f"'docker' holds no lease of dataset {dataset_id()}"),
    ],
)
def test_release_of_nothing(configuration, holder, words):
    """What nobody holds cannot be released."""
    with pytest.raises(LeaseNotFound) as caught:
        release(configuration, dataset_id(), holder)
    assert str(caught.value) == words


@given(st.lists(holders, max_size=6))
def test_a_name_holds_once(asked):
    """However often it is asked, a lease has each name once, with its last time."""
    configuration = FREE
    for holder in asked:
        change = acquire(configuration, dataset_id(), node_id(), holder)
        configuration = apply(change, configuration)
    lease = configuration.leases.get(dataset_id())
    held = {} if lease is None else {h.name: h.expires for h in lease.holders}
    assert held == {holder.name: holder.expires for holder in asked}


@given(st.lists(holders, min_size=1, unique_by=lambda h: h.name), times)
def test_expired(held, now):
    """Who has time left, and nobody else, holds on; an empty lease is none."""
    moment = 0.0 if now is None else now
    lease = Lease(dataset_id(), node_id(), tuple(held))
    left = expired(lease, moment)
    stay = tuple(h for h in held if h.expires is None or h.expires > moment)
    assert (() if left is None else left.holders) == stay


@given(st.lists(holders, min_size=1, unique_by=lambda h: h.name))
def test_expires(held):
    """A lease ends with its last holder and is looked at with its first."""
    lease = Lease(dataset_id(), node_id(), tuple(held))
    known = [h.expires for h in held if h.expires is not None]
    assert lease.next_expiry == min(known, default=None)
    if lease.expires is not None:
        assert expired(lease, lease.expires) is None
    else:
        assert expired(lease, 1e12) is not None
