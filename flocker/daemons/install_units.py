"""flocker-install-units: Flocker's systemd units, from the package to this machine.

The units are files in `flocker/daemons/units`, as a distribution would install them;
the command puts the place of this installation's programs into them.
"""

import os
import sys
from collections.abc import Iterable, Sequence
from enum import Enum
from importlib.resources import files
from pathlib import Path
from typing import Final

import click
from attrs import frozen

from flocker.model.errors import FlockerError
from flocker.runtime.process import run_sync
from flocker.runtime.settings import run_program, tool_options

UNITS: Final = Path("etc/systemd/system")
PRIVATE: Final = (Path("etc/flocker"), Path("var/lib/flocker"))
"""Directories that only root may enter."""
OURS: Final = "# Part of Flocker; flocker-install-units writes this file"
_PACKAGED_BIN: Final = "ExecStart=/usr/sbin/"
_RUNNING: Final = Path("run/systemd/system")


class Daemon(Enum):
    """What can be installed; the value is the program's and the unit's name."""

    CONTROL = "flocker-control"
    DATASET_AGENT = "flocker-dataset-agent"
    DOCKER_PLUGIN = "flocker-docker-plugin"

    @property
    def unit(self) -> str:
        """Name the unit."""
        return f"{self.value}.service"


@frozen
class NoProgram(FlockerError):
    """A unit would start a program that is not there."""

    path: Path

    def words(self) -> str:
        """Name the program and the way out."""
        return (
            f"there is no program {self.path}: install Flocker there, "
            "or say with --bin where it is"
        )


@frozen
class NotOurs(FlockerError):
    """A unit of this name exists that we did not write."""

    path: Path

    def words(self) -> str:
        """Name the file."""
        return f"{self.path} was not written by flocker-install-units: move it away"


@frozen
class NotWritable(FlockerError):
    """A file or directory cannot be written."""

    path: str
    why: str

    def words(self) -> str:
        """Name it and the system's reason."""
        return f"{self.path} cannot be written: {self.why}"


@frozen
class Place:
    """A machine's root directory, `/` unless an image is prepared."""

    root: Path

    def unit(self, daemon: Daemon) -> Path:
        """Give the file of a unit."""
        return self.root / UNITS / daemon.unit

    @property
    def systemd_runs(self) -> bool:
        """Say whether systemd runs this very machine, see sd_booted(3)."""
        return self.root == Path("/") and (self.root / _RUNNING).is_dir()


def unit_text(packaged: str, programs: str) -> str:
    """Give a packaged unit with the programs in the directory `programs`."""
    escaped = programs.replace("%", "%%")
    command = f"ExecStart={escaped}/"
    lines = packaged.splitlines(keepends=True)
    return "".join(_quoted(each.replace(_PACKAGED_BIN, command)) for each in lines)


def _quoted(line: str) -> str:
    """Quote the program of ExecStart where its path has blanks: systemd.syntax(7)."""
    name, is_there, command = line.partition("ExecStart=")
    program, option, rest = command.partition(" --")
    if not is_there or name or " " not in program:
        return line
    return f'ExecStart="{program}"{option}{rest}'


def packaged(daemon: Daemon) -> str:
    """Read a unit as it was packaged."""
    return (files("flocker.daemons") / "units" / daemon.unit).read_text("utf-8")


def install(place: Place, daemons: Sequence[Daemon], programs: Path) -> None:
    """Write units and make the directories they need.

    Raises `NoProgram`, `NotOurs`, `NotWritable`; the first two before anything changes.
    """
    for daemon in daemons:
        program = place.root / programs.relative_to("/") / daemon.value
        if not os.access(program, os.X_OK):
            raise NoProgram(programs / daemon.value)
        _demand_ours(place.unit(daemon))
    try:
        for directory in PRIVATE:
            _make_private(place.root / directory)
        for daemon in daemons:
            text = unit_text(packaged(daemon), str(programs))
            _replace(place.unit(daemon), text)
    except OSError as error:
        why = error.strerror or str(error)
        raise NotWritable(str(error.filename), why) from error


