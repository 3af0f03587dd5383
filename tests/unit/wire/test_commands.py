"""Errors of the protocol say what the other side says."""

import pytest

from flocker.model.errors import FlockerError
from flocker.wire.commands import (
    AgentRefused,
    BadPayload,
    Hello,
    ProtocolMismatch,
    ReportFacts,
    Update,
)


@pytest.mark.parametrize(
    ("kind", "otherwise"),
    [
        (ProtocolMismatch, "protocols differ"),
        (AgentRefused, "refused"),
        (BadPayload, "bad payload"),
    ],
)
def test_words(kind, otherwise):
    """What the other side said is passed on; AMP makes it the only argument."""
    assert str(kind("they said so")) == "they said so"
    assert str(kind()) == otherwise
    assert issubclass(kind, FlockerError)


@pytest.mark.parametrize("command", [Hello, Update, ReportFacts])
def test_bad_payloads_are_answered(command):
    """Whatever takes a payload may answer that it is bad."""
    assert BadPayload in command.errors
