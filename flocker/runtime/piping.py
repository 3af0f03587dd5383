"""A program whose output we read, or whose input we write, part by part, in threads.

For streams that do not fit into memory; everything else is for `process`. What waits in
one thread ends when another calls `close`.
"""

import contextlib
import fcntl
import os
import subprocess
import tempfile
from collections.abc import Sequence
from threading import Lock
from typing import IO

from attrs import define, field

from flocker.runtime.process import (
    DEFAULT_ENVIRONMENT,
    ProcessFailed,
    find_program,
    tail,
)

PIPE_SIZE = 1024 * 1024
"""Bytes that a pipe should hold; the kernel may allow an unprivileged user less."""


def _enlarge(pipe: IO[bytes]) -> None:
    with contextlib.suppress(OSError):
        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, PIPE_SIZE)


@define(eq=False)
class _Piped:
    argv: tuple[str, ...]
    _process: subprocess.Popen[bytes]
    _pipe: IO[bytes]
    _errors: IO[bytes]
    _said: str | None = field(default=None, init=False)
    _one: Lock = field(factory=Lock, init=False)
    """Held by the thread that reads what it said: who waits and who closes both do."""

    @property
    def stderr(self) -> str:
        """Give the end of what a program that has ended said."""
        with self._one:
            if self._said is None:
                self._errors.seek(0)
                self._said = tail(self._errors.read())
                self._errors.close()
            return self._said

    def close(self) -> None:
        """Kill the program if it runs, and wait until it has ended; again is fine.

        It is dead before its pipe ends, so it takes no end of its input for an end.
        """
        self._process.kill()
        self._process.wait()
        self._pipe.close()
        _ = self.stderr

    def _end(self) -> None:
        """Wait for the end of the program. Raises `ProcessFailed`."""
        status = self._process.wait()
        said = self.stderr
        if status:
            raise ProcessFailed(self.argv, status, said)


class Reading(_Piped):
    """A program that writes for us."""

    def read(self, most: int) -> bytes:
        """Give the next part; nothing once it ended well. Raises `ProcessFailed`."""
        part = os.read(self._pipe.fileno(), most)
        if not part:
            self._end()
        return part


class Writing(_Piped):
    """A program that reads what we write."""

    def write(self, part: bytes | bytearray | memoryview) -> None:
        """Wait until all of it is taken. Raises `ProcessFailed` if it has ended."""
        left = memoryview(part)
        try:
            while left:
                left = left[os.write(self._pipe.fileno(), left) :]
        except BrokenPipeError:
            self._end()
            why = "it ended before it had read everything"
            raise ProcessFailed(self.argv, 0, self.stderr or why) from None

    def finish(self) -> None:
        """End the program's input and wait for its end. Raises `ProcessFailed`."""
        self._pipe.close()
        self._end()


@define(eq=False)
class Filtering(Reading):
    """A program that one thread writes to and another one reads from."""

    _input: IO[bytes]

    def write(self, part: bytes | bytearray | memoryview) -> None:
        """Wait until all of it is taken. Raises `ProcessFailed` if it has ended."""
        left = memoryview(part)
        try:
            while left:
                left = left[os.write(self._input.fileno(), left) :]
        except BrokenPipeError:
            self._end()
            why = "it ended before it had read everything"
            raise ProcessFailed(self.argv, 0, self.stderr or why) from None

    def end_input(self) -> None:
        """Say that nothing more is written."""
        self._input.close()

    def kill(self) -> None:
        """End the program: whoever reads is told."""
        self._process.kill()

    def close(self) -> None:
        """Kill the program if it runs; for when nobody writes any more."""
        super().close()
        self._input.close()


def _start(
    argv: Sequence[str], stdin: int, stdout: int
) -> tuple[subprocess.Popen[bytes], IO[bytes]]:
    program = find_program(argv[0])
    errors = tempfile.TemporaryFile()  # noqa: SIM115  (closed by `stderr`)
    process = subprocess.Popen(
        list(argv),
        executable=program,
        stdin=stdin,
        stdout=stdout,
        stderr=errors,
        env=DEFAULT_ENVIRONMENT,
        cwd="/",
    )
    return process, errors


def reading(argv: Sequence[str]) -> Reading:
    """Start a program to read from. Raises `ProgramMissing`."""
    process, errors = _start(argv, subprocess.DEVNULL, subprocess.PIPE)
    pipe = process.stdout
    if pipe is None:
        raise AssertionError(argv)
    _enlarge(pipe)
    return Reading(tuple(argv), process, pipe, errors)


def writing(argv: Sequence[str]) -> Writing:
    """Start a program to write to. Raises `ProgramMissing`."""
    process, errors = _start(argv, subprocess.PIPE, subprocess.DEVNULL)
    pipe = process.stdin
    if pipe is None:
        raise AssertionError(argv)
    _enlarge(pipe)
    return Writing(tuple(argv), process, pipe, errors)


def filtering(argv: Sequence[str]) -> Filtering:
    """Start a program to write to and read from. Raises `ProgramMissing`."""
    process, errors = _start(argv, subprocess.PIPE, subprocess.PIPE)
    if process.stdout is None or process.stdin is None:
        raise AssertionError(argv)
    _enlarge(process.stdout)
    _enlarge(process.stdin)
    return Filtering(tuple(argv), process, process.stdout, errors, process.stdin)
