"""The recipes of images, as far as they are told without making one."""

import pytest
from attrs import evolve

from flocker.sandbox.images import BUSYBOX, POSTGRES, NoSuchImage, image


def test_unknown_image() -> None:
    """An image that no recipe makes is refused, with those there are."""
    with pytest.raises(NoSuchImage) as caught:
        image("mysql")
    assert str(caught.value) == (
        "there is no recipe for an image 'mysql', only for busybox, postgres"
    )


def test_recipes_tell_each_other_apart() -> None:
    """Whatever changes a recipe changes what its image is kept under."""
    other = evolve(BUSYBOX, files={"etc/x": "y"})
    assert BUSYBOX.lines() != other.lines()
    assert BUSYBOX.lines() != POSTGRES.lines()
