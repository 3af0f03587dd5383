"""Tests for `flocker.runtime.garbage`."""

import gc
from collections.abc import Iterator

import pytest

from flocker.runtime.garbage import YOUNG, look_seldom, made_to_last


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    """Leave the collector of the tests as it was."""
    threshold = gc.get_threshold()
    yield
    gc.set_threshold(*threshold)
    gc.unfreeze()
    gc.enable()


def test_made_to_last() -> None:
    """What is made inside is kept out of the collector's sight, then and later."""
    made: list[list[int]] = []
    with made_to_last():
        assert not gc.isenabled()
        made.append([1])
    assert gc.isenabled()
    assert all(each is not made[0] for each in gc.get_objects())
    assert gc.get_freeze_count() > 0


def test_collector_works_again_after_an_error() -> None:
    """A start that fails leaves the collector on."""
    with pytest.raises(ZeroDivisionError), made_to_last():
        raise ZeroDivisionError
    assert gc.isenabled()


def test_looks_are_seldom() -> None:
    """Few objects that are new call for no look; circles among many are found."""

    class Circle:
        """Is found by the collector only."""

        def __init__(self) -> None:
            self.itself = self

    look_seldom()
    gc.collect()
    looks: list[str] = []
    gc.callbacks.append(lambda phase, _: looks.append(phase))
    try:
        for _ in range(YOUNG // 10):
            Circle()
        assert looks == []
        for _ in range(YOUNG):
            Circle()
        assert looks[:2] == ["start", "stop"]
    finally:
        gc.callbacks.pop()
