"""How programs start, stop and fail, as whole processes."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from subprocess import PIPE

import pytest

COMMAND = """
from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from flocker.model.errors import FlockerError
from flocker.runtime.main import run_command, run_service

def say(text):
    print(text, flush=True)

@frozen
class Refused(FlockerError):
    def words(self):
        return "the door is shut"

async def body(reactor):
    {body}

{runner}(body)
"""


def program(runner: str, body: str) -> "subprocess.Popen[str]":
    """Start a program whose coroutine has this one statement, or lines of it."""
    text = COMMAND.format(runner=runner, body=body.replace("\n", "\n    "))
    # Who runs tests in the background of a shell ignores SIGINT, and so would these.
    hears = ("env", "--default-signal=INT")
    return subprocess.Popen(
        [*hears, sys.executable, "-c", text], stdout=PIPE, stderr=PIPE, text=True
    )


def outcome(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    """How a program ended: status, output, errors."""
    try:
        output, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    return process.returncode, output, errors


def signalled(
    process: "subprocess.Popen[str]", number: signal.Signals
) -> tuple[int, str, str]:
    """How a program ended that got a signal when it had printed a line."""
    assert process.stdout is not None
    _ = process.stdout.readline()
    process.send_signal(number)
    return outcome(process)


SERVE = """
async def stop():
    await deferLater(reactor, 0.05, lambda: None)
    say("stopped")
say("started")
return stop
"""


def test_nobody_reads() -> None:
    """A command whose output is a pipe that nobody reads any more ends at once."""
    body = """
say("begun")
await deferLater(reactor, 0.5, lambda: None)
for _ in range(10):
    say("more")
return 0
"""
    process = program("run_command", body)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    process.stdout.close()
    assert process.wait(timeout=60) == 1
    assert process.stderr is not None
    assert "Traceback" not in process.stderr.read()
    process.stderr.close()


def test_command_status() -> None:
    """A command's result is the program's exit status."""
    assert outcome(program("run_command", "return 4")) == (4, "", "")


def test_command_refused() -> None:
    """An error of ours is one line and 1."""
    ended = outcome(program("run_command", "raise Refused()"))
    assert ended == (1, "", "ERROR: the door is shut\n")


def test_command_fault() -> None:
    """A fault of ours is one line too, naming the exception and its place."""
    status, output, errors = outcome(program("run_command", "return {}['key']"))
    assert (status, output) == (1, "")
    assert errors == (
        "ERROR: this is a fault in Flocker itself: KeyError: 'key' (<string>:17)\n"
    )


def test_command_interrupted() -> None:
    """SIGINT cancels a command, which may clean up; the status is 130."""
    body = (
        "try:\n    say('on')\n    await Deferred()\nfinally:\n"
        "    await deferLater(reactor, 0.05, lambda: say('cleaned'))\nreturn 0"
    )
    process = program("run_command", body)
    assert signalled(process, signal.SIGINT) == (130, "cleaned\n", "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_service_stops(number: signal.Signals) -> None:
    """SIGTERM and SIGINT stop a service, which is waited for; the status is 0."""
    process = program("run_service", SERVE)
    assert signalled(process, number) == (0, "stopped\n", "")


def test_service_not_started() -> None:
    """A service that cannot start says why in one line and exits with 1."""
    ended = outcome(program("run_service", "raise Refused()"))
    assert ended == (1, "", "ERROR: the door is shut\n")


def test_service_stopped_while_starting() -> None:
    """SIGTERM ends a service that is still starting."""
    process = program("run_service", "say('on')\nawait Deferred()")
    assert signalled(process, signal.SIGTERM) == (0, "", "")


LOGGING = """
import click
from flocker.runtime.logging import message, start_logging
from flocker.runtime.settings import run_program, standard_options

@click.command()
@standard_options
def serve(log):
    start_logging(log)
    message("test:served")

run_program(serve, "flocker-test")
"""


def test_logfile(tmp_path: Path) -> None:
    """--logfile takes the log as JSON lines; its directory is made."""
    path = tmp_path / "logs" / "test.log"
    ran = subprocess.run(
        [sys.executable, "-c", LOGGING, "--logfile", path],
        capture_output=True,
        check=True,
    )
    types = [json.loads(line)["message_type"] for line in path.read_text().splitlines()]
    assert (ran.stdout, ran.stderr, types) == (b"", b"", ["test:served"])


FAULTY = """
from twisted.internet.defer import Deferred, fail
from flocker.runtime.logging import start_logging
from flocker.runtime.main import run_service

async def start(reactor):
    async def stop():
        pass
    reactor.callLater(0, lambda: 1 // 0)
    reactor.callLater(0.1, reactor.stop)
    return stop

fail(KeyError("before"))
start_logging()
run_service(start)
"""


def test_faults_are_said_once() -> None:
    """What goes wrong in the reactor stands in the log, once, and nowhere else.

    What went wrong before the log began stands there too, and on standard error.
    """
    ran = subprocess.run(
        [sys.executable, "-c", FAULTY], capture_output=True, text=True, check=True
    )
    told = [json.loads(line) for line in ran.stdout.splitlines()]
    faults = [each["traceback"] for each in told if "traceback" in each]
    assert [
        fault.strip().splitlines()[-1].removeprefix("Failure: ") for fault in faults
    ] == [
        "builtins.KeyError: 'before'",
        "builtins.ZeroDivisionError: integer division or modulo by zero",
    ]
    assert ran.stderr.count("builtins.KeyError: 'before'") == 1
    assert "ZeroDivisionError" not in ran.stderr
