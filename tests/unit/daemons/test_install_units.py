"""Units, written into the root directory of a machine that is not this one."""

import configparser
import re
from pathlib import Path

import pytest

from flocker.daemons.install_units import (
    Daemon,
    NoProgram,
    NotOurs,
    Place,
    install,
    install_units,
    packaged,
    unit_text,
)
from flocker.runtime.settings import program_status

BIN = Path("/opt/flocker/bin")

NAMESPACED = re.compile(
    r"(Bind(ReadOnly)?|Inaccessible|ReadOnly|ReadWrite|Exec|NoExec)Paths"
    r"|(State|Runtime|Cache|Logs|Configuration|Root)Directory|RootImage|DynamicUser"
    r"|Mount(Flags|Images)|Private.*|Protect.*|ProcSubset|TemporaryFileSystem"
    r"|(Load|Set)Credential.*"
)
"""Settings for which systemd gives a service mounts of its own, systemd.exec(5)."""


def settings(daemon: Daemon) -> configparser.ConfigParser:
    """A packaged unit, read; units without repeated keys are as ini files."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(packaged(daemon))
    return parser


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A machine with Flocker's programs."""
    programs = tmp_path / BIN.relative_to("/")
    programs.mkdir(parents=True)
    for daemon in Daemon:
        (programs / daemon.value).touch(mode=0o755)
    return Place(tmp_path)


def run(place: Place, *arguments: str) -> int:
    """Run the command for that machine."""
    where = (f"--root={place.root}", f"--bin={BIN}")
    return program_status(install_units, "flocker-install-units", [*where, *arguments])


@pytest.mark.parametrize("daemon", Daemon)
def test_always_restarted(daemon: Daemon) -> None:
    """All daemons are started again for ever and tell systemd when they serve."""
    unit = settings(daemon)
    found = [unit["Service"][key] for key in ("Type", "Restart", "NotifyAccess")]
    assert [*found, unit["Unit"]["StartLimitIntervalSec"]] == [
        "notify",
        "always",
        "main",
        "0",
    ]


@pytest.mark.parametrize(
    ("daemon", "options"),
    [
        (Daemon.CONTROL, "--port tcp:4523 --agent-port tcp:4524 --journald"),
        (Daemon.DATASET_AGENT, "--journald"),
        (Daemon.DOCKER_PLUGIN, "--journald"),
    ],
)
def test_commands(daemon: Daemon, options: str) -> None:
    """The packaged units start what those of the first Flocker did."""
    command = f"/usr/sbin/{daemon.value} {options}"
    assert settings(daemon)["Service"]["ExecStart"] == command


@pytest.mark.parametrize("daemon", [Daemon.DATASET_AGENT, Daemon.DOCKER_PLUGIN])
def test_mounts_are_shared(daemon: Daemon) -> None:
    """Nothing in a unit gives agent or plugin a mount namespace of its own."""
    service = settings(daemon)["Service"]
    assert [key for key in service if NAMESPACED.fullmatch(key)] == []


def test_docker_starts_last() -> None:
    """The agent, then the plugin, then Docker, which waits for an absent driver."""
    agent, plugin = settings(Daemon.DATASET_AGENT), settings(Daemon.DOCKER_PLUGIN)
    assert "docker.service" in agent["Unit"]["Before"]
    assert Daemon.DATASET_AGENT.unit in plugin["Unit"]["After"]
    assert plugin["Unit"]["Before"] == "docker.service"


def test_mounts_survive() -> None:
    """Who stops the agent stops no process that may serve a filesystem."""
    assert settings(Daemon.DATASET_AGENT)["Service"]["KillMode"] == "process"


def test_control_writes_its_data_only() -> None:
    """Control sees everything read-only but its data."""
    service = settings(Daemon.CONTROL)["Service"]
    found = service["ProtectSystem"], service["ReadWritePaths"]
    assert found == ("strict", "/var/lib/flocker")


@pytest.mark.parametrize(
    ("programs", "line"),
    [
        ("/opt/flocker/bin", "ExecStart=/opt/flocker/bin/flocker-x --journald\n"),
        ("/a b", 'ExecStart="/a b/flocker-x" --journald\n'),
        ("/100%", "ExecStart=/100%%/flocker-x --journald\n"),
    ],
)
def test_programs(programs: str, line: str) -> None:
    """The place of the programs is put in, in systemd's spelling; the rest stays."""
    text = "[Service]\nExecStart=/usr/sbin/flocker-x --journald\n# /usr/sbin/\n"
    assert unit_text(text, programs) == f"[Service]\n{line}# /usr/sbin/\n"


def test_install(place: Place) -> None:
    """Only what was asked for is written, and directories only root may enter."""
    install(place, [Daemon.CONTROL], BIN)
    expected = unit_text(packaged(Daemon.CONTROL), str(BIN))
    assert place.unit(Daemon.CONTROL).read_text() == expected
    assert not place.unit(Daemon.DATASET_AGENT).exists()
    private = [place.root / "etc/flocker", place.root / "var/lib/flocker"]
    assert [path.stat().st_mode & 0o777 for path in private] == [0o700, 0o700]


def test_install_again(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """What was installed is replaced, and one is told what to do next."""
    assert [run(place, "--control", "--agent") for _ in range(2)] == [0, 0]
    assert "then: systemctl enable flocker-control" in capsys.readouterr().out


def test_no_program(place: Place) -> None:
    """Before anything is written a missing program is named."""
    (place.root / "opt/flocker/bin/flocker-dataset-agent").unlink()
    with pytest.raises(NoProgram) as raised:
        install(place, list(Daemon), BIN)
    assert raised.value.path == BIN / "flocker-dataset-agent"
    assert not (place.root / "etc").exists()


def test_not_ours(place: Place) -> None:
    """A unit that somebody else wrote is left alone."""
    theirs = place.unit(Daemon.DATASET_AGENT)
    theirs.parent.mkdir(parents=True)
    theirs.write_text("[Unit]\n")
    with pytest.raises(NotOurs):
        install(place, list(Daemon), BIN)
    assert (theirs.read_text(), place.unit(Daemon.CONTROL).exists()) == (
        "[Unit]\n",
        False,
    )


def test_nothing_asked(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """Which daemons a machine runs must be said."""
    assert run(place) == 1
    assert "--control, --agent, --docker or several" in capsys.readouterr().err
