"""Deadlines: the first one, and those that are over."""

from hypothesis import given
from hypothesis import strategies as st

from flocker.control.deadlines import Deadlines
from flocker.testing.builders import dataset_id

ONE, TWO = dataset_id(1), dataset_id(2)


def test_none():
    """Where nothing is due, nothing comes out."""
    deadlines = Deadlines()
    assert (deadlines.next(), list(deadlines.pop(1e12))) == (None, [])


def test_pop():
    """What is over comes out once, the oldest first."""
    deadlines = Deadlines()
    deadlines.set(TWO, 20.0)
    deadlines.set(ONE, 10.0)
    assert deadlines.next() == 10.0
    assert list(deadlines.pop(20.0)) == [ONE, TWO]
    assert list(deadlines.pop(20.0)) == []


def test_replaced():
    """A dataset has one deadline: the last that was set."""
    deadlines = Deadlines()
    deadlines.set(ONE, 10.0)
    deadlines.set(ONE, 30.0)
    assert (deadlines.next(), list(deadlines.pop(20.0))) == (30.0, [])
    deadlines.set(ONE, None)
    assert (deadlines.next(), list(deadlines.pop(40.0))) == (None, [])


@given(
    st.lists(
        st.tuples(st.integers(1, 3), st.none() | st.integers(0, 5).map(float))
        | st.integers(0, 5).map(float)
    )
)
def test_like_a_dictionary(acts):
    """It does what a dictionary that is searched would do."""
    deadlines, known = Deadlines(), {}
    for act in acts:
        if isinstance(act, tuple):
            number, when = act
            deadlines.set(dataset_id(number), when)
            known.pop(dataset_id(number), None)
            if when is not None:
                known[dataset_id(number)] = when
        else:
            over = {dataset for dataset, when in known.items() if when <= act}
            popped = list(deadlines.pop(act))
            assert (set(popped), len(popped)) == (over, len(over))
            known = {d: when for d, when in known.items() if d not in over}
        assert deadlines.next() == min(known.values(), default=None)
