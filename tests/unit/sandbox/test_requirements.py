"""What a sandbox needs of its machine."""

from pathlib import Path

import pytest

from flocker.sandbox.requirements import (
    CannotMakeSandbox,
    forbidden,
    require_outside,
    require_seen,
)


def test_code_below_the_mount_root() -> None:
    """Code that a machine's own /flocker would hide is refused, with its place."""
    with pytest.raises(CannotMakeSandbox, match="/flocker/build/bin"):
        require_outside(Path("/flocker/build/bin"))


def test_code_elsewhere() -> None:
    """A directory that only begins like it is seen."""
    require_outside(Path("/flocker-2/bin"))


@pytest.mark.parametrize("place", ["/run/user/1000/x", "/flocker/x", "/var/run/x"])
def test_data_that_machines_do_not_see(place: str) -> None:
    """A disk in a directory of which each machine has its own is refused."""
    with pytest.raises(CannotMakeSandbox, match="of which each machine has its own"):
        require_seen(Path(place))
    require_seen(Path("/home/me/run"))


@pytest.mark.parametrize(
    ("setting", "value", "why"),
    [
        ("kernel/apparmor_restrict_unprivileged_userns", "1", "is 1"),
        ("kernel/unprivileged_userns_clone", "0", "is 0"),
        ("user/max_user_namespaces", "0", "is 0"),
    ],
)
def test_forbidden(tmp_path: Path, setting: str, value: str, why: str) -> None:
    """The setting that keeps user namespaces for root is named, and what to do."""
    file = tmp_path / setting
    file.parent.mkdir()
    file.write_text(f"{value}\n")
    said = forbidden("Operation not permitted", tmp_path)
    assert f"({setting.replace('/', '.')} {why}): use sudo" in said
    file.write_text("7\n")
    assert "(Operation not permitted): use sudo" in forbidden(
        "Operation not permitted", tmp_path
    )
