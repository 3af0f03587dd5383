"""What the sweep takes for a left-over."""

from pathlib import Path

import pytest

from flocker.sandbox.names import CONTROL, MachineName, node_name
from flocker.sandbox.records import SandboxRecord, Stage
from flocker.sandbox.removing import Swept, is_left_over

ON, OFF = True, False


@pytest.mark.parametrize("stage", [Stage.MAKING, Stage.UNMAKING])
@pytest.mark.parametrize("machines", [{}, {CONTROL: ON}, {CONTROL: OFF}])
def test_half_made(stage: Stage, machines: dict[MachineName, bool]) -> None:
    """What was not made to its end, or not removed to its end, is a left-over."""
    assert is_left_over(SandboxRecord(stage, 1, Path("/")), machines)


def test_without_record() -> None:
    """Files without a record are a left-over."""
    assert is_left_over(None, {})


@pytest.mark.parametrize(
    ("machines", "left_over"),
    [
        ({CONTROL: ON, node_name(1): ON}, False),
        ({CONTROL: OFF, node_name(1): ON}, False),
        ({CONTROL: OFF, node_name(1): OFF}, True),
        ({}, False),
    ],
)
def test_made(machines: dict[MachineName, bool], *, left_over: bool) -> None:
    """It lives while one machine runs, or all were switched off by command."""
    assert is_left_over(SandboxRecord(Stage.UP, 1, Path("/")), machines) == left_over


@pytest.mark.parametrize("machines", [{}, {CONTROL: ON}, {CONTROL: OFF}])
def test_enclosed(machines: dict[MachineName, bool]) -> None:
    """Without the namespaces it should be in, it is one, whatever runs of it."""
    record = SandboxRecord(Stage.UP, 1, Path("/"), enclosed=True)
    assert is_left_over(record, machines)
    alive = machines in ({}, {CONTROL: ON})
    assert is_left_over(record, machines, enclosed=True) != alive


@pytest.mark.parametrize("machines", [{}, {CONTROL: ON}, {CONTROL: OFF}])
def test_orphaned(machines: dict[MachineName, bool]) -> None:
    """Without the owner it was made for it is one, whatever runs of it."""
    record = SandboxRecord(Stage.UP, 1, Path("/"))
    assert is_left_over(record, machines, orphaned=True)


def test_words() -> None:
    """What a sweep did is said in one line, and nothing if there was nothing to do."""
    both = Swept(removed=("this", "that")) + Swept(stayed=("more stays: it is busy",))
    assert Swept().words() == ""
    assert both.words() == "removed this, that; more stays: it is busy"
