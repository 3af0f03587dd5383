"""How long a stream is, by what each version of ZFS has counted."""

import pytest
from attrs import evolve, frozen

from flocker.backends.pool_interface import Estimate
from flocker.backends.zfs.abilities import Abilities
from flocker.backends.zfs.estimating import of_now, of_snapshot, written
from flocker.backends.zfs.translate import Filesystem

OLD = Abilities(
    written=False, send_options=(), estimates=False, logical=False, resumes=False
)
NEW = Abilities(
    written=True, send_options=("-L", "-c"), estimates=True, logical=True, resumes=True
)
PLAIN = evolve(NEW, send_options=())
WHOLE, NEWEST = 1000, 30
"""Bytes that all refer to, and that were written since the newest snapshot."""
NUMBERS = {
    "logicalreferenced": "2000",
    "usedbysnapshots": "50",
    "written@monday": "70",
    "written@tuesday": str(NEWEST),
}


def a_filesystem(name):
    return Filesystem(
        name=name,
        is_snapshot="@" in name,
        guid=name,
        used=0,
        referenced=WHOLE,
        available=0,
        origin=None,
        read_only=False,
        reservation=0,
        quota=None,
        holds=0,
        written=None,
        mountpoint="none",
        made_as=None,
        record=b"record",
        tags=frozenset(),
        fresh=False,
    )


FIRST, SECOND = a_filesystem("tank/a@monday"), a_filesystem("tank/a@tuesday")
LIVE = a_filesystem("tank/a")


@frozen
class Says:
    """A ZFS that says what it was given, and no more than it can."""

    able: Abilities
    estimates: int | None = 123

    def abilities(self):
        return self.able

    def ask(self, *arguments):
        *_, names, filesystem = arguments
        assert filesystem == "tank/a"
        can = ["usedbysnapshots", *(["logicalreferenced"] if self.able.logical else [])]
        assert all(n in can or self.able.written for n in names.split(","))
        lines = (f"{name}\t{NUMBERS.get(name, '-')}\n" for name in names.split(","))
        return "".join(lines)

    def estimate(self, *arguments):
        assert arguments in {(SECOND.name,), ("-i", FIRST.name, SECOND.name)}
        return self.estimates


@pytest.mark.parametrize(
    ("able", "base", "estimate"),
    [
        (OLD, None, Estimate(WHOLE)),
        (OLD, SECOND, Estimate(50, at_most=True)),
        (NEW, None, Estimate(WHOLE)),
        (NEW, SECOND, Estimate(NEWEST)),
        (NEW, FIRST, Estimate(70)),
        (PLAIN, None, Estimate(2000)),
        (PLAIN, FIRST, Estimate(140)),
    ],
)
def test_of_now(able, base, estimate):
    """What is on disk, or what that is when it is not sent compressed."""
    assert of_now(Says(able), LIVE, base) == estimate


def test_of_nothing():
    """What holds nothing has no ratio."""
    empty = evolve(LIVE, referenced=0)
    assert of_now(Says(PLAIN), empty, None) == Estimate(0)


@pytest.mark.parametrize(
    ("live", "base", "of_snapshots", "estimate"),
    [
        (LIVE, evolve(FIRST, referenced=900), 0, Estimate(100)),
        (LIVE, evolve(FIRST, used=40), 40, Estimate(40)),
        (LIVE, evolve(FIRST, used=40), 60, Estimate(60, at_most=True)),
        (LIVE, evolve(FIRST, used=40), 2000, Estimate(WHOLE, at_most=True)),
        (LIVE, evolve(FIRST, referenced=1100, used=100), 100, Estimate(0)),
        (evolve(LIVE, origin="tank/b@x"), FIRST, 0, Estimate(WHOLE, at_most=True)),
    ],
)
def test_written(live, base, of_snapshots, estimate):
    """What is there is new if the base has not had it: see Note [What is now]."""
    assert written(live, base, of_snapshots) == estimate


@pytest.mark.parametrize(
    ("zfs", "base", "estimate"),
    [
        (Says(OLD), None, Estimate(WHOLE)),
        (Says(OLD), FIRST, Estimate(WHOLE, at_most=True)),
        (Says(NEW), None, Estimate(123)),
        (Says(NEW), FIRST, Estimate(123)),
        (Says(NEW, None), FIRST, None),
    ],
)
def test_of_snapshot(zfs, base, estimate):
    """ZFS says it itself, where it can."""
    assert of_snapshot(zfs, SECOND, base) == estimate
