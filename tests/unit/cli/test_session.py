"""Tests of exit statuses."""

import pytest

from flocker.cli import session
from flocker.cli.choosing import NothingFits
from flocker.cli.connecting import NoControlService
from flocker.cli.session import CannotConnect, exit_status
from flocker.client.interface import RequestRefused, Unreachable
from flocker.model.errors import FlockerError


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NoControlService(()), session.USAGE),
        (Unreachable(()), session.UNREACHABLE),
        (CannotConnect(FlockerError()), session.UNREACHABLE),
        (NothingFits("node", "x"), session.NOT_FOUND),
        (RequestRefused(500, "x"), session.REFUSED),
        (FlockerError(), session.FAILED),
    ],
)
def test_status(error: FlockerError, status: int) -> None:
    """A script can tell from the status what kind of thing went wrong."""
    assert exit_status(error) == status


def test_statuses_differ() -> None:
    """No two kinds share a status, and none is success."""
    kinds = {code for _, code in session.STATUS} | {session.FAILED}
    assert kinds == {1, 2, 3, 4, 5, 6}


def test_words_of_the_cause() -> None:
    """Why we cannot connect is said in the words of its cause."""
    assert str(CannotConnect(NothingFits("node", "x"))).startswith("no node fits 'x'")
