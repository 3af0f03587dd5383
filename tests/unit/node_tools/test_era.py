"""Tests of flocker-node-era."""

from pathlib import Path

from click.testing import CliRunner

from flocker.node_tools.era import node_era
from flocker.runtime.settings import program_status

ERA = "5b4d9718-8af8-4ac9-b051-cf3b95771f11"


def test_prints_the_boot_id(tmp_path: Path) -> None:
    """The boot id is printed without an end of line, whatever the log options."""
    file = tmp_path / "boot_id"
    file.write_text(f"{ERA}\n")
    log = tmp_path / "log"
    result = CliRunner().invoke(
        node_era, ["--boot-id", str(file), "--logfile", str(log), "--journald"]
    )
    assert (result.exit_code, result.stdout) == (0, ERA)
    assert not log.exists()


def test_no_boot_id(tmp_path: Path) -> None:
    """Elsewhere than on Linux it fails."""
    arguments = ["--boot-id", str(tmp_path / "none")]
    assert program_status(node_era, "flocker-node-era", arguments) == 1


def test_odd_boot_id(tmp_path: Path) -> None:
    """What is no UUID is not printed."""
    file = tmp_path / "boot_id"
    file.write_bytes(b"\xff")
    arguments = ["--boot-id", str(file)]
    assert program_status(node_era, "flocker-node-era", arguments) == 1
