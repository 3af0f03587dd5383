"""Room for records on a pool that is full; used by `parts`.

Old versions of ZFS set no property on a full pool, and without a record in the ledger
nothing is destroyed. But they do destroy. So some room is reserved by a filesystem
without files. It is destroyed when a change finds no room, and made again at once, of
what is left then, and later of what it should be.
"""

from typing import Final

from attrs import define

from flocker.backends.zfs import translate
from flocker.backends.zfs.commands import Zfs
from flocker.backends.zfs.names import Names
from flocker.model.sizes import MEBIBYTE
from flocker.runtime.process import ProcessFailed

_SIZES: Final = tuple(size * MEBIBYTE for size in (16, 8, 4, 2))
"""What is tried, one after the other."""


_MAKE: Final = frozenset({"create", "clone", "snapshot"})


@define(eq=False)
class Reserve:
    """The reserved room; `held` says how many bytes, as far as is known."""

    zfs: Zfs
    names: Names
    held: int = 0

    def take(self) -> None:
        """Reserve room, as much as there is; with none this changes nothing."""
        for size in _SIZES:
            if self.held >= size:
                return
            if self._resize(size) if self.held else self._create(size):
                self.held = size
                return

    def change(self, *arguments: str) -> None:
        """Let ZFS change something. Raises `StillBusy`, `PoolFull`, `PoolUnavailable`.

        What makes nothing that lasts may use the room.
        """
        try:
            self.zfs.change(*arguments)
        except ProcessFailed as error:
            small = arguments[0] not in _MAKE and translate.says_full(error.stderr)
            if not small or not self.give_up():
                raise self.zfs.explained(error) from error
        else:
            return
        try:
            self.zfs.change(*arguments)
        except ProcessFailed as error:
            raise self.zfs.explained(error) from error
        finally:
            self.take()

    def _create(self, size: int) -> bool:
        options = ("-o", "canmount=off", "-o", f"reservation={size}")
        return self._fits("create", *options, self.names.reserve)

    def _resize(self, size: int) -> bool:
        return self._fits("set", f"reservation={size}", self.names.reserve)

    def _fits(self, *arguments: str) -> bool:
        try:
            self.zfs.change(*arguments)
        except ProcessFailed as error:
            if translate.says_full(error.stderr):
                return False
            raise self.zfs.explained(error) from error
        return True

    def give_up(self) -> bool:
        """Let the room be used; False if there is none."""
        if not self.held:
            return False
        self.held = 0
        try:
            self.zfs.change("destroy", self.names.reserve)
        except ProcessFailed as error:
            raise self.zfs.explained(error) from error
        return True
