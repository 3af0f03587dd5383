"""What conformance tests share on a real kernel."""

from collections.abc import Iterator

import pytest

from flocker.testing.side_by_side import beside_others


@pytest.fixture(autouse=True)
def _beside_others() -> Iterator[None]:
    """No mount namespace is made by another process while a test looks at mounts."""
    with beside_others():
        yield
