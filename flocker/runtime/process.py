"""Run a program to its end: in the reactor (`run`) or in a thread (`run_sync`).

This, `piping` and `companion` alone start programs for agents and drivers. Secrets
belong into `stdin` or `env`: `argv` and the end of stderr are shown in errors and logs.
"""

import contextlib
import shlex
import shutil
import subprocess
from collections.abc import Collection, Mapping, Sequence

from attrs import frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ProcessExitedAlready, ProcessTerminated
from twisted.internet.interfaces import (
    IReactorProcess,
    IReactorTime,
)
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from flocker.model.errors import FlockerError

DEFAULT_ENVIRONMENT = {
    "LC_ALL": "C",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
}
"""What a program gets to see of our environment: nothing."""

_TAIL_LINES = 4
_TAIL_CHARACTERS = 400


@frozen
class Completed:
    """A program that ended; `status` is negative for the signal that killed it."""

    status: int
    out: bytes
    err: bytes


@frozen
class ProcessFailed(FlockerError):
    """A program ended with a status that its caller does not expect."""

    argv: tuple[str, ...]
    status: int
    stderr: str
    """The last few lines."""

    def words(self) -> str:
        """Name the command, its status and what it said."""
        ended = (
            f"was killed by signal {-self.status}"
            if self.status < 0
            else f"failed with status {self.status}"
        )
        return f"`{shlex.join(self.argv)}` {ended}: {self.stderr or 'it said nothing'}"


@frozen
class ProcessTimedOut(FlockerError):
    """A program did not end in time and was killed."""

    argv: tuple[str, ...]
    timeout: float

    def words(self) -> str:
        """Name the command and the time in seconds."""
        return f"`{shlex.join(self.argv)}` did not end within {self.timeout:g} s"


@frozen
class ProgramMissing(FlockerError):
    """A program that we need could not be started."""

    program: str
    why: str

    def words(self) -> str:
        """Name the program."""
        return f"cannot start {self.program}: {self.why}"


def tail(stderr: bytes) -> str:
    """Give the end of what a program said, on one line."""
    lines = stderr.decode(errors="replace").split("\n")
    said = [line.strip() for line in lines if line.strip()]
    return "; ".join(said[-_TAIL_LINES:])[-_TAIL_CHARACTERS:]


def _checked(
    argv: Sequence[str], completed: Completed, expected: Collection[int]
) -> Completed:
    if completed.status not in expected:
        stderr = tail(completed.err)
        raise ProcessFailed(tuple(argv), completed.status, stderr)
    return completed


def find_program(
    name: str, environment: Mapping[str, str] = DEFAULT_ENVIRONMENT
) -> str:
    """Find a program on the search path. Raises `ProgramMissing`."""
    program = shutil.which(name, path=environment["PATH"])
    if program is None:
        raise ProgramMissing(name, "there is no such program")
    return program


def _environment(env: Mapping[str, str] | None) -> dict[str, str]:
    return {**DEFAULT_ENVIRONMENT, **(env or {})}


def run_sync(
    argv: Sequence[str],
    *,
    stdin: bytes = b"",
    env: Mapping[str, str] | None = None,
    timeout: float | None = None,
    expected: Collection[int] = (0,),
) -> Completed:
    """Run a program and wait for it, at most `timeout` seconds; not in the reactor.

    `env` is added to `DEFAULT_ENVIRONMENT`. Raises `ProcessFailed` for a status that is
    not `expected`, `ProcessTimedOut`, `ProgramMissing`.
    """
    environment = _environment(env)
    program = find_program(argv[0], environment)
    try:
        done = subprocess.run(
            list(argv),
            executable=program,
            input=stdin,
            capture_output=True,
            env=environment,
            timeout=timeout,
            check=False,
            cwd="/",
        )
    except subprocess.TimeoutExpired as error:
        raise ProcessTimedOut(tuple(argv), error.timeout) from None
    except OSError as error:
        raise ProgramMissing(argv[0], error.strerror or str(error)) from None
    return _checked(
        argv, Completed(done.returncode, done.stdout, done.stderr), expected
    )


async def run(
    reactor: IReactorProcess,
    argv: Sequence[str],
    *,
    stdin: bytes = b"",
    env: Mapping[str, str] | None = None,
    timeout: float | None = None,
    expected: Collection[int] = (0,),
) -> Completed:
    """Run a program without blocking the reactor, at most `timeout` seconds.

    As `run_sync`, with the same errors. After a time-out it waits until the program is
    dead. Cancelling kills the program.
    """
    environment = _environment(env)
    program = find_program(argv[0], environment)
    collecting = _Collecting()
    process = reactor.spawnProcess(
        collecting, program.encode(), list(argv), environment, path=b"/"
    )
    process.writeToChild(0, stdin)
    process.closeStdin()
    timed_out = False

    def kill() -> None:
        with contextlib.suppress(ProcessExitedAlready):
            process.signalProcess("KILL")

    def time_out() -> None:
        nonlocal timed_out
        timed_out = True
        kill()

    late = timeout and IReactorTime(reactor).callLater(timeout, time_out)
    try:
        completed = await collecting.ended
    except CancelledError:
        kill()
        raise
    finally:
        if late and late.active():
            late.cancel()
    if timed_out and timeout:
        raise ProcessTimedOut(tuple(argv), timeout)
    return _checked(argv, completed, expected)


class _Collecting(ProcessProtocol):
    """Keeps what a program writes and waits for its end."""

    def __init__(self) -> None:
        self._out: list[bytes] = []
        self._err: list[bytes] = []
        self.ended: Deferred[Completed] = Deferred()

    def outReceived(self, data: bytes) -> None:
        self._out.append(data)

    def errReceived(self, data: bytes) -> None:
        self._err.append(data)

    def processEnded(self, reason: Failure) -> None:
        ended = reason.value
        status = 0
        if isinstance(ended, ProcessTerminated):
            status = ended.exitCode if ended.signal is None else -ended.signal
        self.ended.callback(Completed(status, b"".join(self._out), b"".join(self._err)))