def uninstall(place: Place, daemons: Iterable[Daemon]) -> list[Daemon]:
    """Remove units that we wrote; give those that were there.

    Raises `NotOurs`, `NotWritable`.
    """
    there = [daemon for daemon in daemons if place.unit(daemon).exists()]
    for daemon in there:
        _demand_ours(place.unit(daemon))
    for daemon in there:
        now = ("--now",) if place.systemd_runs else ()
        _systemctl(place, "disable", *now, daemon.unit)
        try:
            place.unit(daemon).unlink()
        except OSError as error:
            why = error.strerror or str(error)
            raise NotWritable(str(error.filename), why) from error
    return there


def _demand_ours(unit: Path) -> None:
    if unit.exists() and not unit.read_text(errors="replace").startswith(OURS):
        raise NotOurs(unit)


def _make_private(directory: Path) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory.chmod(0o700)


def _replace(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_name(f".{file.name}.new")
    new.write_text(text)
    new.chmod(0o644)
    new.replace(file)


def _systemctl(place: Place, *arguments: str) -> None:
    offline = () if place.systemd_runs else (f"--root={place.root}",)
    _ = run_sync(["systemctl", "--quiet", *offline, *arguments], timeout=120.0)


@click.command()
@click.option("--control", is_flag=True, help="This machine runs the control service.")
@click.option("--agent", is_flag=True, help="This machine keeps datasets.")
@click.option("--docker", is_flag=True, help="Its Docker uses them as volumes.")
@click.option(
    "--bin",
    "programs",
    type=click.Path(path_type=Path, file_okay=False),
    help="Directory of Flocker's programs; by default that of this command.",
)
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False, exists=True, resolve_path=True),
    default="/",
    help="Prepare the machine whose root directory this is, an image for instance.",
)
@click.option("--enable", is_flag=True, help="Start them now and whenever it boots.")
@click.option("--uninstall", "removing", is_flag=True, help="Stop and remove them.")
@tool_options
def install_units(
    *,
    programs: Path | None,
    root: Path,
    enable: bool,
    removing: bool,
    **runs: bool,
) -> None:
    """Install Flocker's systemd units and the directories they need."""
    place = Place(root)
    wishes = {
        Daemon.CONTROL: runs["control"],
        Daemon.DATASET_AGENT: runs["agent"],
        Daemon.DOCKER_PLUGIN: runs["docker"],
    }
    daemons = [daemon for daemon, wanted in wishes.items() if wanted]
    if not daemons:
        why = "say what this machine runs: --control, --agent, --docker or several"
        raise click.UsageError(why)
    if removing:
        _remove(place, daemons)
        return
    install(place, daemons, (programs or _own_directory()).absolute())
    for daemon in daemons:
        click.echo(f"wrote {place.unit(daemon)}")
    if place.systemd_runs:
        _systemctl(place, "daemon-reload")
    if enable:
        _enable(place, daemons)
    click.echo(_next(place, daemons, enabled=enable))


def _remove(place: Place, daemons: Sequence[Daemon]) -> None:
    for daemon in uninstall(place, daemons):
        click.echo(f"removed {place.unit(daemon)}")
    if place.systemd_runs:
        _systemctl(place, "daemon-reload")
    click.echo("What is in /etc/flocker and /var/lib/flocker is left; so are mounts.")


def _enable(place: Place, daemons: Iterable[Daemon]) -> None:
    units = [daemon.unit for daemon in daemons]
    _systemctl(place, "enable", *units)
    if place.systemd_runs:
        # Not waited for: whoever lacks a certificate tries again until it is there.
        _systemctl(place, "restart", "--no-block", *units)


def _next(place: Place, daemons: Sequence[Daemon], *, enabled: bool) -> str:
    names = " ".join(daemon.value for daemon in daemons)
    needed = {
        Daemon.CONTROL: "cluster.crt, control-service.crt and control-service.key",
        Daemon.DATASET_AGENT: "cluster.crt, node.crt, node.key and agent.yml",
        Daemon.DOCKER_PLUGIN: "cluster.crt, plugin.crt, plugin.key and agent.yml",
    }
    lines = [
        f"{daemon.value} needs in /etc/flocker: {needed[daemon]}" for daemon in daemons
    ]
    if not enabled:
        now = "--now " if place.systemd_runs else ""
        lines.append(f"then: systemctl enable {now}{names}")
    lines.append(f"how they are: systemctl status {names}")
    return "\n".join(lines)


def _own_directory() -> Path:
    return Path(sys.argv[0]).absolute().parent


def main() -> None:
    """Run the program (console script)."""
    run_program(install_units, "flocker-install-units")
