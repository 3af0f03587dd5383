"""Where a user's sandboxes are."""

from pathlib import Path

import pytest

from flocker.sandbox.places import NoPlace, own, own_top, prepare


def test_of_a_user() -> None:
    """By the rules of XDG: one directory, in every session."""
    assert own_top({"HOME": "/home/me"}) == Path(
        "/home/me/.local/share/flocker-sandbox"
    )
    settings = {"HOME": "/home/me", "XDG_DATA_HOME": "/data"}
    assert own_top(settings) == Path("/data/flocker-sandbox")
    settings = {"HOME": "/home/me", "XDG_DATA_HOME": "not/absolute"}
    assert own_top(settings) == own_top({"HOME": "/home/me"})


@pytest.mark.parametrize("environment", [{}, {"HOME": ""}, {"HOME": "here"}])
def test_without_home(environment: dict[str, str]) -> None:
    """Who has none is told what to set."""
    with pytest.raises(NoPlace, match="set XDG_DATA_HOME to a directory of yours"):
        own_top(environment)


def test_private(tmp_path: Path) -> None:
    """It is made for nobody else, and made private where it was not."""
    here = own(tmp_path / "share" / "flocker-sandbox")
    prepare(here)
    assert here.top is not None
    here.top.chmod(0o755)
    prepare(here)
    assert here.top.stat().st_mode & 0o777 == 0o700
    assert here.rootless


def test_cannot_be_used(tmp_path: Path) -> None:
    """A home that is none is named."""
    (tmp_path / "file").touch()
    with pytest.raises(NoPlace, match=r"flocker-sandbox cannot be used \(Not a di"):
        prepare(own(tmp_path / "file" / "flocker-sandbox"))
