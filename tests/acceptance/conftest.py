"""A sandbox cluster of three nodes for each module; whole again before each test."""

import os
import sys
from collections.abc import Iterator

import pytest

from flocker.testing.clusters import LiveCluster, live_cluster


@pytest.fixture(scope="module")
def _module_cluster() -> Iterator[LiveCluster]:
    if os.geteuid() != 0:
        pytest.skip("a sandbox needs root")
    with live_cluster(3) as made:
        yield made


@pytest.fixture
def cluster(
    _module_cluster: LiveCluster, request: pytest.FixtureRequest
) -> Iterator[LiveCluster]:
    """A cluster whose machines are on and connected; a failing test shows its logs."""
    _module_cluster.restore()
    failed = request.session.testsfailed
    yield _module_cluster
    if request.session.testsfailed > failed:
        for line in _module_cluster.last_words():
            sys.stdout.write(f"{line}\n")
