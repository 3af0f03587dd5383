"""What is written on a block device. Called by `filesystems`.

Note [Two probes]: blkid answers 2 both for an empty and for a missing device, and calls
two signatures at once ambivalent; wipefs lists every signature it knows. A device
counts as blank only if both ran on a device that has a size, and neither found
anything, but for what Note [Unfinished xfs] in superblocks tells of.
"""

import json
from pathlib import Path

from attrs import frozen

from flocker.dataset_agent import superblocks
from flocker.model.datasets import FilesystemKind
from flocker.runtime.process import Completed, run_sync

_PARTITION_TABLES = frozenset({"dos", "gpt", "PMBR", "mac", "sun", "sgi", "bsd"})
_PROBE_SECONDS = 60
_NOTHING_FOUND = 2
_AMBIVALENT = 8


@frozen
class Signature:
    """What is written on a device, each signature by the name blkid gives it."""

    kinds: tuple[str, ...]

    @property
    def kind(self) -> str:
        """Give all as one text: ``ext4``, ``swap``, ``dos partition table``."""
        return " and ".join(self.kinds)

    @property
    def filesystem(self) -> FilesystemKind | None:
        """Give the kind of filesystem that we can mount; None if not exactly one."""
        found = [kind for kind in FilesystemKind if kind.value in self.kinds]
        return found[0] if len(found) == 1 else None

    @property
    def is_filesystem(self) -> bool:
        """Say whether we can mount it."""
        return self.filesystem is not None


_XFS = Signature((FilesystemKind.XFS.value,))


def wiped_kinds(output: bytes) -> tuple[str, ...]:
    """Read what ``wipefs --no-act --json`` found; pure."""
    signatures = json.loads(output)["signatures"] if output.strip() else []
    kinds = sorted({str(signature["type"]) for signature in signatures})
    return tuple(
        f"{kind} partition table" if kind in _PARTITION_TABLES else kind
        for kind in kinds
    )


def probed_kinds(completed: Completed) -> tuple[str, ...]:
    """Read what ``blkid -p -o export`` found; pure. See Note [Two probes]."""
    if completed.status == _AMBIVALENT:
        return ("several signatures",)
    if completed.status == _NOTHING_FOUND:
        return ()
    lines = completed.out.decode(errors="replace").splitlines()
    values = dict(line.split("=", 1) for line in lines if "=" in line)
    found = []
    if "TYPE" in values:
        found.append(values["TYPE"])
    if "PTTYPE" in values:
        found.append(f"{values['PTTYPE']} partition table")
    return tuple(found) or ("something",)


def probe(device: Path) -> Signature | None:
    """Find anything written on a device that has a size; None if it is blank.

    An xfs whose mkfs was killed counts as nothing; see Note [Unfinished xfs]. Raises
    `ProcessFailed` if the device cannot be read.
    """
    found = _probe(device)
    return None if found == _XFS and _is_unfinished(device) else found


def erase_unfinished(device: Path) -> None:
    """Take an xfs whose mkfs was killed off the device, for mkfs to find it blank.

    Raises `ProcessFailed`, also if somebody uses the device.
    """
    if _probe(device) == _XFS and _is_unfinished(device):
        argv = ["wipefs", "--all", "--types", "xfs", str(device)]
        run_sync(argv, timeout=_PROBE_SECONDS)


def _is_unfinished(device: Path) -> bool:
    found = superblocks.read(device, FilesystemKind.XFS)
    return found is not None and not found.finished


def _probe(device: Path) -> Signature | None:
    wiped = run_sync(
        ["wipefs", "--no-act", "--json", str(device)], timeout=_PROBE_SECONDS
    )
    probed = run_sync(
        ["blkid", "-p", "-o", "export", str(device)],
        timeout=_PROBE_SECONDS,
        expected=(0, _NOTHING_FOUND, _AMBIVALENT),
    )
    kinds = wiped_kinds(wiped.out)
    kinds += tuple(kind for kind in probed_kinds(probed) if kind not in kinds)
    return Signature(kinds) if kinds else None
