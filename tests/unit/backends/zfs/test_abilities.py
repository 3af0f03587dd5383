"""What each version says that it can, as recorded from its programs."""

from pathlib import Path

import pytest

from flocker.backends.zfs.abilities import Abilities, parse_abilities

RECORDED = Path(__file__).parent / "recorded"

CAN = {
    "zfs-fuse-0.7": Abilities(
        written=False,
        send_options=(),
        estimates=False,
        logical=False,
        resumes=False,
    ),
    "openzfs-2.1.11": Abilities(
        written=True,
        send_options=("-L", "-c"),
        estimates=True,
        logical=True,
        resumes=True,
    ),
}


def said(version: str) -> tuple[str, str]:
    """Give what a version said of its commands, and of its properties."""
    names = (f"{version}-usage.txt", f"{version}-get-usage.txt")
    commands, properties = ((RECORDED / name).read_text() for name in names)
    return commands, properties


@pytest.mark.parametrize(("version", "can"), CAN.items())
def test_recorded(version, can):
    """Both versions that it was tried with are known for what they are."""
    assert parse_abilities(*said(version)) == can


def test_nothing_said():
    """What says nothing is asked for nothing."""
    assert parse_abilities("", "") == CAN["zfs-fuse-0.7"]


@pytest.mark.parametrize(
    "lacks",
    ["send [-nVvPe] -t", "receive -A", "receive [-vMnsFhu]", "receive_resume_token"],
)
def test_half_of_resuming(lacks):
    """What can be resumed only in part is not."""
    commands, properties = (each.replace(lacks, "-") for each in said("openzfs-2.1.11"))
    assert parse_abilities(commands, properties).resumes is False


def test_one_by_one():
    """Each ability is read by itself."""
    commands, properties = said("openzfs-2.1.11")
    small = commands.replace("send [-DnPpRVvLecwhb]", "send [-DnPpRVvc]")
    assert parse_abilities(small, properties).send_options == ("-c",)
    assert parse_abilities(small, properties).estimates is True
