"""How long the sandbox waits."""

import pytest

from flocker.sandbox.waiting import SLOWNESS, Waited, patience, until


def test_slow_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine that is said to be slow, everything may take so much longer."""
    monkeypatch.delenv(SLOWNESS, raising=False)
    assert patience(3) == 3
    monkeypatch.setenv(SLOWNESS, "20")
    assert patience(3) == 60
    with pytest.raises(Waited, match="waited 0 s in vain for this"):
        until(lambda: False, "this", 0)
