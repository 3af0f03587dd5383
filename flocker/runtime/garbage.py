"""The collector of garbage, and what it need not look at.

Counting references frees nearly everything of ours; the collector is for circles.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


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
