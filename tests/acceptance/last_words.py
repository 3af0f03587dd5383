"""What a cluster said last is shown by the test that failed on it."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def shown_where_it_fails(
    request: pytest.FixtureRequest, last_words: Callable[[], Iterable[str]]
) -> Iterator[None]:
    """Write the lines to the output if a test of this fixture's scope has failed."""
    failed = request.session.testsfailed
    yield
    if request.session.testsfailed > failed:
        for line in last_words():
            sys.stdout.write(f"{line}\n")
