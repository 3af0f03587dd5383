"""What sandboxes and machines are called."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flocker.sandbox.names import (
    MOST_NODES,
    BadSandboxName,
    NoSuchMachine,
    address,
    bridge_address,
    hardware_address,
    machine_names,
    parse_machine_name,
    parse_sandbox_name,
)


def test_control_comes_first() -> None:
    """The machines of a sandbox are control and the numbered nodes."""
    assert machine_names(2) == ("control", "node-1", "node-2")


def test_addresses() -> None:
    """Control has the first address of the network, node i the one of 10 + i."""
    assert [address(name) for name in machine_names(2)] == [
        "10.77.0.1",
        "10.77.0.11",
        "10.77.0.12",
    ]


def test_addresses_are_unique() -> None:
    """Even the largest sandbox gives no address twice, of either kind."""
    machines = machine_names(MOST_NODES)
    assert len({address(name) for name in machines}) == len(machines)
    assert len({hardware_address(name) for name in machines}) == len(machines)
    assert len({bridge_address(name) for name in machines}) == len(machines)


@pytest.mark.parametrize("text", ["node-0", "node-3", "node-01", "Control", ""])
def test_unknown_machine(text: str) -> None:
    """A name that is no machine's is refused, with the names there are."""
    with pytest.raises(NoSuchMachine) as caught:
        parse_machine_name(text, 2)
    assert caught.value.machines == ("control", "node-1", "node-2")


@pytest.mark.parametrize("text", ["", "..", "a/b", "-a", "A", "a b", "a" * 41, "a\n"])
def test_bad_sandbox_name(text: str) -> None:
    """What could leave the sandboxes' directory, or look odd in it, is no name."""
    with pytest.raises(BadSandboxName):
        parse_sandbox_name(text)


@given(st.from_regex(r"[a-z0-9][a-z0-9-]{0,39}", fullmatch=True))
def test_good_sandbox_name(text: str) -> None:
    """Lower-case letters, digits and hyphens are fine."""
    assert parse_sandbox_name(text) == text
