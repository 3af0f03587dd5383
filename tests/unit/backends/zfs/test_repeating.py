"""What a copy that was left under way becomes."""

import pytest
from attrs import evolve

from flocker.backends.zfs.reading import group
from flocker.backends.zfs.repeating import newest_of, under_way
from flocker.backends.zfs.translate import parse_filesystems
from tests.unit.backends.zfs.test_translate import COPY, OLD

LIVE, M = parse_filesystems(OLD)
N = evolve(M, name=f"{COPY}@again", guid="5")
OTHER = evolve(M, name=f"{COPY}@other", guid="6")
REPEATING = evolve(LIVE, repeating=under_way(M, "again"))


@pytest.mark.parametrize(
    ("snapshots", "newest"),
    [
        ((M,), M),
        ((M, N), N),
        ((M, OTHER), M),
        ((M, OTHER, N), N),
        ((OTHER,), None),
        ((), None),
    ],
)
def test_newest(snapshots, newest):
    """The one that was added, else that which it was; never one of somebody else."""
    (found,) = group((REPEATING, *snapshots))
    assert newest_of(found) == newest
