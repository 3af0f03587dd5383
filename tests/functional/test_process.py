"""Real programs, run by the reactor and by a thread: both tell the same."""

import json
import sys

import pytest
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import TestCase

from flocker.runtime.process import (
    DEFAULT_ENVIRONMENT,
    Completed,
    ProcessFailed,
    ProcessTimedOut,
    ProgramMissing,
    run,
    run_sync,
)


def run_in_reactor(argv, **options):
    """A Deferred of what `run` gives."""
    return Deferred.fromCoroutine(run(reactor, argv, **options))


CASES = {
    "out and err": (
        (["sh", "-c", "echo out; echo err >&2"], {}),
        Completed(0, b"out\n", b"err\n"),
    ),
    "stdin": ((["cat"], {"stdin": b"secret"}), Completed(0, b"secret", b"")),
    "stdin that nobody reads": (
        (["true"], {"stdin": b"x" * 2**20}),
        Completed(0, b"", b""),
    ),
    "expected status": (
        (["sh", "-c", "exit 2"], {"expected": (0, 2)}),
        Completed(2, b"", b""),
    ),
    "directory": ((["pwd"], {}), Completed(0, b"/\n", b"")),
}

FAILURES = {
    "status": (
        (["sh", "-c", "echo because >&2; exit 3"], {}),
        ProcessFailed(("sh", "-c", "echo because >&2; exit 3"), 3, "because"),
    ),
    "signal": (
        (["sh", "-c", "kill -9 $$"], {}),
        ProcessFailed(("sh", "-c", "kill -9 $$"), -9, ""),
    ),
    "time": (
        (["sleep", "60"], {"timeout": 0.05}),
        ProcessTimedOut(("sleep", "60"), 0.05),
    ),
    "missing": (
        (["no-such-program"], {}),
        ProgramMissing("no-such-program", "there is no such program"),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_run_sync(case):
    """A thread gets what the program said and how it ended."""
    (argv, options), expected = CASES[case]
    assert run_sync(argv, **options) == expected


@pytest.mark.parametrize("case", FAILURES)
def test_run_sync_fails(case):
    """A thread gets an error that names the command and its end."""
    (argv, options), expected = FAILURES[case]
    with pytest.raises(type(expected)) as caught:
        run_sync(argv, **options)
    assert str(caught.value) == str(expected)


def test_environment(monkeypatch):
    """A program sees nothing of our environment but what it is given."""
    monkeypatch.setenv("PASSWORD", "secret")
    script = "import json, os; print(json.dumps(dict(os.environ)))"
    done = run_sync([sys.executable, "-S", "-c", script], env={"MORE": "1"})
    assert json.loads(done.out) == {**DEFAULT_ENVIRONMENT, "MORE": "1"}


class ReactorTests(TestCase):
    """The reactor gets the same as a thread."""

    async def test_run(self):
        """What the program said and how it ended."""
        for (argv, options), expected in CASES.values():
            assert await run_in_reactor(argv, **options) == expected

    async def test_run_fails(self):
        """An error that names the command and its end."""
        for (argv, options), expected in FAILURES.values():
            with pytest.raises(type(expected)) as caught:
                await run_in_reactor(argv, **options)
            assert str(caught.value) == str(expected)

    async def test_cancelled(self):
        """A program whose caller no longer waits is killed, and does no more."""
        marker = self.mktemp()
        running = run_in_reactor(["sh", "-c", f"sleep 0.3; touch {marker}"])
        reactor.callLater(0.05, running.cancel)
        with pytest.raises(CancelledError):
            await running
        await run_in_reactor(["sleep", "0.5"])
        await run_in_reactor(["test", "!", "-e", marker])
