"""What a dataset knows of itself."""

from attrs import evolve
from pyrsistent import pmap

from flocker.testing.builders import a_dataset


def test_name():
    """The name is metadata like any other."""
    named = evolve(a_dataset(), metadata=pmap({"name": "mongo", "color": "red"}))
    assert (named.name, a_dataset().name) == ("mongo", None)
