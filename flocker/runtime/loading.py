"""Loads what a program does once it is known what that is, so that its start is quick.

A command line has many commands and a run needs one of them: `LaterCommand` stands for
one in the help of its group, and is imported only when it is called.
"""

import sys
from importlib import import_module
from typing import Any

import click

from flocker.runtime.garbage import made_to_last


class LaterCommand(click.Command):
    """Stands for the command at a place, ``package.module:name``."""

    def __init__(self, name: str, place: str, words: str) -> None:
        super().__init__(name, help=words)
        self.place = place

    def loaded(self) -> click.Command:
        """Import the command."""
        command = load(self.place)
        if not isinstance(command, click.Command):
            raise TypeError(f"{self.place} is not a command")
        return command


class LaterGroup(click.Group):
    """A group that loads a `LaterCommand` when it is called, never for its help."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        if isinstance(command, LaterCommand):
            command = command.loaded()
        return name, command, rest


def load(place: str) -> Any:  # noqa: ANN401 - whatever has that name
    """Give what has the name in the module, for ``package.module:name``.

    Where the module is not loaded yet, the collector of garbage rests meanwhile, and
    looks at nothing of it ever after: modules live as long as their program.
    """
    module, _, name = place.partition(":")
    if module not in sys.modules:
        with made_to_last():
            _ = import_module(module)
    return getattr(sys.modules[module], name)
