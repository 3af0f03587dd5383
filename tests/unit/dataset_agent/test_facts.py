"""A fact has what the situation has."""

from hypothesis import given
from hypothesis import strategies as st

from flocker.dataset_agent.facts import fact
from flocker.dataset_agent.steps import Detach
from flocker.model.cluster import Cause, Phase, Want
from flocker.model.datasets import DEFAULT_BACKEND
from flocker.testing.situations import (
    DATASET,
    DEVICE,
    EVERY,
    PLACE,
    SIZE,
    VOLUME,
    situations,
)
from flocker.wire.json_codec import decode, encode

DETACH = Detach(DATASET, DEFAULT_BACKEND, VOLUME)
CAUSE = Cause("busy", "it is busy", "end what uses it")


def test_mounted():
    """A mounted dataset's fact says where, on what device, and how big it is."""
    mounted = next(each for each in EVERY if each.condition.value == "mounted")
    said = fact(Want.MOUNTED, mounted, DEFAULT_BACKEND, None, None)
    assert (said.path, said.device, said.size) == (str(PLACE), str(DEVICE), SIZE)
    assert said.volume == VOLUME
    assert said.holds


@given(
    st.sampled_from(Want),
    situations,
    st.sampled_from([None, DETACH]),
    st.sampled_from([None, CAUSE]),
)
def test_told_as_it_is(want, found, doing, cause):
    """Whatever is found can be told over the wire."""
    said = fact(want, found, DEFAULT_BACKEND, doing, cause)
    assert decode(type(said), encode(said)) == said
    assert said.doing is (None if doing is None else Phase.DETACHING)
    assert (said.want, said.condition, said.cause) == (want, found.condition, cause)
