"""The collector of garbage, and what it need not look at.

Counting references frees nearly everything of ours; the collector is for circles.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

YOUNG = 20_000
"""Objects that are made, and not freed, between two looks; Python's own is 700."""


def look_seldom() -> None:
    """Let the collector look at what is new after `YOUNG` objects only.

    For a service that keeps much in persistent maps: a new version of one shares nearly
    all with those before, and yet the collector goes through all of it (pyrsistent's
    `PVector` is one object to it), at every look, however young the version is. With
    10,000 datasets that was a third of what a request cost.
    """
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])


@contextmanager
def made_to_last() -> Iterator[None]:
    """What is made inside is looked at neither now nor later.

    For the start of a service that reads much and keeps it: the collector would go
    through all of it again and again, for tens of milliseconds each time.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
