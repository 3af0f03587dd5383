"""What there is of a sandbox on this machine, whatever its own records say."""

from pathlib import Path

from flocker.sandbox.loops import bound_below
from flocker.sandbox.names import SandboxName
from flocker.sandbox.places import DATAS, STATES
from flocker.sandbox.processes import everyone, namespace
from flocker.sandbox.waiting import until


def left_of(name: SandboxName) -> list[str]:
    """Everything on this machine that belongs to a sandbox of this name."""
    own = [str(STATES / name), str(DATAS / name)]
    found = [path for path in own if Path(path).exists()]
    table = Path("/proc/self/mountinfo").read_text().splitlines()
    found += [line for line in table if f"{STATES / name}/" in line]
    found += [str(binding) for binding in bound_below(DATAS / name)]
    for pid in everyone():
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().decode()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if f"{DATAS / name}/" in command and running_in_a_machine(pid):
            found.append(command)
    return found


def await_swept(name: SandboxName) -> None:
    """Wait until nothing is left: a sweep of another run may be at work on it."""
    until(lambda: left_of(name) == [], f"{name} swept: {left_of(name)}", 60)


def running_in_a_machine(pid: int) -> bool:
    """Whether a process is not in the network of this test."""
    return namespace(pid, "net") not in {namespace("self", "net"), None}
