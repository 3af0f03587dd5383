"""Streams of moves that are cut: what came is kept, gone on with, or thrown away."""

import pytest

from flocker.control import pool_moves
from flocker.testing.fakes.memory_carrier import NotReached
from tests.unit.dataset_agent.two_nodes import DATASET, MINUTE, B, contents


def test_cut(cluster):
    """A stream that is cut is sent again; the cause is told meanwhile."""
    cluster.a.write("large", bytes(8 * 1024))

    def cut(done: int) -> None:
        if done >= 4 * 1024:
            raise NotReached("cut")

    cluster.carrier.passing = cut
    cluster.decide(pool_moves.move, B)
    cluster.settle()
    assert cluster.a.served
    assert cluster.b.copy is None
    assert cluster.a.fact.cause.code == "not-reached"
    cluster.carrier.passing = lambda _done: None
    cluster.settle(MINUTE)
    assert cluster.b.served
    assert contents(cluster.b)["large"] == bytes(8 * 1024)
    assert cluster.b.kept == {}


def cut_after(cluster, size):
    """Let the first stream of a move end after so many bytes."""

    def cut(done: int) -> None:
        if done >= size:
            raise NotReached("cut")

    cluster.freezes = False
    cluster.carrier.passing = cut
    cluster.decide(pool_moves.move, B)
    cluster.settle()
    assert list(cluster.b.kept) == [DATASET]
    assert cluster.b.copy is None


@pytest.mark.parametrize("tenth", range(1, 10))
def test_goes_on_after_a_cut(cluster, tenth):
    """What came before a cut is not sent again, and nothing is taken for whole."""
    content = bytes(range(256)) * 64
    cluster.a.write("large", content)
    cut_after(cluster, 2 * len(content) * tenth // 10)
    before = len(cluster.b.kept[DATASET][1])
    passed = []
    cluster.carrier.passing = passed.append
    cluster.freezes = True
    cluster.settle(MINUTE)
    assert cluster.b.served
    assert contents(cluster.b)["large"] == content
    assert len(cluster.carrier.rests) == 1
    whole = passed[: passed.index(0, 1)] if 0 in passed[1:] else passed
    assert whole[-1] < 2 * len(content) + 1024 - before
    assert cluster.b.kept == {}


def test_nobody_brings_the_rest(cluster):
    """What was cut goes when the move is cancelled: it is in nobody's way for ever."""
    cluster.a.write("large", bytes(8 * 1024))
    cut_after(cluster, 4 * 1024)
    cluster.decide(pool_moves.cancel)
    cluster.settle(MINUTE)
    assert cluster.row.move is None
    assert cluster.a.served
    assert cluster.b.kept == {}


def test_next_agent_goes_on(cluster):
    """An agent that is started anew goes on with what the last one had kept."""
    cluster.a.write("large", bytes(8 * 1024))
    cut_after(cluster, 4 * 1024)
    cluster.b.start()
    cluster.tell()
    cluster.settle()
    assert list(cluster.b.kept) == [DATASET]
    cluster.carrier.passing = lambda _done: None
    cluster.freezes = True
    cluster.settle(MINUTE)
    assert cluster.b.served
    assert set(cluster.carrier.rests) == {cluster.carrier.sent[0][0]}


def test_cancel_ends_the_stream(cluster):
    """A stream for a move that is cancelled does not go on."""
    cluster.freezes = False
    cluster.a.write("large", bytes(64 * 1024))
    passed = []

    def cancel(done: int) -> None:
        passed.append(done)
        if len(passed) == 3:
            cluster.decide(pool_moves.cancel)

    cluster.carrier.passing = cancel
    cluster.decide(pool_moves.move, B)
    cluster.settle(MINUTE)
    assert len(passed) <= 4
    assert cluster.a.served
    assert cluster.b.copy is None


def test_starts_anew(cluster):
    """A target that is away for long is called again at most 2 s after it is back."""
    away = cluster.carrier.hosts.pop(B)
    cluster.decide(pool_moves.move, B)
    cluster.settle(MINUTE)
    assert cluster.a.served
    assert cluster.a.fact.cause.code == "agent-unreachable"
    cluster.carrier.hosts[B] = away
    cluster.clock.pump([0.5] * 4)
    assert cluster.carrier.sent
