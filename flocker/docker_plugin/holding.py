"""Takes leases for the mounts that Docker is answered, and ends them.

See Note [A holder a mount] in `holders`. What cannot be ended because control is away
is ended when it is back.
"""

from attrs import frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as Late
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from flocker.client.interface import IFlockerClient, NewLease, RequestRefused
from flocker.docker_plugin.catalogue import CONTROL_WITHIN
from flocker.docker_plugin.holders import Mount, another, last_of, read
from flocker.docker_plugin.patience import patiently
from flocker.model.errors import FlockerError
from flocker.model.ids import DatasetID, NodeID
from flocker.runtime.logging import message

TRY_AGAIN = 1.0
"""Seconds between two attempts to end what could not be ended."""
END_WITHIN = 10.0
"""Seconds that Docker waits for the end of a lease, at most."""
_NOT_FOUND = 404


@frozen
class Held:
    """A mount that holds the lease of a dataset, which is the volume `name`."""

    dataset: DatasetID
    name: str
    mount: Mount


class Holding:
    """The mounts of this node."""

    def __init__(self, client: IFlockerClient, clock: IReactorTime) -> None:
        self._client = client
        self._clock = clock
        self._held: set[Held] = set()
        self._ending: set[Held] = set()
        self._task: Deferred[None] | None = None
        self._at_it = False

    def stop(self) -> None:
        """End nothing more."""
        if self._task is not None:
            self._task.cancel()

    def mounts(self, dataset: DatasetID) -> tuple[Mount, ...]:
        """Give the mounts of a dataset, those that are being ended too."""
        return tuple(held.mount for held in self._held if held.dataset == dataset)

    async def load(self, node: NodeID) -> None:
        """Take over what an earlier plugin of this node held."""
        configured = await self._client.configured()
        leases = await self._client.leases()
        names = {
            each.dataset_id: each.metadata.get("name", "")
            for each in configured.datasets
        }
        for lease in leases:
            for holder in lease.holders if lease.node_uuid == node else ():
                mount = read(holder.holder)
                if mount is not None:
                    name = names.get(lease.dataset_id, "")
                    self._held.add(Held(lease.dataset_id, name, mount))
        message("flocker:docker-plugin:leases-found", count=len(self._held))

    async def take(
        self, volume: tuple[DatasetID, str], node: NodeID, given: str, who: str | None
    ) -> Held:
        """Lease a volume, its id and name, to this node for one mount of Docker's.

        Raises `RequestRefused` where another node has it, and what a client raises;
        then it is not held, or will soon not be.
        """
        dataset, name = volume
        held = Held(dataset, name, another(self.mounts(dataset), given, who))
        self._held.add(held)
        lease = NewLease(dataset, node, held.mount.holder)
        try:
            _ = await patiently(
                self._clock, CONTROL_WITHIN, lambda: self._client.acquire(lease)
            )
        except RequestRefused:
            self._held.discard(held)
            raise
        except BaseException:
            # It may be held: nobody was told, so it is to end.
            self._end_later(held)
            raise
        return held

    def find(self, name: str, given: str) -> Held | None:
        """Give what ends when Docker unmounts a volume's mount with the id `given`."""
        staying = self._held - self._ending
        for dataset in sorted({h.dataset for h in staying if h.name == name}, key=str):
            mount = last_of((h.mount for h in staying if h.dataset == dataset), given)
            if mount is not None:
                return Held(dataset, name, mount)
        return None

    async def end(self, held: Held) -> None:
        """End a mount's lease; if control is away, when it is back."""
        self._ending.add(held)
        try:
            ended = await self._ended(held)
        except BaseException:
            self._end_later(held)
            raise
        if not ended:
            self._end_later(held)

    def end_soon(self, held: Held) -> None:
        """End it without waiting for it."""
        self._end_later(held)

    async def _ended(self, held: Held) -> bool:
        asked = Deferred.fromCoroutine(self._release(held))
        try:
            await asked.addTimeout(END_WITHIN, self._clock)
        except Late:
            return False
        except RequestRefused as error:
            if error.status != _NOT_FOUND:
                self._note(held, error)
                return False
        except FlockerError as error:
            self._note(held, error)
            return False
        self._held.discard(held)
        self._ending.discard(held)
        return True

    async def _release(self, held: Held) -> None:
        _ = await self._client.release(held.dataset, held.mount.holder)

    def _note(self, held: Held, error: FlockerError) -> None:
        message(
            "flocker:docker-plugin:lease-not-ended",
            volume=held.name,
            holder=held.mount.holder,
            why=str(error),
        )

    def _end_later(self, held: Held) -> None:
        self._ending.add(held)
        if not self._at_it:
            self._task = Deferred.fromCoroutine(self._end_all())

    async def _end_all(self) -> None:
        self._at_it = True
        try:
            while self._ending:
                for held in sorted(self._ending, key=lambda h: h.mount.holder):
                    _ = await self._ended(held)
                if self._ending:
                    await deferLater(self._clock, TRY_AGAIN)
        except CancelledError:
            return
        finally:
            self._at_it = False
