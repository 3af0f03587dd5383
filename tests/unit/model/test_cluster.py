"""What a fact says of its node."""

import pytest

from flocker.model.cluster import HOLDING, Condition, Phase
from flocker.testing.builders import a_fact


@pytest.mark.parametrize("condition", Condition)
def test_holds(condition):
    """A node holds what is attached to it or mounted on it."""
    attached = condition.value in {
        "appearing",
        "unreadable",
        "blank",
        "emptied",
        "foreign",
        "attached",
        "mounted",
        "stranded",
    }
    assert a_fact(1, condition).holds == attached == (condition in HOLDING)


@pytest.mark.parametrize("condition", Condition)
def test_engaged(condition):
    """A node in the middle of a step is engaged, whatever it has."""
    assert a_fact(1, condition, doing=Phase.CREATING).engaged
    assert a_fact(1, condition).engaged == a_fact(1, condition).holds
