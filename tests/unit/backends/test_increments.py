"""Which snapshots are sent, or what stands in the way."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flocker.backends.increments import (
    NotAtSource,
    Step,
    TargetAhead,
    TargetDiverged,
    choose,
)
from flocker.model.ids import DatasetID

DATASET = DatasetID(UUID(int=1))
LINE = st.lists(st.integers(0, 9).map(str), unique=True, max_size=6)


@pytest.mark.parametrize(
    ("source", "target", "wanted", "expected"),
    [
        ("a", "", "a", (Step("a", None),)),
        ("abc", "", "b", (Step("a", None), Step("b", "a"))),
        ("abc", "a", "c", (Step("b", "a"), Step("c", "b"))),
        ("bc", "ab", "c", (Step("c", "b"),)),
        ("abc", "b", "c", (Step("c", "b"),)),
        ("abc", "abc", "c", ()),
        ("abc", "abc", "b", TargetAhead(DATASET, "c", "b")),
        ("abc", "ax", "c", TargetDiverged(DATASET, "a", ("x",))),
        ("abc", "abxy", "c", TargetDiverged(DATASET, "b", ("x", "y"))),
        ("abc", "xy", "c", TargetDiverged(DATASET, None, ("x", "y"))),
        ("abc", "a", "x", NotAtSource(DATASET, "x")),
    ],
)
def test_cases(source, target, wanted, expected):
    """Each situation has one answer; a conflict carries its evidence."""
    assert choose(DATASET, tuple(source), tuple(target), wanted) == expected


@given(LINE, LINE, st.data())
def test_law(source, target, data):
    """Either each step follows where the target stands then, up to what is wanted, or
    the target is left alone for a reason that is true.
    """
    wanted = data.draw(st.sampled_from([*source, "x"]))
    found = choose(DATASET, source, target, wanted)
    if isinstance(found, tuple):
        stands = target[-1] if target else None
        for step in found:
            assert step.base == stands
            stands = step.snapshot
        assert stands == wanted
    elif isinstance(found, TargetDiverged):
        assert not set(found.extra) & set(source)
        assert target[-1] == found.extra[-1]
    else:
        assert wanted not in source or wanted != target[-1]


@pytest.mark.parametrize(
    ("conflict", "words"),
    [
        (NotAtSource(DATASET, "x"), "has no snapshot x"),
        (TargetAhead(DATASET, "c", "b"), "stands at c, which is later than b"),
        (TargetDiverged(DATASET, "b", ("x", "y")), "since b: 2 snapshots up to y"),
        (TargetDiverged(DATASET, None, ("x",)), "with nothing in common"),
    ],
)
def test_words(conflict, words):
    """A conflict names its evidence."""
    assert words in conflict.words()
