"""Control groups, as far as they are told without any."""

from flocker.sandbox.control_groups import members, remove_group

NONE = "flocker-sandbox-that-never-was"


def test_no_group() -> None:
    """A group that does not exist has no members, and is removed already."""
    assert members(NONE) == []
    remove_group(NONE)
    assert members(NONE) == []
