"""Tests of flockerctl's commands about the service and itself."""

from collections.abc import Callable

import pytest
from click.testing import Result

Run = Callable[..., Result]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(run: Run, shell: str) -> None:
    """The script for a shell asks flockerctl itself for completions."""
    script = run("completion", shell).stdout
    assert f"_FLOCKERCTL_COMPLETE={shell}_complete" in script
    assert "flockerctl" in script


def test_completion_of_nothing(run: Run) -> None:
    """Other shells are a usage error."""
    assert run("completion", "csh").exit_code == 2
