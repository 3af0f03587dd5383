"""The carrier of snapshots: what it leaves behind when it is cancelled."""

from twisted.internet.defer import Deferred, succeed

from flocker.backends.pool_interface import PoolSnapshot
from flocker.dataset_agent.pool_carrying import Carrier
from flocker.dataset_agent.pool_rig import Pool, Shipment
from flocker.dataset_agent.pool_states import Offer
from flocker.dataset_agent.transfer.channel import TransferCut
from flocker.model.cluster import Peer
from flocker.model.datasets import DEFAULT_BACKEND
from flocker.model.ids import Epoch, MoveNumber
from flocker.testing.builders import dataset_id, node_id
from flocker.testing.fakes.memory_disk import MemoryDisk
from flocker.testing.fakes.memory_pool import MemoryPool

DATASET = dataset_id()


class SlowThreads:
    """Threads that do everything at once, and say so when the test wants it."""

    def __init__(self) -> None:
        self.waiting: list[Deferred[None]] = []

    async def run(self, call, *args):
        result = call(*args)
        if getattr(call, "__name__", "") == "send":
            self.waiting.append(Deferred())
            # As with a thread, whoever waits no more does not end the call.
            over: Deferred[None] = Deferred()
            self.waiting[-1].addCallback(lambda _: over.called or over.callback(None))
            await over
        return result


class Welcoming:
    """A target that has nothing yet; nothing is ever sent to it."""

    unfinished = None

    async def open_visit(self, offer):
        return None

    async def meanwhile(self, work):
        return await work

    def finish(self) -> None:
        pass


def test_cancelled_while_a_stream_is_opened() -> None:
    """A stream that nobody waits for any more is closed: nothing is held by it."""
    disk = MemoryDisk()
    api = MemoryPool(disk)
    api.create(DATASET, b"{}", None)
    made = api.snapshot(DATASET, "first")
    threads = SlowThreads()
    pool = Pool(DEFAULT_BACKEND, "memory", api, threads)
    offer = Offer(node_id(1), Epoch(1), made.identity, frozenset({made.identity}))
    shipment = Shipment(
        DATASET, MoveNumber(1), offer, (PoolSnapshot("first", made.identity),)
    )
    carrier = Carrier(lambda to, heard: succeed(Welcoming()))
    cancels = []
    failed = []
    work = Deferred.fromCoroutine(
        carrier.carry(
            pool,
            Peer(node_id(2), "10.0.0.2", 4525),
            shipment,
            lambda progress: None,
            cancels.append,
        )
    )
    work.addErrback(failed.append)
    assert disk.copies[DATASET].snapshots[0].sending == 1
    cancels[0]("the move is over")
    assert failed[0].check(TransferCut)
    threads.waiting[0].callback(None)
    assert disk.copies[DATASET].snapshots[0].sending == 0
