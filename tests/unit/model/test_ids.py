"""One spelling of a UUID is taken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flocker.model.ids import NotAnIdentifier, parse_uuid


@given(st.uuids(), st.booleans())
def test_any_case(value, upper):
    """36 characters with hyphens, in any case."""
    text = str(value).upper() if upper else str(value)
    assert parse_uuid(text) == value


@given(
    st.text(max_size=40)
    | st.uuids().map(lambda value: value.hex)
    | st.uuids().map(lambda value: value.urn)
    | st.uuids().map(lambda value: f"{{{value}}}")
    | st.uuids().map(lambda value: f"{value}\n")
    | st.uuids().map(lambda value: f" {value}")
)
def test_other_spellings(text):
    """What `uuid.UUID` would also take is refused."""
    with pytest.raises(NotAnIdentifier):
        parse_uuid(text)


def test_words():
    """The error quotes the beginning of the text."""
    assert str(NotAnIdentifier("x" * 100)) == f"'{'x' * 80}' is not a UUID"
