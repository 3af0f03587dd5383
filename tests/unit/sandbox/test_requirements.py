"""What a sandbox needs of its machine."""

from pathlib import Path

import pytest

from flocker.sandbox.requirements import CannotMakeSandbox, require_outside


def test_code_below_the_mount_root() -> None:
    """Code that a machine's own /flocker would hide is refused, with its place."""
    with pytest.raises(CannotMakeSandbox, match="/flocker/build/bin"):
        require_outside(Path("/flocker/build/bin"))


def test_code_elsewhere() -> None:
    """A directory that only begins like it is seen."""
    require_outside(Path("/flocker-2/bin"))
