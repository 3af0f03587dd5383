"""The life that this machine's kernel is in: its boot id, another one after a reboot.

Asked by the dataset agent at its start, by `flocker-node-era`, and by
`flockerctl doctor` on a node.
"""

from pathlib import Path

from attrs import frozen

from flocker.model.errors import FlockerError
from flocker.model.ids import Era, parse_uuid

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@frozen
class EraUnknown(FlockerError):
    """The kernel does not tell its boot id, so a reboot could not be noticed."""

    path: Path
    why: str

    def words(self) -> str:
        """Name the file and the fault."""
        return f"the boot id cannot be read from {self.path}: {self.why}"


def read_era(path: Path = BOOT_ID) -> Era:
    """Give the boot id; Linux only. Raises `EraUnknown`."""
    try:
        return Era(parse_uuid(path.read_text(encoding="ascii").strip()))
    except OSError as error:
        raise EraUnknown(path, error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise EraUnknown(path, "it is not text") from error
    except FlockerError as error:
        raise EraUnknown(path, str(error)) from error
