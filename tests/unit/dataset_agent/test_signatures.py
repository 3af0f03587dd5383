"""What the tools that probe devices say, understood."""

import json

import pytest

from flocker.dataset_agent.signatures import Signature, probed_kinds, wiped_kinds
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


def test_signature():
    """A signature names all it is, and can be mounted if ext4 is among it."""
    both = Signature(("ext4", "swap"))
    assert both.kind == "ext4 and swap"
    assert both.is_filesystem
    assert not Signature(("swap",)).is_filesystem
