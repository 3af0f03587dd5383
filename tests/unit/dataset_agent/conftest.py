"""What tests of keepers of pools begin with."""

import pytest

from tests.unit.dataset_agent.two_nodes import Cluster


@pytest.fixture
def cluster() -> Cluster:
    """A serves an empty dataset."""
    made = Cluster()
    made.settle()
    assert made.a.served
    return made
