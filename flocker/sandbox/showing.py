"""The stage of the demonstration: a sandbox, and somebody who shows commands in it.

`demo` and `demo_database` are what is played.
"""

import shlex
from collections.abc import Sequence

from attrs import define, field, frozen
from rich.console import Console
from rich.rule import Rule
from rich.text import Text

from flocker.model.errors import FlockerError
from flocker.runtime.process import DEFAULT_ENVIRONMENT, run_sync
from flocker.sandbox.cluster import Sandbox
from flocker.sandbox.environment import search_path
from flocker.sandbox.machines import client_environment, entering
from flocker.sandbox.names import CONTROL, MachineName
from flocker.sandbox.network import entering as entering_network
from flocker.sandbox.waiting import Stopwatch

_AS_ONE_STREAM = ("sh", "-c", 'exec "$@" 2>&1', "sh")
"""Runs a command so that what it says is kept in the order in which it said it."""


@frozen
class CommandFailed(FlockerError):
    """A command that was shown, with what it said, did not do what it should."""

    command: str
    status: int

    def words(self) -> str:
        """Name it and its exit status."""
        return f"`{self.command}` ended with status {self.status}"


@define
class Demonstration:
    """A sandbox, and somebody who shows it."""

    sandbox: Sandbox
    console: Console
    about: MachineName = CONTROL
    """The machine that the present step is about: its log tells if it fails."""
    step: int = 0
    compared: int = field(default=0, init=False)

    def begin(self, title: str, about: MachineName) -> None:
        """Start a step."""
        self.step += 1
        self.about = about
        self.console.print()
        self.console.print(Rule(f"{self.step}. {title}", align="left", style="cyan"))

    def tell(self, text: str) -> None:
        """Say what happened."""
        self.console.print(Text(text), soft_wrap=True)

    def flockerctl(self, *arguments: str) -> None:
        """Run a command of flockerctl as the user of the sandbox."""
        self._run(
            ["flockerctl", *arguments],
            [*entering_network(self.sandbox.layout.switch), "flockerctl", *arguments],
        )

    def sandboxed(self, *arguments: str) -> None:
        """Run a command of flocker-sandbox."""
        name = self.sandbox.layout.name
        command = ["flocker-sandbox", "--name", name, *arguments]
        self._run(command, command)

    def docker(self, node: MachineName, *arguments: str, fails: bool = False) -> str:
        """Run a command of docker on a node; what it said.

        One that `fails` is shown to be refused; raises `CommandFailed` if it is not.
        """
        shown = ["docker", *arguments]
        enter = entering(self.sandbox.layout, node)
        return self._run(shown, [*enter, *shown], node, fails=fails)

    def on(self, machine: MachineName, *command: str) -> str:
        """Run a command on a machine, not shown; its output."""
        enter = entering(self.sandbox.layout, machine)
        return run_sync([*enter, *command], env=self._environment()).out.decode()

    def _run(
        self,
        shown: Sequence[str],
        command: Sequence[str],
        where: str = "",
        *,
        fails: bool = False,
    ) -> str:
        prompt = Text(f"{where}$ {shlex.join(shown)}", style="bold")
        self.console.print(prompt, soft_wrap=True)
        watch = Stopwatch()
        done = run_sync(
            [*_AS_ONE_STREAM, *command], env=self._environment(), expected=range(256)
        )
        said = done.out.decode(errors="replace").rstrip()
        for line in said.splitlines():
            self.console.print(Text(f"  {line}", style="green"), soft_wrap=True)
        self.console.print(Text(f"  ({watch})", style="dim"))
        if (done.status != 0) != fails:
            raise CommandFailed(shlex.join(shown), done.status)
        return said

    def _environment(self) -> dict[str, str]:
        path = search_path(DEFAULT_ENVIRONMENT["PATH"])
        return {**client_environment(self.sandbox.layout), "PATH": path}
