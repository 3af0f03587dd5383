"""Takes leases for the mounts that Docker is answered, and ends them.

See Note [A holder a mount] in `holders`. What cannot be told to control because it is
away is told when it is back.
"""

from collections.abc import Mapping
from math import inf
from pathlib import Path

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as Late
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from flocker.client.interface import IFlockerClient, NewLease, RequestRefused
from flocker.docker_plugin.catalogue import CONTROL_WITHIN
from flocker.docker_plugin.holders import Held, Here, another, last_of
from flocker.docker_plugin.patience import patiently
from flocker.model.errors import FlockerError
from flocker.model.holders import Mount, read
from flocker.model.ids import DatasetID
from flocker.runtime.logging import message

TRY_AGAIN = 1.0
"""Seconds between two attempts to tell what could not be told."""
END_WITHIN = 10.0
"""Seconds that Docker waits for the end of a lease, at most."""
_NOT_FOUND = 404


class Holding:
    """The mounts of this node."""

    def __init__(self, client: IFlockerClient, clock: IReactorTime) -> None:
        self._client = client
        self._clock = clock
        self._held: dict[Held, float] = {}
        self._paths: dict[DatasetID, Path] = {}
        self._ending: set[Held] = set()
        self._owed: dict[Held, Here] = {}
        self._task: Deferred[None] | None = None
        self._at_it = False

    def stop(self) -> None:
        """Tell control nothing more."""
        if self._task is not None:
            self._task.cancel()

    @property
    def since(self) -> Mapping[Held, float]:
        """The mounts that are not being ended, with when each was answered.

        In seconds on the clock of the reactor; infinite for one not answered yet.
        """
        staying = self._held.items()
        return {held: at for held, at in staying if held not in self._ending}

    def mounts(self, dataset: DatasetID) -> tuple[Mount, ...]:
        """Give the mounts of a dataset, those that are being ended too."""
        return tuple(held.mount for held in self._held if held.dataset == dataset)

    async def load(self, here: Here) -> None:
        """Take over what an earlier plugin of this node held."""
        configured = await self._client.configured()
        leases = await self._client.leases()
        names = {
            each.dataset_id: each.metadata.get("name", "")
            for each in configured.datasets
        }
        for lease in leases:
            for holder in lease.holders if lease.node_uuid == here.node else ():
                mount = read(holder.holder)
                if mount is not None and holder.era in (None, str(here.era)):
                    name = names.get(lease.dataset_id, "")
                    held = Held(lease.dataset_id, name, mount)
                    self._held[held] = self._clock.seconds()
        message("flocker:docker-plugin:leases-found", count=len(self._held))

    async def take(
        self, volume: tuple[DatasetID, str], here: Here, given: str, who: str | None
    ) -> Held:
        """Lease a volume, its id and name, to this node for one mount of Docker's.

        Raises `RequestRefused` where another node has it, and what a client raises;
        then it is not held, or will soon not be.
        """
        held = self._another(volume, given, who)
        try:
            await patiently(
                self._clock, CONTROL_WITHIN, lambda: self._acquire(held, here)
            )
        except RequestRefused:
            _ = self._held.pop(held, None)
            raise
        except BaseException:
            # It may be held: nobody was told, so it is to end.
            self.end_soon(held)
            raise
        return held

    def answered(self, held: Held, path: Path) -> None:
        """Docker is told of a mount, and where it is."""
        self._held[held] = self._clock.seconds()
        self._paths[held.dataset] = path

    def used_already(self, name: str) -> tuple[DatasetID, Path] | None:
        """Give a volume that is leased to this node and was mounted, with its path."""
        for held in sorted(self.since, key=lambda each: str(each.dataset)):
            if held.name == name and held.dataset in self._paths:
                return held.dataset, self._paths[held.dataset]
        return None

    def borrow(self, volume: tuple[DatasetID, str], here: Here, given: str) -> None:
        """Hold a mount beside others of its volume; control is told when it is back."""
        held = self._another(volume, given, None)
        self._held[held] = self._clock.seconds()
        self._owed[held] = here
        self._tell_later()

    def find(self, name: str, given: str) -> Held | None:
        """Give what ends when Docker unmounts a volume's mount with the id `given`."""
        staying = self.since
        for dataset in sorted({h.dataset for h in staying if h.name == name}, key=str):
            mount = last_of((h.mount for h in staying if h.dataset == dataset), given)
            if mount is not None:
                return Held(dataset, name, mount)
        return None

    async def end(self, held: Held) -> None:
        """End a mount's lease; if control is away, when it is back."""
        self._ending.add(held)
        _ = self._owed.pop(held, None)
        try:
            ended = await self._ended(held)
        except BaseException:
            self._tell_later()
            raise
        if not ended:
            self._tell_later()

    def end_soon(self, held: Held) -> None:
        """End it without waiting for it."""
        self._ending.add(held)
        _ = self._owed.pop(held, None)
        self._tell_later()

    def _another(
        self, volume: tuple[DatasetID, str], given: str, who: str | None
    ) -> Held:
        dataset, name = volume
        held = Held(dataset, name, another(self.mounts(dataset), given, who))
        self._held[held] = inf
        return held

    async def _acquire(self, held: Held, here: Here) -> None:
        lease = NewLease(held.dataset, here.node, held.mount.holder, era=here.era)
        _ = await self._client.acquire(lease)

    async def _ended(self, held: Held) -> bool:
        asked = Deferred.fromCoroutine(self._release(held))
        try:
            await asked.addTimeout(END_WITHIN, self._clock)
        except Late:
            return False
        except RequestRefused as error:
            if error.status != _NOT_FOUND:
                _note("flocker:docker-plugin:lease-not-ended", held, error)
                return False
        except FlockerError as error:
            _note("flocker:docker-plugin:lease-not-ended", held, error)
            return False
        _ = self._held.pop(held, None)
        self._ending.discard(held)
        return True

    async def _release(self, held: Held) -> None:
        _ = await self._client.release(held.dataset, held.mount.holder)

    async def _paid(self, held: Held, here: Here) -> None:
        try:
            await self._acquire(held, here)
        except RequestRefused as error:
            # Somebody ended the lease meanwhile, and another node took it.
            _note("flocker:docker-plugin:lease-lost", held, error)
        except FlockerError as error:
            _note("flocker:docker-plugin:lease-not-taken", held, error)
            return
        _ = self._owed.pop(held, None)
        if held not in self._held:
            # It was ended while control was asked.
            self._ending.add(held)

    def _tell_later(self) -> None:
        if not self._at_it:
            self._task = Deferred.fromCoroutine(self._tell_all())

    async def _tell_all(self) -> None:
        self._at_it = True
        try:
            while self._ending or self._owed:
                for held, here in tuple(self._owed.items()):
                    await self._paid(held, here)
                for held in sorted(self._ending, key=lambda h: h.mount.holder):
                    _ = await self._ended(held)
                if self._ending or self._owed:
                    await deferLater(self._clock, TRY_AGAIN)
        except CancelledError:
            return
        finally:
            self._at_it = False


def _note(what: str, held: Held, error: FlockerError) -> None:
    message(what, volume=held.name, holder=held.mount.holder, why=str(error))
