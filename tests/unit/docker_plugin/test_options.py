"""Tests of what may be asked of a new volume."""

import re
from datetime import UTC, datetime
from uuid import UUID

import pytest

from flocker.docker_plugin.options import (
    BadOption,
    OnRemove,
    VolumeOptions,
    is_anonymous,
    new_dataset,
    on_remove,
    read_options,
)
from flocker.model.datasets import FilesystemKind
from flocker.model.ids import BackendName, DatasetID, NodeID
from flocker.model.sizes import GIBIBYTE, MEBIBYTE
from flocker.wire.agent_yaml import DockerConfig

PLACE = (DatasetID(UUID(int=1)), NodeID(UUID(int=2)))
NOW = datetime(2026, 11, 28, 21, 0, tzinfo=UTC)
ANONYMOUS = "0123456789abcdef" * 4


def test_options() -> None:
    """Each option is understood; others are ignored."""
    given = {
        "size": "10GiB",
        "profile": "gold",
        "filesystem": "xfs",
        "backend": "fast",
        "on_remove": "delete",
        "colour": "red",
    }
    assert read_options(given) == VolumeOptions(
        10 * GIBIBYTE,
        "gold",
        FilesystemKind.XFS,
        BackendName("fast"),
        OnRemove.DELETE,
    )


def test_empty_options() -> None:
    """What is empty is not asked for."""
    empty = dict.fromkeys(("size", "profile", "filesystem", "backend"), "")
    assert read_options(empty) == VolumeOptions()


@pytest.mark.parametrize(
    ("option", "value", "complaint"),
    [
        (
            "size",
            "10X",
            (
                "option size: '10X' is not a size: write a number and T, G, M or K, as"
                " in 1.5G; for example: -o size=10G"
            ),
        ),
        (
            "size",
            "100K",
            (
                "option size: '100K' is too small: 64M is the least; for example: -o"
                " size=10G"
            ),
        ),
        (
            "filesystem",
            "btrfs",
            (
                "option filesystem: 'btrfs' is not ext4 or xfs; for example: -o"
                " filesystem=xfs"
            ),
        ),
        (
            "backend",
            "a/b",
            (
                "option backend: 'a/b' is no name of a backend in agent.yml; for"
                " example: -o backend=default"
            ),
        ),
        (
            "on_remove",
            "maybe",
            (
                "option on_remove: 'maybe' is not keep or delete; for example: -o"
                " on_remove=delete"
            ),
        ),
        (
            "profile",
            "x" * 257,
            (
                "option profile: it has more than 256 characters, or a line break; for"
                " example: -o profile=gold"
            ),
        ),
    ],
)
def test_bad_option(option: str, value: str, complaint: str) -> None:
    """A value that cannot be is refused, with one that can."""
    with pytest.raises(BadOption, match=f"^{re.escape(complaint)}$"):
        read_options({option: value})


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("10G", 10 * GIBIBYTE),
        ("10GB", 10 * GIBIBYTE),
        ("10GiB", 10 * GIBIBYTE),
        ("10gib", 10 * GIBIBYTE),
        ("10Gi", 10 * GIBIBYTE),
        ("512m", 512 * MEBIBYTE),
        ("1073741824", GIBIBYTE),
        ("1073741825", GIBIBYTE + 1024),
        ("10.5G", 10752 * MEBIBYTE),
        ("", None),
    ],
)
def test_sizes(text: str, size: int | None) -> None:
    """What Flocker 1.15 took is taken, and what it misread; see `parse_size`."""
    assert read_options({"size": text}).size == size


@pytest.mark.parametrize("text", ["abc", "-5G", "10X", "10 G", "10m10", "1M", "0"])
def test_bad_sizes(text: str) -> None:
    """What 1.15 took for the default, or for something else, is an error now."""
    with pytest.raises(BadOption, match=r"-o size=10G$"):
        read_options({"size": text})


def test_size_of_1_15() -> None:
    """A volume for which no size is given has 75 GiB, as ever."""
    new = new_dataset("pg", VolumeOptions(), DockerConfig(), PLACE, NOW)
    assert new.maximum_size == 80_530_636_800


def test_new_volume() -> None:
    """A volume is mounted where it is used, and carries what it was asked for."""
    options = read_options({"size": "1G", "profile": "gold"})
    new = new_dataset("pg", options, DockerConfig(), PLACE, NOW)
    assert (new.id, new.primary, new.mount) == (*PLACE, "on-use")
    assert new.maximum_size == GIBIBYTE
    assert new.metadata == {
        "name": "pg",
        "clusterhq:flocker:profile": "gold",
        "maximum_size": "1073741824",
        "flocker:docker:created": "2026-11-28T21:00:00+00:00",
        "flocker:docker:on_remove": "keep",
    }


def test_defaults_are_configured() -> None:
    """Where nothing is asked for, agent.yml decides."""
    settings = DockerConfig(size=MEBIBYTE * 100, on_remove="delete")
    new = new_dataset("pg", VolumeOptions(), settings, PLACE, NOW)
    assert new.maximum_size == 100 * MEBIBYTE
    assert on_remove(new.metadata) is OnRemove.DELETE
    assert "maximum_size" not in new.metadata


def test_anonymous() -> None:
    """A volume that no one named is small, marked, and goes with its container."""
    new = new_dataset(ANONYMOUS, VolumeOptions(), DockerConfig(), PLACE, NOW)
    assert new.maximum_size == GIBIBYTE
    assert new.metadata["flocker:docker:anonymous"] == "true"
    assert on_remove(new.metadata) is OnRemove.DELETE


def test_is_anonymous() -> None:
    """Docker makes up names of 64 hexadecimal digits."""
    assert is_anonymous(ANONYMOUS)
    assert not is_anonymous(ANONYMOUS[1:])
    assert not is_anonymous("letters")


def test_data_of_others_is_kept() -> None:
    """What nobody said may go stays."""
    assert on_remove({"name": "x"}) is OnRemove.KEEP
    assert on_remove({"flocker:docker:on_remove": "perhaps"}) is OnRemove.KEEP
