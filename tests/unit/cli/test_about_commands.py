"""Tests of flockerctl's commands about the service and itself."""

import json
from collections.abc import Callable
from uuid import UUID

import pytest
from click.testing import Result

from flocker.model.ids import NodeID
from flocker.testing.fakes.memory_control import MemoryControl

NODE = NodeID(UUID("aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"))

Run = Callable[..., Result]


def test_health(run: Run, control: MemoryControl) -> None:
    """Each part has a row; one that is not well makes the status 1."""
    result = run("health")
    assert (result.exit_code, result.stdout) == (
        0,
        "PART    STATE\nstore   ok\nagents  ok\nupkeep  ok\nfiles   ok\n",
    )
    control.disconnected(NODE)
    result = run("health", "-o", "json")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {
        "store": "ok",
        "agents": f"not connected: {NODE} (10.0.0.1)",
        "upkeep": "ok",
        "files": "ok",
    }


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(run: Run, shell: str) -> None:
    """The script for a shell asks flockerctl itself for completions."""
    script = run("completion", shell).stdout
    assert f"_FLOCKERCTL_COMPLETE={shell}_complete" in script
    assert "flockerctl" in script


def test_completion_of_nothing(run: Run) -> None:
    """Other shells are a usage error."""
    assert run("completion", "csh").exit_code == 2
