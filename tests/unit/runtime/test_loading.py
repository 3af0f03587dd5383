"""Tests of commands that are loaded when they are called."""

import gc

import click
import pytest
from click.testing import CliRunner

from flocker.runtime.loading import LaterCommand, LaterGroup, load


@click.command("greet")
@click.argument("whom")
def greet(whom: str) -> None:
    """Greet somebody. Politely."""
    click.echo(f"good day, {whom}")


def a_group(place: str) -> click.Group:
    """A group with a command that is at a place."""
    group = LaterGroup("group")
    group.add_command(LaterCommand("greet", place, "Greet somebody."))
    return group


def test_called() -> None:
    """A command is loaded and run with its arguments when it is called."""
    group = a_group(f"{__name__}:greet")
    assert CliRunner().invoke(group, ["greet", "moon"]).output == "good day, moon\n"


def test_help_loads_nothing() -> None:
    """The help of a group has a command's words, whether it can be loaded or not."""
    result = CliRunner().invoke(a_group("no.such.module:greet"), ["--help"])
    assert "greet  Greet somebody." in result.output


def test_not_a_command() -> None:
    """What is no command is not run."""
    with pytest.raises(TypeError, match="is not a command"):
        LaterCommand("greet", f"{__name__}:a_group", "").loaded()


def test_collector_works_again() -> None:
    """Garbage is collected after a load, also after one that failed."""
    with pytest.raises(ImportError):
        load("no.such.module:name")
    assert gc.isenabled()
