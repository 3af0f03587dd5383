"""A sandbox cluster of three nodes for each module; whole again before each test.

Modules run beside each other (`admin/test`): most of what tests do here is to wait, for
timers of real daemons. A test added to a module costs what it does itself, a module of
its own another 5 to 10 s for its cluster. So ask for what the module has already: in
those of pools `pools` (Btrfs, then ZFS), or `live`, and make a dataset of your own.
"""

import os
from collections.abc import Generator, Iterator

import pytest

from flocker.testing.clusters import UP, LiveCluster, live_cluster
from tests.acceptance.old_world import OldWorld, old_world

LONGEST_FIRST = (
    "test_pool_crash_points",
    "test_docker_volumes",
    "test_pool_troubles",
    "test_rest_tables",
    "test_systemd",
    "test_docker_plugin",
    "test_crash_points",
    "test_dead_nodes",
    "test_storage_faults",
    "test_pools",
    "test_network_faults",
    "test_docker_compose",
    "test_wrong_clocks",
    "test_broken_cluster",
    "test_operators_tools",
    "test_tutorial_postgresql",
)
"""Modules of which one, begun last, would go on by itself when all others are done."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin the longest modules first; tests of a module keep their order."""
    places = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(places)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[
    None, pytest.TestReport, pytest.TestReport
]:
    """Show with a test that failed what the clusters said last that were up then."""
    report = yield
    if report.failed:
        for live in UP:
            name = f"last words of {live.sandbox.layout.name}"
            report.sections.append((name, "\n".join(live.last_words())))
    return report


@pytest.fixture(scope="module")
def _module_cluster() -> Iterator[LiveCluster]:
    if os.geteuid() != 0:
        pytest.skip("a sandbox needs root")
    with live_cluster(3) as made:
        yield made


@pytest.fixture
def cluster(_module_cluster: LiveCluster) -> LiveCluster:
    """A cluster whose machines are on and connected."""
    _module_cluster.restore()
    return _module_cluster


@pytest.fixture(scope="module", params=["new files", "files of 1.15"])
def world(request: pytest.FixtureRequest) -> Iterator[OldWorld]:
    """A cluster for old clients; and one that was carried over from 1.15."""
    if os.geteuid() != 0:
        pytest.skip("a sandbox needs root")
    with old_world(imported=request.param == "files of 1.15") as made:
        yield made
