"""The reference in docs/ names what the code has, all of it and nothing else."""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from flocker.backends.registry import BUILT_IN
from flocker.cli.ca import flocker_ca
from flocker.cli.flockerctl import flockerctl
from flocker.convergence import running
from flocker.daemons.control import control
from flocker.daemons.dataset_agent import dataset_agent
from flocker.daemons.docker_plugin import docker_plugin
from flocker.daemons.install_units import install_units
from flocker.dataset_agent.causes import TEMPLATES
from flocker.model.cluster import Condition, Phase
from flocker.model.errors import FlockerError
from flocker.node_tools.diagnostics import diagnostics
from flocker.node_tools.era import node_era
from flocker.restapi.endpoint import endpoints_of
from flocker.restapi.errors import STATUS
from flocker.restapi.openapi import ROOMS
from flocker.runtime.loading import LaterCommand
from flocker.sandbox.main import sandbox

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "flocker"
REFERENCE = ROOT / "docs" / "reference"

PROGRAMS: dict[str, click.Command] = {
    "flocker-ca": flocker_ca,
    "flocker-control": control,
    "flocker-dataset-agent": dataset_agent,
    "flocker-diagnostics": diagnostics,
    "flocker-node-era": node_era,
    "flocker-docker-plugin": docker_plugin,
    "flocker-install-units": install_units,
    "flocker-sandbox": sandbox,
    "flockerctl": flockerctl,
}
EVERYWHERE = {"--help", "--verbose", "-v"}
"""Options that the page tells of once."""

# Whatever a step raises becomes a cause with a code made of its class.
RAISED_BY_STEPS = (
    "flocker.backends.block_interface",
    "flocker.backends.loopback.api",
    "flocker.backends.loopback.copies",
    "flocker.backends.loopback.directory",
    "flocker.backends.loopback.loop_devices",
    "flocker.backends.loopback.standing_still",
    "flocker.backends.loopback.translate",
    "flocker.dataset_agent.filesystems",
    "flocker.dataset_agent.kinds",
    "flocker.runtime.mount_points",
    "flocker.runtime.process",
)
NEVER_A_CODE = {"FlockerError", "VolumeException"}


def page(name: str) -> str:
    """The source of a page of the reference."""
    return (REFERENCE / f"{name}.rst").read_text()


def section(text: str, title: str) -> str:
    """What stands under a title, up to the next one of its kind."""
    found = re.search(
        rf"^{title}\n-+\n(.*?)(?=^[^\n]+\n---|\Z)", text, re.MULTILINE | re.DOTALL
    )
    assert found is not None
    return found[1]


def first_cells(text: str) -> set[str]:
    """The literals in the first column of all tables."""
    cells = re.findall(r"^   \* - (.*?)^     - ", text, re.MULTILINE | re.DOTALL)
    return {literal for cell in cells for literal in re.findall(r"``(.+?)``", cell)}


