"""A clock that is set under a process that runs, by a library preloaded into it.

Only the time of day is set, as by an administrator or a time server; what counts
steadily goes on. (libfaketime breaks `time.sleep` of Python 3.11.)
"""

import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("wrong_clock.c")


def build(directory: Path) -> Path:
    """Make the library."""
    if shutil.which("gcc") is None:
        pytest.skip("gcc is missing")
    library = directory / "wrong_clock.so"
    command = ["gcc", "-shared", "-fPIC", "-O1", "-o", library, SOURCE]
    subprocess.run(command, check=True)
    return library


def faked(library: Path, clock: Path) -> dict[str, str]:
    """The environment of a process whose time of day is set by a file."""
    return {"LD_PRELOAD": str(library), "WRONG_CLOCK": str(clock)}


def step(clock: Path, seconds: int) -> None:
    """Let the time of day be ahead of the real one from now on."""
    new = clock.with_suffix(".new")
    new.write_text(f"{seconds}\n")
    new.rename(clock)
