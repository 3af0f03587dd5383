"""Which of the machines that share a loopback directory run. Called by `api`.

Loopback has no service that knows. Whoever switches the machines on and off, such as
`flocker.sandbox`, may keep a directory ``live`` beside those of the clusters: it has a
file for each instance that runs. Where there is none, nobody knows.
"""

from collections.abc import Collection
from pathlib import Path

from attrs import frozen

from flocker.backends.block_interface import LivenessUnknown
from flocker.model.ids import InstanceID

LIVE = "live"


@frozen
class LiveMachines:
    """The directory ``live`` below the root of a loopback backend."""

    root: Path

    @property
    def directory(self) -> Path:
        """Where a file stands for each instance that runs."""
        return self.root / LIVE

    def names(self) -> Collection[InstanceID]:
        """Name the instances that run. Raises `LivenessUnknown`."""
        try:
            return {InstanceID(path.name) for path in self.directory.iterdir()}
        except OSError as error:
            why = f"{self.directory}: {error.strerror or error}"
            raise LivenessUnknown(why) from error

    def runs(self, instance: InstanceID) -> None:
        """Note that an instance runs; the first note makes the directory."""
        self.directory.mkdir(mode=0o700, exist_ok=True)
        (self.directory / instance).touch(mode=0o600)

    def is_off(self, instance: InstanceID) -> None:
        """Note that an instance does not run: all that it had is free for others."""
        (self.directory / instance).unlink(missing_ok=True)
