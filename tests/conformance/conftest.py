"""Conformance tests clear away what a killed run of them left in the kernel."""

import os
from collections.abc import Iterator

import pytest

from flocker.testing.loop_devices import sweep
from flocker.testing.side_by_side import beside_others


@pytest.fixture(scope="session", autouse=True)
def _sweep() -> None:
    """Unmount and unbind what earlier runs left."""
    if os.geteuid() == 0:
        sweep()


@pytest.fixture(autouse=True)
def _beside_others() -> Iterator[None]:
    """No mount namespace is made by another process while a test looks at mounts."""
    with beside_others():
        yield
