"""What programs must not load at their start: each module costs every run of them."""

import subprocess
import sys
from pathlib import Path

import click
import pytest

from flocker.cli.flockerctl import flockerctl
from flocker.daemons.control import control
from flocker.runtime.loading import LaterCommand

LATER = [
    pytest.param(each, id=each.name)
    for each in (*flockerctl.commands.values(), *control.commands.values())
    if isinstance(each, LaterCommand)
]
TWISTED = ("twisted", "treq", "OpenSSL", "cryptography", "cattrs", "yaml", "eliot")
"""What takes longest to import."""
NEEDLESS = ("rich", "treq", "hyperlink", "jsonschema", "klein", "pytest")
"""What no run of flockerctl needs."""
SERVERS = ("klein", "automat", "jsonschema", "sqlite3", "OpenSSL", "cryptography")
"""What daemons need to serve, and not to tell of themselves."""
DAEMONS = (
    "flocker.daemons.control",
    "flocker.daemons.dataset_agent",
    "flocker.daemons.docker_plugin",
    "flocker.node_tools.diagnostics",
)
DOCTORS = ("flocker.ca.verifying", "flocker.ca.renewing", "flocker.wire.agent_yaml")

LISTING = """
import sys
sys.argv = {arguments!r}
from {module} import main
try:
    main()
except SystemExit:
    pass
print(*sys.modules, sep="\\n", file=sys.stderr)
"""


def loaded(module: str, *arguments: str) -> set[str]:
    """The modules that a program has loaded at its end, and their packages."""
    program = LISTING.format(module=module, arguments=["program", *arguments])
    ran = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    names = ran.stderr.split()
    return {*names, *(name.partition(".")[0] for name in names)}


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_flockerctl_tells_of_itself(option: str) -> None:
    """Of itself flockerctl tells without anything that speaks with a cluster."""
    found = loaded("flocker.cli.flockerctl", option)
    assert found & {*TWISTED, *NEEDLESS} == set()


def test_flockerctl_lists() -> None:
    """A command loads what it needs and nothing of its neighbours."""
    found = loaded("flocker.cli.flockerctl", "list", "--help")
    assert found & {*NEEDLESS, *DOCTORS} == set()


@pytest.mark.parametrize("tool", ["flocker.cli.ca", "flocker.sandbox.main"])
def test_tools_tell_of_themselves(tool: str) -> None:
    """Of itself a tool tells without a reactor, and without what it never needs."""
    assert loaded(tool, "--help") & {*NEEDLESS, "twisted.internet.reactor"} == set()


@pytest.mark.parametrize("daemon", DAEMONS)
@pytest.mark.parametrize("option", ["--version", "--help"])
def test_daemons_tell_of_themselves(daemon: str, option: str) -> None:
    """Of itself a daemon tells without anything that serves."""
    assert loaded(daemon, option) & {*SERVERS, "twisted.internet.reactor"} == set()


@pytest.mark.parametrize("command", LATER)
def test_commands_are_what_their_group_says(command: LaterCommand) -> None:
    """What a group says of a command is what the command says of itself."""
    found = command.loaded()
    assert (found.name, said(found)) == (command.name, said(command))


def said(command: click.Command) -> str:
    """What a command says of itself in a sentence, however long."""
    return command.get_short_help_str(1000)
