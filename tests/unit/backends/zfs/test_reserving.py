"""Some room is kept for records, and given up when they need it."""

import pytest

from flocker.backends.pool_errors import PoolFull, PoolUnavailable
from flocker.backends.zfs.commands import Zfs
from flocker.backends.zfs.names import Names
from flocker.backends.zfs.reserving import Reserve
from flocker.model.sizes import MEBIBYTE
from flocker.runtime.process import ProcessFailed


class Small(Zfs):
    """A ZFS with so much room."""

    def __init__(self, room):
        super().__init__("tank")
        self.room, self.told, self.says = room, [], "out of space"

    def change(self, *arguments, timeout=0):
        self.told.append(arguments[0])
        for argument in arguments:
            if argument.startswith("reservation="):
                size = int(argument.partition("=")[2])
                if size > self.room:
                    raise ProcessFailed(("zfs", *arguments), 1, self.says)


def reserve(room, held=0):
    zfs = Small(room)
    return Reserve(zfs, Names("tank"), held), zfs


@pytest.mark.parametrize(("room", "held"), [(99, 16), (16, 16), (9, 8), (3, 2), (1, 0)])
def test_as_much_as_there_is(room, held):
    """The largest that fits is taken."""
    kept, _ = reserve(room * MEBIBYTE)
    kept.take()
    assert kept.held == held * MEBIBYTE


def test_grows():
    """A small one grows when there is room, and a whole one is left alone."""
    kept, zfs = reserve(99 * MEBIBYTE, held=2 * MEBIBYTE)
    kept.take()
    kept.take()
    assert (kept.held, zfs.told) == (16 * MEBIBYTE, ["set"])


def test_given_up():
    """It is given up once."""
    kept, zfs = reserve(0, held=2 * MEBIBYTE)
    assert kept.give_up()
    assert not kept.give_up()
    assert zfs.told == ["destroy"]


def test_other_trouble():
    """What is not about room is said."""
    kept, zfs = reserve(0)
    zfs.says = "something else"
    with pytest.raises(PoolUnavailable, match="something else"):
        kept.take()


def test_change():
    """What makes nothing may use the room, once; what does not is refused at once."""
    kept, zfs = reserve(3 * MEBIBYTE, held=16 * MEBIBYTE)
    kept.change("set", f"reservation={2 * MEBIBYTE}", "tank/a")
    assert (kept.held, zfs.told) == (16 * MEBIBYTE, ["set"])
    with pytest.raises(PoolFull):
        kept.change("set", f"reservation={4 * MEBIBYTE}", "tank/a")
    assert kept.held == 2 * MEBIBYTE
    zfs.told.clear()
    with pytest.raises(PoolFull):
        kept.change("create", "-o", f"reservation={4 * MEBIBYTE}", "tank/a")
    assert zfs.told == ["create"]
