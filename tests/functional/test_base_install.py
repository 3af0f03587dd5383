"""What an administrator installs on a laptop, perhaps a Mac, starts there."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

BASE_PROGRAMS = ["flocker-ca", "flockerctl"]

MAKE_BASE_INSTALL = """
set -euo pipefail
source admin/bootstrap
ensure_venv ""
echo "$VENV"
"""

# The standard library's own branch for Macs wants a C module that Linux lacks, so
# urllib comes first; everything after it sees a Mac.
ON_A_MAC = """
import sys
import urllib.request
from importlib.metadata import entry_points

sys.platform = "darwin"
sys.argv = [{program!r}, "--help"]
(script,) = entry_points(group="console_scripts", name={program!r})
script.load()()
"""


@pytest.fixture(scope="module")
def base_python() -> Path:
    """The Python of an environment with the base install and nothing else."""
    made = subprocess.run(
        ["bash", "-c", MAKE_BASE_INSTALL],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return Path(made.stdout.strip()) / "bin" / "python"


@pytest.mark.parametrize("library", ["klein", "jsonschema", "pytest", "sphinx"])
def test_base_install_is_small(base_python: Path, library: str) -> None:
    """The base install brings nothing that only servers or developers need."""
    found = subprocess.run(
        [base_python, "-I", "-c", f"import {library}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "ModuleNotFoundError" in found.stderr


@pytest.mark.parametrize("program", BASE_PROGRAMS)
def test_help_on_a_mac(base_python: Path, program: str) -> None:
    """The programs of the base install explain themselves on macOS."""
    ran = subprocess.run(
        [base_python, "-I", "-c", ON_A_MAC.format(program=program)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("Usage: ")
