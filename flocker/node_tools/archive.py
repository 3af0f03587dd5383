"""The file that `flocker-diagnostics` makes: a tar, private, with nothing secret."""

import gzip
import io
import json
import os
import tarfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from attrs import frozen

from flocker.model.errors import FlockerError
from flocker.node_tools.masking import Scrubber

PRIVATE = 0o600
LARGEST = 32 * 1024 * 1024
"""Bytes of a log that are taken, its end."""


@frozen
class ArchiveNotWritten(FlockerError):
    """The archive could not be written."""

    path: Path
    why: str

    def words(self) -> str:
        """Name the file and the system's reason."""
        return f"{self.path} could not be written: {self.why}"


class Archive:
    """Takes what was found; every byte passes the scrubber."""

    def __init__(
        self, path: Path, scrubber: Scrubber, now: Callable[[], float]
    ) -> None:
        self._path = path
        self._scrubber = scrubber
        self._now = now
        self._report: dict[str, str] = {}
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
        except OSError as error:
            raise self._not_written(error) from error
        self._file = os.fdopen(descriptor, "wb")
        self._tar = tarfile.TarFile(fileobj=self._file, mode="w")

    def add(self, name: str, content: bytes) -> None:
        """Keep some text. Raises `ArchiveNotWritten`."""
        self._report[name] = "ok"
        self._write(name, self._scrubber.scrub(content))

    def add_log(self, name: str, content: bytes) -> None:
        """Keep a log, compressed, its end if it is long."""
        kept = self._scrubber.scrub(content[-LARGEST:])
        cut = len(content) > LARGEST
        self._report[name] = f"the last {LARGEST} bytes" if cut else "ok"
        self._write(f"{name}.gz", gzip.compress(kept, mtime=int(self._now())))

    def missed(self, name: str, why: str) -> None:
        """Note what could not be had."""
        self._report[name] = self._scrubber.scrub(why.encode()).decode()

    def finish(self) -> None:
        """Write what was had and what not, and close. Raises `ArchiveNotWritten`."""
        report = json.dumps(self._report, indent=2, sort_keys=True)
        self._write("collected.json", report.encode())
        try:
            self._tar.close()
            self._file.close()
        except OSError as error:
            raise self._not_written(error) from error

    def discard(self) -> None:
        """Remove what was written, after an error."""
        with suppress(OSError):  # it was a full disk, perhaps
            self._file.close()
        self._path.unlink(missing_ok=True)

    def _write(self, name: str, content: bytes) -> None:
        entry = tarfile.TarInfo(f"{self._path.stem}/{name}")
        entry.size = len(content)
        entry.mode = PRIVATE
        entry.mtime = int(self._now())
        try:
            self._tar.addfile(entry, io.BytesIO(content))
        except OSError as error:
            raise self._not_written(error) from error

    def _not_written(self, error: OSError) -> ArchiveNotWritten:
        return ArchiveNotWritten(self._path, error.strerror or str(error))
