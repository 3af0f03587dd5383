"""What the tools that probe devices say, understood."""

import json

import pytest

from flocker.dataset_agent.signatures import Signature, probed_kinds, wiped_kinds
from flocker.model.datasets import FilesystemKind
from flocker.runtime.process import Completed


def wipefs(*kinds: str) -> bytes:
    return json.dumps({"signatures": [{"type": kind} for kind in kinds]}).encode()


@pytest.mark.parametrize(
    ("output", "kinds"),
    [
        (b"", ()),
        (wipefs(), ()),
        (wipefs("ext4"), ("ext4",)),
        (wipefs("swap", "ext4", "swap"), ("ext4", "swap")),
        (wipefs("gpt", "PMBR"), ("PMBR partition table", "gpt partition table")),
    ],
)
def test_wipefs(output, kinds):
    """Every signature is named once."""
    assert wiped_kinds(output) == kinds


@pytest.mark.parametrize(
    ("status", "out", "kinds"),
    [
        (0, b"DEVNAME=/dev/x\nTYPE=ext4\nUSAGE=filesystem\n", ("ext4",)),
        (0, b"DEVNAME=/dev/x\nPTTYPE=dos\n", ("dos partition table",)),
        (0, b"TYPE=ext4\nPTTYPE=gpt\n", ("ext4", "gpt partition table")),
        (0, b"", ("something",)),
        (2, b"", ()),
        (8, b"", ("several signatures",)),
    ],
)
def test_blkid(status, out, kinds):
    """Only the status that says so means nothing."""
    assert probed_kinds(Completed(status, out, b"")) == kinds


@pytest.mark.parametrize(
    ("kinds", "filesystem"),
    [
        (("ext4",), FilesystemKind.EXT4),
        (("xfs",), FilesystemKind.XFS),
        (("ext4", "swap"), FilesystemKind.EXT4),
        (("ext4", "xfs"), None),
        (("swap",), None),
    ],
)
def test_filesystem(kinds, filesystem):
    """What can be mounted is exactly one filesystem of ours."""
    signature = Signature(kinds)
    assert signature.filesystem is filesystem
    assert signature.is_filesystem is (filesystem is not None)


def test_signature():
    """A signature names all it is."""
    assert Signature(("ext4", "swap")).kind == "ext4 and swap"
