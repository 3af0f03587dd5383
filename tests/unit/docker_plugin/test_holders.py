"""Tests of the names under which leases are held."""

from hypothesis import given
from hypothesis import strategies as st

from flocker.docker_plugin.holders import (
    LONGEST_CONTAINER,
    another,
    last_of,
    mount_id,
)
from flocker.model.holders import Mount, read

ID = "9194" * 16

containers = st.none() | st.text(
    st.characters(exclude_categories=["Z", "C"]), min_size=1
)


def test_holder() -> None:
    """A mount's holder has its id, its number from the second on, and the container."""
    assert Mount("ab").holder == "docker:ab"
    assert Mount("ab", 2, "web 1").holder == "docker:ab#2 web 1"


@given(st.text(), st.integers(0, 3), containers)
def test_read(given: str, others: int, container: str | None) -> None:
    """Whatever ids and containers are called, a holder is read as what was written."""
    held: list[Mount] = []
    for _ in range(others):
        held.append(another(held, given, container))
    mount = another(held, given, container)
    assert read(mount.holder) == mount
    assert 1 <= len(mount.holder) <= 256
    assert "\n" not in mount.holder


def test_not_ours() -> None:
    """Holders of others are no mounts."""
    assert read("user") is None
    assert read("backup docker:x") is None


def test_multiset() -> None:
    """An id that is mounted twice is two mounts, and ends with the second unmount."""
    first = another([], ID, None)
    second = another([first], ID, None)
    assert (first.number, second.number) == (1, 2)
    assert last_of([first, second], ID) == second
    assert last_of([first], ID) == first
    assert last_of([], ID) is None


def test_freed_number_is_taken_again() -> None:
    """A number that was freed is the next."""
    held = [Mount(ID, 1), Mount(ID, 3), Mount("other", 2)]
    assert another(held, ID, None).number == 2


def test_strange_ids() -> None:
    """Ids that could be mistaken, or are too long, are written so that they cannot."""
    assert mount_id("a b#2") == "a%20b%232"
    assert len(mount_id("x" * 500)) == 64
    assert last_of([another([], "a b#2", None)], "a b#2") is not None


def test_long_container() -> None:
    """Of a container's name only so much is kept as a holder can have."""
    mount = another([], ID, "x" * 1000)
    assert mount.container == "x" * LONGEST_CONTAINER
