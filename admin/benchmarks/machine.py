"""The machine that is measured on, and what a process on it has used."""

import os
import re
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]


def machine() -> dict[str, object]:
    """Say what tells this machine from others whose figures differ."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": _first(Path("/proc/cpuinfo"), r"model name\s*: (.*)"),
        "cores": len(os.sched_getaffinity(0)),
        "GiB": round(memory / 2**30),
    }


def commit() -> str:
    """Name the commit that is measured; a ``+`` says that files differ from it."""
    command = ["git", "-c", f"safe.directory={ROOT}", "describe"]
    options = ["--always", "--abbrev=12", "--dirty=+", "--exclude=*"]
    done = subprocess.run(
        [*command, *options], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"


def cpu_seconds(pid: int) -> float:
    """Give the CPU time of all threads of a process, those that ended too."""
    # clock_getcpuclockid(3), as Linux makes the number.
    return time.clock_gettime((~pid << 3) | 2)


def resident_mib(pid: int) -> float:
    """Give the memory that a process has now, in MiB."""
    found = _first(Path(f"/proc/{pid}/status"), r"VmRSS:\s*(\d+) kB")
    return int(found) / 1024


def _first(file: Path, pattern: str) -> str:
    found = re.search(pattern, file.read_text())
    return found[1].strip() if found else "0"
