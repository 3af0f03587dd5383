"""`zfs receive` is begun again while its filesystem is busy, and only then."""

import pytest

from flocker.backends.zfs.receiving import KEPT, PatientReceive
from flocker.runtime.process import ProcessFailed

BUSY = "cannot receive incremental stream: dataset is busy"


class Program:
    """What a program is to be given; it fails as told."""

    def __init__(self, fails_at="", says=BUSY):
        self.fails_at, self.says = fails_at, says
        self.got, self.ended = b"", ""

    def fail_at(self, when):
        if when == self.fails_at:
            raise ProcessFailed(("zfs", "receive"), 1, self.says)

    def write(self, part):
        self.fail_at("write")
        self.got += part

    def finish(self):
        self.ended = "finished"
        self.fail_at("finish")

    def close(self):
        self.ended = self.ended or "killed"


def patient(*programs):
    left = iter(programs)
    now = iter(range(100))
    return PatientReceive(lambda: next(left), lambda _: None, lambda: next(now))


@pytest.mark.parametrize("fails_at", ["write", "finish"])
def test_busy_for_a_moment(fails_at):
    """All that was passed on is given again."""
    programs = [Program(fails_at), Program(fails_at), Program()]
    receive = patient(*programs)
    receive.write(b"one")
    receive.write(b"two")
    receive.finish()
    assert (programs[-1].got, programs[-1].ended) == (b"onetwo", "finished")


def test_busy_for_long():
    """It is said to be busy in the end."""
    receive = patient(*[Program("finish") for _ in range(20)])
    receive.write(b"one")
    with pytest.raises(ProcessFailed, match="busy"):
        receive.finish()


def test_something_else():
    """What is wrong with a stream stays wrong."""
    receive = patient(Program("finish", "invalid backup stream"))
    receive.write(b"one")
    with pytest.raises(ProcessFailed, match="invalid"):
        receive.finish()


def test_too_long():
    """A long stream is not kept: its sender sends it again."""
    receive = patient(Program("finish"))
    receive.write(b"x" * KEPT)
    receive.write(b"x")
    with pytest.raises(ProcessFailed, match="busy"):
        receive.finish()


@pytest.mark.parametrize("end", ["close", "stop"])
def test_ended_meanwhile(end):
    """What was stopped is not begun again."""
    program = Program("write")
    receive = patient(program)
    getattr(receive, end)()
    with pytest.raises(ProcessFailed):
        receive.write(b"one")
    assert program.ended == {"close": "killed", "stop": "finished"}[end]
