"""How much a move would send, as an agent tells when it is asked."""

from pathlib import Path

import pytest
from attrs import define, evolve, field
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from flocker.backends.pool_errors import NoSuchSnapshot, PoolUnavailable
from flocker.backends.pool_interface import Copy, Estimate, PoolContents, PoolSnapshot
from flocker.dataset_agent.listing import list_volumes
from flocker.dataset_agent.pool_forecasts import WITHIN, forecast, streams
from flocker.dataset_agent.pool_marks import ROUND, stamp
from flocker.dataset_agent.pool_rig import Pool
from flocker.dataset_agent.rig import Rig
from flocker.model.forecasts import FirstRound, Forecast
from flocker.model.ids import BackendName, SnapshotID
from flocker.testing.builders import dataset_id, node_id
from flocker.testing.fakes.memory_disk import MemoryDisk
from flocker.testing.fakes.memory_pool import MemoryPool
from flocker.wire.commands import ForecastFailed

DATASET = dataset_id()
POOL = BackendName("fast")
NOTHING = SnapshotID("nothing")


class Inline:
    """Threads that do it at once."""

    async def run(self, call, *arguments):
        return call(*arguments)


def result_of(coroutine):
    """Give what comes of it at once."""
    found = []
    Deferred.fromCoroutine(coroutine).addBoth(found.append)
    (result,) = found
    return result.raiseException() if isinstance(result, Failure) else result


@define(eq=False)
class Bench:
    """An agent whose pool is in memory."""

    api: object = field(factory=lambda: MemoryPool(MemoryDisk()))

    def rig(self):
        pool = Pool(POOL, "memory", self.api, Inline())
        return Rig(node_id(1), {}, None, Inline(), pools={POOL: pool})

    def ask(self, question):
        """Ask the agent as control does."""
        return result_of(forecast(self.rig().pools, question))

    def forecast(self, base=None):
        return self.ask(FirstRound(POOL, DATASET, base))


@pytest.fixture
def bench():
    """A dataset with two files, of which a snapshot has the one."""
    made = Bench()
    made.api.create(DATASET, b"record", None)
    made.api.mount(DATASET, Path("/x"))
    made.api.disk.write(DATASET, "old", b"x" * 1000)
    made.api.snapshot(DATASET, "monday.1")
    made.api.disk.write(DATASET, "new", b"y" * 100)
    return made


def test_all(bench):
    """Snapshots and what is now are added up, as they are sent."""
    before = bench.api.list()
    found = bench.forecast()
    assert 2 * 1100 <= found.size < 2 * 1100 + 500
    assert (found.at_most, found.sends_all) == (False, False)
    assert bench.api.list() == before


def test_what_is_newer(bench):
    """Who has a snapshot is sent what is newer."""
    taken = bench.api.look(DATASET).snapshots[0].identity
    assert 200 <= bench.forecast(taken).size < 500


@pytest.mark.parametrize(
    ("question", "words"),
    [
        (FirstRound(POOL, dataset_id(7), None), "no copy of dataset"),
        (FirstRound(POOL, DATASET, NOTHING), "no snapshot nothing"),
        (FirstRound(BackendName("slow"), DATASET, None), "has no pool slow"),
    ],
)
def test_nothing_to_tell(bench, question, words):
    """Who asks for what is not there hears that."""
    with pytest.raises(ForecastFailed, match=words):
        bench.ask(question)


def test_a_pool_lists_no_volumes(bench):
    """Asked for a pool's volumes it has none."""
    assert result_of(list_volumes(bench.rig(), POOL)) == ()


@define(eq=False)
class Says:
    """A pool with one copy that estimates what it is told to."""

    copy: Copy
    estimates: list
    sends_all: bool = False
    asked: list = field(factory=list)

    def list(self):
        return PoolContents({DATASET: self.copy}, (), {}, 1, 1)

    def estimate(self, dataset, snapshot, base, within):
        assert (dataset, 0 <= within <= WITHIN) == (DATASET, True)
        self.asked.append((snapshot, base))
        found = self.estimates.pop(0)
        if isinstance(found, Exception):
            raise found
        return found


def snapshots(*names):
    """Snapshots whose identity is their number; a number is one for that node."""
    return tuple(
        PoolSnapshot(
            f"{ROUND}{stamp(node_id(name), f'{number:032x}')}"
            if isinstance(name, int)
            else name,
            SnapshotID(str(number)),
        )
        for number, name in enumerate(names)
    )


COPY = Copy(DATASET, b"record", snapshots("a.1", "b.2"), writable=True, written=True)


@pytest.mark.parametrize(
    ("estimates", "expected"),
    [
        ([Estimate(1), Estimate(2), Estimate(4)], Forecast(7)),
        (
            [Estimate(1), Estimate(2, at_most=True), Estimate(4)],
            Forecast(7, at_most=True),
        ),
        ([Estimate(1), None], None),
    ],
)
def test_sum(estimates, expected):
    """One part that is a bound makes a bound of it; without one it is not known."""
    pool = Says(COPY, estimates)
    assert Bench(pool).forecast() == expected
    assert pool.asked == [("0", None), ("1", "0"), (None, "1")][: len(pool.asked)]


def test_pool_that_sends_all():
    """That each round is as large is told as well."""
    pool = Says(evolve(COPY, snapshots=()), [Estimate(5)], sends_all=True)
    assert Bench(pool).forecast() == Forecast(5, sends_all=True)


@pytest.mark.parametrize(
    ("error", "words"),
    [(PoolUnavailable("fast", "gone"), "gone"), (OSError("ouch"), "pool fast failed")],
)
def test_pool_fails(error, words):
    """What became of the pool is told."""
    with pytest.raises(ForecastFailed, match=words):
        Bench(Says(COPY, [error])).forecast()


def test_streams():
    """Those are the streams that a shipment has."""
    copy = evolve(COPY, snapshots=snapshots("a", *[1] * 4, "b", 2, 2, 2))
    assert streams(copy, None) == (
        ("0", None),
        ("3", "0"),
        ("4", "3"),
        ("5", "4"),
        ("7", "5"),
        ("8", "7"),
        (None, "8"),
    )
    assert streams(copy, SnapshotID("7")) == (("8", "7"), (None, "8"))
    still = evolve(copy, writable=False)
    assert streams(still, SnapshotID("8")) == ()
    with pytest.raises(NoSuchSnapshot):
        streams(copy, NOTHING)
