"""The programs ``zfs`` and ``zpool``, asked and told; made by `api`.

Note [Not yet]: zfs-fuse lets a filesystem go a moment after it was unmounted, and a
stream a moment after its program was killed. Until then it says that it is busy or
mounted, which is true of nothing that we can see. So what says so is asked again for
some seconds; who calls has looked before that nobody uses it.
"""

import time
from collections.abc import Callable, Mapping
from typing import Final

from attrs import define, field, frozen

from flocker.backends.pool_errors import PoolFull, PoolUnavailable
from flocker.backends.zfs import translate
from flocker.backends.zfs.abilities import Abilities, parse_abilities
from flocker.backends.zfs.tokens import Cut, parse_token
from flocker.backends.zfs.translate import (
    HEALTHY,
    PROPERTIES,
    RESUMES,
    UNSET,
    WRITTEN,
    Filesystem,
    parse_filesystems,
    parse_pairs,
    parse_properties,
)
from flocker.model.errors import FlockerError
from flocker.runtime import piping
from flocker.runtime.process import (
    Completed,
    ProcessFailed,
    ProcessTimedOut,
    ProgramMissing,
    run_sync,
)

SECONDS: Final = 120.0
"""Within which a command must answer; a pool that waits for its disks never does."""
DESTROYING: Final = 3600.0
"""Old pools free all blocks before they answer."""
PATIENCE: Final = 5.0
"""Seconds; see Note [Not yet]."""
_AGAIN: Final = 0.05

_FAILED = (1,)
_USAGE = (2,)
_ANY = (0, 1, 255)


@frozen
class StillBusy(FlockerError):
    """ZFS says that something is in use, and goes on saying so."""

    said: str

    def words(self) -> str:
        """Give what it says."""
        return self.said


@frozen
class Missing(FlockerError):
    """There is no filesystem or snapshot of this name, on a pool that is there."""

    name: str

    def words(self) -> str:
        """Give the name."""
        return f"ZFS has no {self.name}"


