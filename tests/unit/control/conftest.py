"""What tests of control begin with: one writer, an agents' port, pools of nodes."""

import gc

import pytest
from twisted.logger import LogEvent, LogLevel, formatEvent, globalLogPublisher

from flocker.testing.builders import a_configuration, a_dataset
from flocker.testing.fakes.stores import MemoryStore
from tests.unit.control.agents_port import Control
from tests.unit.control.one_writer import Setup, SlowStore
from tests.unit.control.pool_cluster import DATASET, Cluster


@pytest.fixture
def slow() -> Setup:
    """Operations over a slow store."""
    return Setup(SlowStore())


@pytest.fixture
def quick() -> Setup:
    """Operations over a store that answers at once."""
    return Setup(MemoryStore())


@pytest.fixture
def control():
    """Control with one dataset, on node 1."""
    return Control(a_configuration([a_dataset()]))


@pytest.fixture
def errors():
    """What Twisted has logged as an error, or nobody has handled."""
    found: list[str | None] = []

    def note(event: LogEvent) -> None:
        if event.get("log_level", LogLevel.info) >= LogLevel.error:
            found.append(formatEvent(event))

    globalLogPublisher.addObserver(note)
    gc.freeze()  # so that only what the test left is looked through
    yield found
    gc.collect()
    gc.unfreeze()
    globalLogPublisher.removeObserver(note)


@pytest.fixture
def nothing_unhandled(request, errors):
    """Nothing is raised and dropped, but where the test is about that."""
    yield
    gc.collect()
    if request.node.get_closest_marker("parametrize") is None:
        assert errors == []


@pytest.fixture
def cluster() -> Cluster:
    """A cluster in which nothing is wanted."""
    return Cluster()


@pytest.fixture
def some(cluster) -> Cluster:
    """One dataset, served on node 1, with something written to it."""
    cluster.creates()
    cluster.nodes.write(1, DATASET, 0)
    cluster.nodes.settle()
    return cluster
