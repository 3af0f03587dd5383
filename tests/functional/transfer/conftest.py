"""Two agents' ends of transfers, and what moves unless a test says otherwise."""

import pytest

from tests.functional.transfer.loops import Loop
from tests.functional.transfer.transfer_rig import CONTENT, Rig


@pytest.fixture(scope="module")
def loop():
    """A reactor in a thread."""
    loop = Loop()
    yield loop
    loop.stop()


@pytest.fixture
def rigs(loop):
    """Makes both ends, with what is to be moved."""
    made = []

    def make(content=CONTENT, **settings):
        made.append(Rig(loop, content, **settings))
        return made[-1]

    yield make
    for rig in made:
        rig.stop()
