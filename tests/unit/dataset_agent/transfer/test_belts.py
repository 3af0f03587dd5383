"""Parts on their way from one thread to another."""

from threading import Condition, Event

import pytest

from flocker.dataset_agent.transfer.belts import MOST_WAITING, Belt, Dropped, Work

PART = b"x" * (MOST_WAITING // 2)


def wait_for(work):
    with work._changed:
        assert work._changed.wait_for(work.is_done, 5)


def test_in_order():
    """What was put on it is taken from it, then comes the end."""
    belt = Belt(Condition())
    assert not belt.has_more()
    belt.put(b"a", b"b")
    belt.put(b"c")
    belt.end()
    assert [belt.take() for _ in range(4)] == [(b"a", b"b"), (b"c",), (), ()]


def test_waits_for_room():
    """It takes no more than so many bytes, and goes on when there is room."""
    changed = Condition()
    belt, third = Belt(changed), Event()

    def put():
        for _ in range(2):
            belt.put(PART)
        third.set()
        belt.put(b"third")

    putting = Work(changed, "test", put)
    assert third.wait(5)
    assert not belt.has_room()
    assert not putting.is_done()
    assert belt.take() == (PART,)
    wait_for(putting)
    assert [belt.take(), belt.take()] == [(PART,), (b"third",)]


@pytest.mark.parametrize("waits", ["put", "take"])
def test_dropped(waits):
    """Who waits for a belt that nobody wants any more is told, and so is who comes."""
    changed = Condition()
    belt = Belt(changed)
    if waits == "put":
        belt.put(PART, PART)
    call = belt.take if waits == "take" else lambda: belt.put(b"more")
    waiting = Work(changed, "test", call)
    belt.drop()
    wait_for(waiting)
    for again in (waiting.result, call):
        with pytest.raises(Dropped):
            again()


def test_work():
    """It gives what its call gave."""
    work = Work(Condition(), "test", lambda: 3)
    wait_for(work)
    assert work.result() == 3
