"""Whoever makes a mount namespace comes to his turn, however many tests there are."""

import fcntl
from pathlib import Path
from threading import Event, Thread

import pytest

from flocker.testing.side_by_side import Turns

A_MOMENT = 0.3
PATIENCE = 60.0
TEST, ALONE = fcntl.LOCK_SH, fcntl.LOCK_EX


class Turn(Thread):
    """Another process of tests, and what it does when it is its turn."""

    def __init__(self, place: Path, *kinds: int) -> None:
        super().__init__(daemon=True)
        self.turns = Turns(place / "lock", place / "gate")
        self.kinds = kinds
        self.came, self.over = Event(), Event()
        self.start()

    def run(self) -> None:
        outer, *inner = self.kinds
        with self.turns.hold(outer):
            for kind in inner:
                with self.turns.hold(kind):
                    pass
            self.came.set()
            assert self.over.wait(PATIENCE)
        self.turns.close()

    def comes(self, within: float = PATIENCE) -> bool:
        return self.came.wait(within)

    def ends(self) -> None:
        self.over.set()
        self.join(PATIENCE)


def test_tests_run_beside_each_other(tmp_path: Path) -> None:
    """One does not wait for another."""
    one, other = Turn(tmp_path, TEST), Turn(tmp_path, TEST)
    assert one.comes()
    assert other.comes()
    one.ends()
    other.ends()


def test_who_waits_is_not_passed(tmp_path: Path) -> None:
    """A test that comes later waits too; else there might always be one that runs."""
    running = Turn(tmp_path, TEST)
    assert running.comes()
    alone = Turn(tmp_path, ALONE)
    assert not alone.comes(A_MOMENT)
    later = Turn(tmp_path, TEST)
    assert not later.comes(A_MOMENT)
    running.ends()
    assert alone.comes()
    assert not later.comes(A_MOMENT)
    alone.ends()
    assert later.comes()
    later.ends()


@pytest.mark.parametrize("number", [2, 5])
def test_two_that_run_want_to_be_alone(tmp_path: Path, number: int) -> None:
    """Tests that each make a namespace in their middle do not wait for each other."""
    found = [Turn(tmp_path, TEST, *[ALONE] * 50) for _ in range(number)]
    for each in found:
        each.over.set()
    assert [each.comes() for each in found] == [True] * number
    for each in found:
        each.ends()
