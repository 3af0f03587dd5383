"""``zfs receive``, begun again while the filesystem is not let go yet; for `streams`.

See Note [Not yet] in `commands`: what is busy at the beginning of a stream, or at the
end of a short one, is so because of what was there before, such as the stream that an
agent was killed over. What was passed on up to then is kept and given once more.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from threading import Lock
from typing import Final

from attrs import define, field

from flocker.backends.zfs.commands import PATIENCE
from flocker.backends.zfs.translate import says_busy
from flocker.runtime.piping import Writing
from flocker.runtime.process import ProcessFailed

KEPT: Final = 4 * 1024 * 1024
"""Bytes: more than the pipe to a program holds that has not read its first record."""
_AGAIN: Final = 0.1


@define(eq=False)
class PatientReceive:
    """The program. Another thread may call `close`."""

    start: Callable[[], Writing]
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.monotonic
    _program: Writing = field(init=False)
    _passed: bytes | None = field(default=b"", init=False)
    _alone: Lock = field(factory=Lock, init=False)
    _closed: bool = field(default=False, init=False)

    @_program.default
    def _first(self) -> Writing:
        return self.start()

    def write(self, part: bytes | bytearray | memoryview) -> None:
        """Pass it on. Raises `ProcessFailed`."""
        if self._passed is not None:
            together = self._passed + part
            self._passed = together if len(together) <= KEPT else None
        try:
            self._program.write(part)
        except ProcessFailed as error:
            self._repeat(error, all_came=False)

    def finish(self) -> None:
        """All came: wait for the end. Raises `ProcessFailed`."""
        try:
            self._program.finish()
        except ProcessFailed as error:
            self._repeat(error, all_came=True)

    def stop(self) -> None:
        """End its input before its end, so that it cleans up, and wait for that."""
        with self._alone:
            self._closed = True
        with suppress(ProcessFailed):  # it was not given all
            self._program.finish()
        self._program.close()

    def close(self) -> None:
        """Kill it, and begin it no more; again is fine."""
        with self._alone:
            self._closed = True
        self._program.close()

    def _repeat(self, error: ProcessFailed, *, all_came: bool) -> None:
        give_up = self.now() + PATIENCE
        while self._passed is not None and says_busy(error.stderr):
            if self.now() > give_up or not self._restart():
                break
            try:
                self._program.write(self._passed)
                if all_came:
                    self._program.finish()
            except ProcessFailed as again:
                error = again
            else:
                return
        raise error

    def _restart(self) -> bool:
        """Begin it again a moment later, unless it was closed."""
        self.sleep(_AGAIN)
        with self._alone:
            if not self._closed:
                self._program.close()
                self._program = self.start()
            return not self._closed
