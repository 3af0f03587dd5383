"""What tests of a ZFS pool run on: two machines; each test finds empty pools."""

from collections.abc import Iterator

import pytest

from flocker.testing.conformance.pool_bench import Node
from tests.functional.zfs.zfs_bench import ZfsBench, zfs_bench


@pytest.fixture(scope="module")
def bench() -> Iterator[ZfsBench]:
    """Two machines, each with a ZFS pool."""
    with zfs_bench() as made:
        yield made


@pytest.fixture
def one(bench: ZfsBench) -> Iterator[Node]:
    """The first machine's node."""
    yield from bench.clean(1)


@pytest.fixture
def two(bench: ZfsBench) -> Iterator[Node]:
    """The second machine's node."""
    yield from bench.clean(2)
