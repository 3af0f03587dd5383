"""The only module that imports the reactor: runs a program's coroutine to its end.

Command-line tools call `run_command`, daemons `run_service`. Nobody else starts, stops
or imports the reactor; they are given it.
"""

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn, Protocol, cast

from twisted.internet import reactor as _the_reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from flocker.model.errors import FlockerError
from flocker.runtime import logging
from flocker.runtime.reactor import IReactor
from flocker.runtime.service_manager import ServiceManager, service_manager

STOP_WITHIN = 60.0
"""Seconds a daemon's stop function has until the process ends without it."""

INTERRUPTED = 128 + signal.SIGINT
"""Exit status of a command that was interrupted, as shells count."""


Command = Callable[[IReactor], Coroutine[Any, Any, int]]
"""What a tool does; its result is the exit status."""
Stop = Callable[[], Coroutine[Any, Any, None]]
"""Ends a daemon: returns when nothing is left open."""
Start = Callable[[IReactor], Coroutine[Any, Any, Stop]]
"""Starts a daemon: returns when it serves."""


def run_command(command: Command) -> NoReturn:
    """Run `command` to its end and exit with its result.

    SIGINT and SIGTERM cancel it, wait for its cleaning up, and exit with 130. An error
    it does not handle is one line on standard error, and 1.
    """
    sys.exit(command_status(command))


def command_status(command: Command) -> int:
    """Run `command` as `run_command` does, and give the exit status."""
    program = _Program(_reactor())
    program.run(_Running(program, command))
    return program.status if program.finished else INTERRUPTED


def run_service(start: Start) -> NoReturn:
    """Serve until SIGTERM or SIGINT, then stop cleanly and exit with 0.

    `start` gives the function that stops; from then on systemd, if it started us,
    knows that we serve and live. What it raises ends the process with 1 and one line
    on standard error, which is logged too; a fault of ours with its traceback.
    """
    program = _Program(_reactor())
    program.run(_Serving(program, start, service_manager()))
    sys.exit(program.status)


def explain(error: BaseException) -> str:
    """Say in one line what ended a program; a fault of ours with its place."""
    if isinstance(error, FlockerError):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return f"this is a fault in Flocker itself: {text}{place}"


class _Life(Protocol):
    """What happens in a reactor from its start to its shutdown."""

    def begin(self) -> None:
        """The reactor runs."""

    def end(self) -> Deferred[None] | None:
        """The reactor stops, once this is done."""


class _Program:
    """A reactor that runs until one task has ended; its exit status."""

    def __init__(self, reactor: IReactor) -> None:
        self.reactor = reactor
        self.status = 0
        self.finished = False
        self._stopping = False

    def run(self, life: _Life) -> None:
        """Run the reactor with `life` in it, until it ends."""
        self.reactor.callWhenRunning(life.begin)
        _ = self.reactor.addSystemEventTrigger("before", "shutdown", self._shutdown)
        _ = self.reactor.addSystemEventTrigger("before", "shutdown", life.end)
        self.reactor.run()

    def finish(self, status: int) -> None:
        """The exit status is known: end the reactor, unless that is under way."""
        self.status = status
        self.finished = True
        if not self._stopping:
            self.reactor.stop()

    def fail(self, error: BaseException) -> None:
        """End with one line on standard error, and 1."""
        why = explain(error)
        _ = sys.stderr.write(f"ERROR: {why}\n")
        logging.message(logging.NOT_STARTED, why=why)
        if not isinstance(error, FlockerError):
            logging.failure("flocker:program:fault", Failure(error))
        self.finish(1)

    def _shutdown(self) -> None:
        self._stopping = True


class _Running:
    """The life of a command."""

    def __init__(self, program: _Program, command: Command) -> None:
        self._program = program
        self._command = command
        self._task: Deferred[None] | None = None

    def begin(self) -> None:
        """Start the command."""
        self._task = Deferred.fromCoroutine(self._run())

    def end(self) -> Deferred[None] | None:
        """Cancel what still runs, and wait for it."""
        if self._task is not None:
            self._task.cancel()
        return self._task

    async def _run(self) -> None:
        try:
            status = await self._command(self._program.reactor)
        except CancelledError:
            return
        except BrokenPipeError:
            # Nobody reads the output any more; at the exit it is flushed once more.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            self._program.finish(1)
        except Exception as error:  # noqa: BLE001 - the end of the line for any error
            self._program.fail(error)
        else:
            self._program.finish(status)


class _Serving:
    """The life of a daemon."""

    def __init__(
        self, program: _Program, start: Start, manager: ServiceManager
    ) -> None:
        self._program = program
        self._start = start
        self._manager = manager
        self._stop: Stop | None = None
        self._starting: Deferred[None] | None = None

    def begin(self) -> None:
        """Start the daemon."""
        self._starting = Deferred.fromCoroutine(self._begin())

    def end(self) -> Deferred[None]:
        """Cancel the start, or stop what was started within `STOP_WITHIN`."""
        self._manager.stopping()
        if self._starting is not None:
            self._starting.cancel()
        return Deferred.fromCoroutine(self._end())

    async def _begin(self) -> None:
        try:
            self._stop = await self._start(self._program.reactor)
        except CancelledError:
            return
        except Exception as error:  # noqa: BLE001 - the end of the line for any error
            self._program.fail(error)
        else:
            self._manager.ready()
            _ = self._manager.live(self._program.reactor)

    async def _end(self) -> None:
        if self._stop is None:
            return
        stopping: Deferred[None] = Deferred.fromCoroutine(self._stop())
        try:
            await stopping.addTimeout(STOP_WITHIN, self._program.reactor)
        except Exception as error:  # noqa: BLE001 - the end of the line for any error
            self._program.fail(error)


def _reactor() -> IReactor:
    """Give the reactor, with timers that do not move when somebody sets the clock.

    Twisted counts on the time of day: an hour back would stop all time-outs for an
    hour.
    """
    reactor = cast(IReactor, _the_reactor)
    vars(reactor)["seconds"] = time.monotonic
    return reactor
