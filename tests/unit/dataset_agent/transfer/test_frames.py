"""Frames survive whatever parts they come in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flocker.dataset_agent.transfer.frames import (
    LONGEST_DATA,
    LONGEST_MESSAGE,
    Frame,
    Garbage,
    Kind,
    Reader,
    head,
)

FRAMES = st.lists(
    st.builds(Frame, st.sampled_from(Kind), st.binary(max_size=40)), max_size=8
)


@given(FRAMES, st.integers(1, 50))
def test_there_and_back(frames, size):
    """What was written is read, in parts of any size."""
    stream = b"".join(head(f.kind, len(f.payload)) + f.payload for f in frames)
    reader, found = Reader(), []
    for start in range(0, len(stream), size):
        found += reader.add(stream[start : start + size])
    assert found == frames


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n",
        head(Kind.DATA, LONGEST_DATA + 1),
        head(Kind.BEGIN, LONGEST_MESSAGE + 1),
    ],
)
def test_garbage(data):
    """What is no frame, or too long, is refused before it is kept."""
    with pytest.raises(Garbage):
        Reader().add(data)
    assert Reader().add(head(Kind.DATA, LONGEST_DATA)) == []
