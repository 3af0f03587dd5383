"""A sandbox cluster of three nodes for each module; whole again before each test."""

import os
import sys
from collections.abc import Iterator

import pytest

from flocker.testing.clusters import LiveCluster, live_cluster
from tests.acceptance.old_world import OldWorld, old_world


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


@pytest.fixture(scope="module", params=["new files", "files of 1.15"])
def world(request: pytest.FixtureRequest) -> Iterator[OldWorld]:
    """A cluster for old clients; and one that was carried over from 1.15."""
    if os.geteuid() != 0:
        pytest.skip("a sandbox needs root")
    with old_world(imported=request.param == "files of 1.15") as made:
        failed = request.session.testsfailed
        yield made
        if request.session.testsfailed > failed:
            for line in made.cluster.last_words():
                sys.stdout.write(f"{line}\n")
