"""A program that goes on when we are killed, and hears of it: its stdin ends.

For what must be put right though we die in the middle of it. It has a session of its
own, so that no terminal's signal reaches it, and it gets the descriptors it is given.
"""

import contextlib
import os
import select
import subprocess
import tempfile
from collections.abc import Sequence
from typing import IO

from attrs import define, field

from flocker.runtime.process import DEFAULT_ENVIRONMENT, ProgramMissing, tail


@define(eq=False)
class Companion:
    """A program that was started; one line is what it has to tell."""

    _process: subprocess.Popen[bytes]
    _input: IO[bytes]
    _output: IO[bytes]
    _errors: IO[bytes]
    _heard: bytes = field(default=b"", init=False)

    @property
    def pid(self) -> int:
        """Name it as the kernel does."""
        return self._process.pid

    def hear(self, timeout: float) -> bytes | None:
        """Wait `timeout` seconds for its line; None if there is none yet.

        What it had to say is without an end of line if it has ended before.
        """
        poll = select.poll()
        poll.register(self._output, select.POLLIN)
        while not self._heard.endswith(b"\n"):
            if not poll.poll(timeout * 1000):
                return None
            part = os.read(self._output.fileno(), 65536)
            if not part:
                break
            self._heard += part
        return self._heard

    def kill(self) -> None:
        """End it as ``kill -9`` does; it may have ended."""
        self._process.kill()

    def ended(self) -> str:
        """Wait for its end; give what it complained of, as far as it did."""
        with contextlib.closing(self._errors):
            _ = self._process.wait()
            self._input.close()
            self._output.close()
            self._errors.seek(0)
            return tail(self._errors.read())


def accompany(argv: Sequence[str], descriptors: Sequence[int]) -> Companion:
    """Start a program, named by its path, that has our `descriptors` by their numbers.

    Raises `ProgramMissing`.
    """
    errors = tempfile.TemporaryFile()  # noqa: SIM115  (closed by `ended`)
    try:
        process = subprocess.Popen(
            list(argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            pass_fds=descriptors,
            start_new_session=True,
            env=DEFAULT_ENVIRONMENT,
            cwd="/",
        )
    except OSError as error:
        errors.close()
        raise ProgramMissing(argv[0], error.strerror or str(error)) from None
    if process.stdin is None or process.stdout is None:
        raise AssertionError(argv)
    return Companion(process, process.stdin, process.stdout, errors)
