"""What users are told of a sandbox."""

from pathlib import Path

import pytest
from attrs import evolve

from flocker.sandbox.describing import MachineState, shell_settings
from flocker.sandbox.layout import Layout
from flocker.sandbox.names import CONTROL, SandboxName, node_name

NODE = MachineState(
    machine=node_name(1),
    address="10.77.0.11",
    running=True,
    cut=False,
    connected=True,
    node=None,
    era=None,
    programs={},
)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (NODE, "connected"),
        (evolve(NODE, connected=False), "not connected"),
        (evolve(NODE, connected=None), "running"),
        (evolve(NODE, cut=True), "cut off"),
        (evolve(NODE, running=False), "off"),
        (evolve(NODE, machine=CONTROL), "answers"),
        (evolve(NODE, machine=CONTROL, connected=False), "does not answer"),
    ],
)
def test_words(state: MachineState, words: str) -> None:
    """The most important thing about a machine is said."""
    assert state.words == words


def test_settings_name_the_user() -> None:
    """The settings are those `flockerctl` reads, quoted for a shell."""
    layout = Layout(SandboxName("s"), Path("/s"), Path("/my data"))
    assert shell_settings(layout).splitlines()[:3] == [
        "export FLOCKER_CONTROL_SERVICE=10.77.0.1",
        "export FLOCKER_CERTS_PATH='/my data/client'",
        "export FLOCKER_USER=user",
    ]
