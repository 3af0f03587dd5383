"""How fast a stream may go, and how far it is."""

from flocker.dataset_agent.transfer.pacing import Pace, Progress


def test_no_limit():
    """Without a limit nobody waits."""
    assert Pace().wait(10**12, 0.0) == 0.0


def test_limit():
    """With one, what was sent too early is waited for, and no time is made up."""
    pace = Pace(1000)
    assert pace.wait(3000, 1.0) == 2.0
    assert pace.wait(3000, 3.0) == 0.0
    assert pace.wait(3000, 9.0) == 0.0


def test_progress():
    """The rate so far tells how long the rest takes."""
    progress = Progress(done=300, total=900, seconds=3.0)
    assert (progress.rate, progress.remaining) == (100.0, 6.0)
    assert Progress(1000, 900, 10.0).remaining == 0.0


def test_unknown():
    """Nothing is said that nobody knows."""
    assert Progress(0, 900, 3.0).rate is None
    assert Progress(300, 900, 0.0).remaining is None
    assert Progress(300, None, 3.0).remaining is None