def literal_codes(path: Path) -> Iterator[str]:
    """The codes of causes, waits and refusals that a file writes out, or names."""
    tree = ast.parse(path.read_text())
    named = {
        node.targets[0].id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            continue
        if node.func.id in {"Cause", "Wait", "Refuse"} and node.args:
            code = node.args[0]
            if isinstance(code, ast.Name):
                code = named.get(code.id)
            if isinstance(code, ast.Constant) and isinstance(code.value, str):
                yield code.value


def error_codes(name: str) -> Iterator[str]:
    """The codes of a module's errors."""
    for found in vars(importlib.import_module(name)).values():
        if (
            isinstance(found, type)
            and issubclass(found, FlockerError)
            and found.__module__ == name
            and found.__name__ not in NEVER_A_CODE
        ):
            yield running._code(found.__new__(found))


def commands(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    """A program and its sub-commands, each by its full name."""
    yield name, command
    if isinstance(command, click.Group):
        for sub, found in command.commands.items():
            there = found.loaded() if isinstance(found, LaterCommand) else found
            yield from commands(f"{name} {sub}", there)


def options_of(command: click.Command) -> set[str]:
    """All spellings of a command's options, but those that --help hides."""
    spelled = {
        spelling
        for option in command.params
        if isinstance(option, click.Option) and not option.hidden
        for spelling in (*option.opts, *option.secondary_opts)
    }
    return spelled - EVERYWHERE


def documented_options() -> dict[str, set[str]]:
    """The options that the page gives each program."""
    found: dict[str, set[str]] = {}
    for part in page("cli").split(".. program:: ")[1:]:
        name, _, text = part.partition("\n")
        lines = re.findall(r"^\.\. option:: (.+)$", text, re.MULTILINE)
        found[name.strip()] = {
            spelling
            for line in lines
            for spelling in re.findall(r"(?:^|, )(--?[a-z-]+)", line)
        }
    return found


ALL_COMMANDS = [
    found for name, program in PROGRAMS.items() for found in commands(name, program)
]


def test_every_program_is_looked_at() -> None:
    """The programs checked here are those that setup.py installs."""
    installed = re.findall(r'"([a-z-]+) = flocker\.', (ROOT / "setup.py").read_text())
    assert set(PROGRAMS) == set(installed)


def test_commands() -> None:
    """The page of commands has every command and sub-command."""
    assert set(documented_options()) == {name for name, _ in ALL_COMMANDS}


@pytest.mark.parametrize(("name", "command"), ALL_COMMANDS, ids=str)
def test_options(name: str, command: click.Command) -> None:
    """The page of commands has the options that a command takes."""
    assert documented_options().get(name) == options_of(command)


def test_routes() -> None:
    """The page of the REST API has every route, with its method."""
    served = {
        f"{found.method} {found.path}" for room in ROOMS for found in endpoints_of(room)
    }
    titles = re.findall(r"^([A-Z]+ /\S+)\n-+$", page("rest-api"), re.MULTILINE)
    assert set(titles) == served


def test_every_room_is_looked_at() -> None:
    """The rooms checked here are all that define endpoints."""
    modules = {
        f"flocker.restapi.{path.stem}"
        for path in (PACKAGE / "restapi").glob("*.py")
        if re.search(r"^    @endpoint\(", path.read_text(), re.MULTILINE)
    }
    assert {room.__module__ for room in ROOMS} == modules


def test_statuses_of_errors() -> None:
    """The page of the REST API explains every status that an error gets."""
    explained = re.findall(r"^   \* - (\d{3})$", page("rest-api"), re.MULTILINE)
    assert set(map(int, explained)) == {*STATUS.values(), 500}


def test_phases() -> None:
    """Every phase is explained, or said to be kept for later."""
    text = section(page("status"), "Phases")
    later = re.findall(r"``([a-z-]+)``", text.partition("\n``copying``")[2])
    assert first_cells(text) | {"copying", *later} == {phase.value for phase in Phase}


def test_situations() -> None:
    """Every situation in which a node can find a dataset is explained."""
    text = section(page("status"), "Situations")
    assert first_cells(text) == {condition.value for condition in Condition}


def test_causes() -> None:
    """Every code of a cause is explained, and no other."""
    codes = {
        code
        for path in PACKAGE.rglob("*.py")
        if not path.is_relative_to(PACKAGE / "testing")
        for code in literal_codes(path)
    }
    raised = {code for name in RAISED_BY_STEPS for code in error_codes(name)}
    text = section(page("status"), "Causes")
    assert first_cells(text) == codes | raised | set(TEMPLATES)


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_keys_of_backends(name: str) -> None:
    """The page of agent.yml has the keys of every backend."""
    description = BUILT_IN[name]
    keys = {*description.required_config, *description.optional_config}
    assert first_cells(section(page("agent-yml"), f"backend: {name}")) == keys