@define(eq=False)
class Zfs:
    """The programs, for one pool; `within` is put before every command.

    All methods raise `PoolUnavailable`; those that change something `PoolFull` too.
    """

    pool: str
    within: tuple[str, ...] = ()
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.monotonic
    _abilities: Abilities | None = field(default=None, init=False)

    # Reading

    def check_health(self) -> None:
        """Ask for the pool itself: it answers when its filesystems would wait."""
        name = self.pool.partition("/")[0]
        try:
            said = self._run("zpool", "list", "-H", "-o", "health", name)
        except ProcessFailed as error:
            if translate.says_missing(error.stderr):
                raise self.unavailable("there is no imported pool of this name") from (
                    error
                )
            raise self.explained(error) from error
        health = said.out.decode().strip()
        if health not in HEALTHY:
            raise self.unavailable(f"it is {health} (`zpool status {name}` says why)")

    def abilities(self) -> Abilities:
        """Find out what the installed version can do; once."""
        if self._abilities is None:
            self._abilities = parse_abilities(
                self._usage("zfs"), self._usage("zfs", "get")
            )
        return self._abilities

    def _usage(self, *argv: str) -> str:
        try:
            said = self._run(*argv, expected=_USAGE)
        except ProcessFailed as error:
            raise self.explained(error) from error
        return (said.out + said.err).decode(errors="replace")

    def read(self, *names: str, depth: int | None = None) -> tuple[Filesystem, ...]:
        """Read filesystems, what is below them, and their snapshots.

        Raises `Missing`.
        """
        able = self.abilities()
        wanted = (
            *PROPERTIES,
            *([WRITTEN] if able.written else []),
            *([RESUMES] if able.resumes else []),
        )
        far = () if depth is None else ("-d", str(depth))
        columns = ("-o", "name,property,value,source")
        text = self.ask("get", "-Hpr", *far, *columns, ",".join(wanted), *names)
        return parse_filesystems(text)

    def properties(self, ledger: str, pool: str) -> tuple[Mapping[str, str], ...]:
        """Give what was set on the one, and all the numbers of the other."""
        columns = ("-o", "name,property,value")
        text = self.ask("get", "-Hp", "-s", "local,none", *columns, "all", ledger, pool)
        found = parse_properties(text)
        return found[ledger], found[pool]

    def origins(self) -> Mapping[str, str]:
        """Tell what is a clone of which snapshot, in all of the pool."""
        top = self.pool.partition("/")[0]
        found = parse_pairs(self.ask("get", "-Hpr", "-o", "name,value", "origin", top))
        return {name: origin for name, origin in found if origin not in {UNSET, ""}}

    def ask(self, *arguments: str) -> str:
        """Ask ``zfs``. Raises `Missing` for what it does not find."""
        try:
            return self._run("zfs", *arguments).out.decode(errors="replace")
        except ProcessFailed as error:
            if not translate.says_missing(error.stderr):
                raise self.explained(error) from error
            self.check_health()
            raise Missing(translate.name_in(error.stderr) or arguments[-1]) from error

    # Changing

    def change(self, *arguments: str, timeout: float = SECONDS) -> None:
        """Tell ``zfs`` to change something. Raises `StillBusy`, `ProcessFailed`.

        What it changed is on disk when this returns: ZFS waits for that.
        """
        self.patiently("zfs", *arguments, timeout=timeout)

    def patiently(self, *argv: str, timeout: float = SECONDS) -> None:
        """Run a program, again and again while it is refused for now; as `change`."""
        give_up = self.now() + PATIENCE
        while True:
            try:
                self._run(*argv, timeout=timeout)
            except ProcessFailed as error:
                if not translate.says_unready(error.stderr):
                    raise
                if self.now() > give_up:
                    raise StillBusy(error.stderr) from error
                self.sleep(_AGAIN)
            else:
                return

    def run(
        self, *argv: str, stdin: bytes = b"", timeout: float = SECONDS
    ) -> Completed:
        """Run another program where ZFS is. Raises `ProcessFailed`."""
        return self._run(*argv, stdin=stdin, timeout=timeout)

    def _run(
        self,
        *argv: str,
        stdin: bytes = b"",
        timeout: float = SECONDS,
        expected: tuple[int, ...] = (0,),
    ) -> Completed:
        try:
            return run_sync(
                [*self.within, *argv], stdin=stdin, timeout=timeout, expected=expected
            )
        except (ProcessTimedOut, ProgramMissing) as error:
            raise self.unavailable(error.words()) from error

    # Streams

    def sending(self, *arguments: str) -> piping.Reading:
        """Start ``zfs send``."""
        options = self.abilities().send_options
        return piping.reading([*self.within, "zfs", "send", *options, *arguments])

    def sending_rest(self, token: str) -> piping.Reading:
        """Start ``zfs send`` where a stream was cut, with the options it had."""
        return piping.reading([*self.within, "zfs", "send", "-t", token])

    def explain_token(self, token: str) -> Cut | None:
        """Let ZFS say what a token is of; it may be another pool's."""
        try:
            said = self._run("zfs", "send", "-nvt", token, expected=_ANY)
        except ProcessFailed as error:
            raise self.explained(error) from error
        return parse_token((said.out + said.err).decode(errors="replace"))

    def receiving(self, target: str, *options: str) -> piping.Writing:
        """Start ``zfs receive``; what it makes is not mounted."""
        return piping.writing([*self.within, "zfs", "receive", "-u", *options, target])

    def estimate(self, *arguments: str) -> int | None:
        """Let ``zfs send`` say how much it would send, if it can."""
        if not self.abilities().estimates:
            return None
        options = self.abilities().send_options
        try:
            said = self._run("zfs", "send", "-nP", *options, *arguments)
        except ProcessFailed as error:
            raise self.explained(error) from error
        return translate.parse_estimate(said.out + said.err)

    # Errors

    def unavailable(self, why: str) -> PoolUnavailable:
        """Say that nothing can be said."""
        return PoolUnavailable(self.pool, why)

    def explained(self, error: ProcessFailed) -> PoolFull | PoolUnavailable:
        """Turn what a program said into an error of pools."""
        if translate.says_missing(error.stderr):
            try:
                self.check_health()
            except PoolUnavailable as gone:
                return gone
        if translate.says_full(error.stderr):
            return PoolFull(self.pool, error.stderr)
        known = translate.explain(error.stderr)
        return self.unavailable(error.words() if known == error.stderr else known)
