"""A transfer that was cut goes on where the pools can: real TLS, threads, carrier."""

import os

import pytest

from flocker.backends.pool_errors import StreamBroken
from flocker.ca.contexts import node_context
from flocker.ca.handshake import explain
from flocker.dataset_agent import pool_states
from flocker.dataset_agent.pool_carrying import Carrier, OverTLS
from flocker.dataset_agent.pool_rig import Pool, Shipment
from flocker.dataset_agent.transfer import receiving
from flocker.dataset_agent.transfer.channel import TransferCut
from flocker.dataset_agent.transfer.connecting import AgentUnreachable
from flocker.model.cluster import Peer
from flocker.model.datasets import DEFAULT_BACKEND
from flocker.model.ids import Epoch, MoveNumber
from flocker.sandbox.waiting import until
from flocker.testing.fakes.memory_pool import MemoryPool
from flocker.testing.fakes.memory_resuming import ResumingMemoryPool
from tests.functional.transfer.loops import PATIENCE
from tests.functional.transfer.transfer_rig import CERTIFICATES, MEBIBYTE, ONE, TWO

CONTENT = os.urandom(12 * MEBIBYTE)
SIZE = 2 * len(CONTENT)
"""Bytes of the stream of that, as pools in memory write it, or a few more."""


@pytest.fixture
def rigs(rigs):
    """With what pools can go on with, if a test does not say which they are."""

    def make(pool=ResumingMemoryPool):
        return rigs(CONTENT, pool=pool)

    return make


def carry(rig, *, cut_after=None, port=None):
    """Bring the snapshot, maybe over a wire that is cut; give what comes of it."""
    own = CERTIFICATES["one"]
    over = OverTLS(
        rig.loop.reactor,
        rig.threads,
        lambda node: node_context(CERTIFICATES["authority"], own, node=node),
        lambda error: explain(error, own),
    )
    if cut_after is not None:
        # What the target's disk has not taken yet when it notices is lost.
        enough = stored(rig, before=len(rig.host.streams))
        port = rig.wire(cut_after=cut_after, cut_when=enough).port
    snapshots = rig.source.look(rig.dataset).snapshots
    lineage = frozenset(each.identity for each in snapshots)
    offer = pool_states.Offer(ONE, Epoch(1), rig.snapshot.identity, lineage)
    rig.heard = []
    outcome = rig.loop.begin(
        Carrier(over.dial).carry(
            Pool(DEFAULT_BACKEND, "memory", rig.source, rig.threads),
            Peer(TWO, "127.0.0.1", port or rig.port),
            Shipment(rig.dataset, MoveNumber(1), offer, snapshots),
            rig.heard.append,
            lambda _cancel: None,
        )
    ).outcome()
    if cut_after is not None:
        rig.wires[-1].stop()
    return outcome


def stored(rig, before):
    """Whether so much was written of a new stream that it is worth keeping."""
    had = kept(rig)

    def enough():
        new = rig.host.streams[before:]
        return new and sum(map(len, new[-1]._parts)) >= had + receiving.WORTH_KEEPING

    return enough


def sent(rig):
    """Give the bytes of the last stream."""
    return rig.heard[-1].done


def kept(rig):
    """Give the bytes that the target has kept, once it has noticed the end."""
    until(lambda: not rig.target.disk.copies, "an end", PATIENCE)
    there = rig.target.unfinished(rig.dataset)
    return 0 if there is None else there.came


@pytest.mark.parametrize("tenth", range(1, 10))
def test_cut_at(rigs, tenth):
    """What came before a cut is not sent again, and what arrives is the same."""
    rig = rigs()
    error = carry(rig, cut_after=3000 + tenth * SIZE // 10)
    assert isinstance(error, TransferCut | AgentUnreachable), error
    until(lambda: kept(rig) > 0, "a beginning that is kept", PATIENCE)
    before = kept(rig)
    assert carry(rig) == rig.snapshot.identity
    assert rig.target_is(CONTENT)
    assert sent(rig) < SIZE - before + 1000
    assert rig.heard[-1].total == sent(rig)
    assert rig.target.all_unfinished() == frozenset()


def test_cut_again_and_again(rigs):
    """Each cut leaves more, until the rest comes through."""
    rig = rigs()
    before = 0
    for _ in range(4):
        assert isinstance(carry(rig, cut_after=SIZE // 5), TransferCut)
        until(lambda before=before: kept(rig) > before, "more that is kept", PATIENCE)
        before = kept(rig)
    assert carry(rig) == rig.snapshot.identity
    assert rig.target_is(CONTENT)
    assert sent(rig) <= SIZE - before + 1000


def test_another_round(rigs):
    """What was begun is completed first, though another snapshot is wanted by now."""
    rig = rigs()
    assert isinstance(carry(rig, cut_after=SIZE // 2), TransferCut)
    until(lambda: kept(rig) > 0, "a beginning that is kept", PATIENCE)
    before, begun = kept(rig), rig.snapshot
    rig.snapshot = rig.save(b"more")
    assert carry(rig) == rig.snapshot.identity
    assert rig.target_is(b"more")
    assert rig.target.look(rig.dataset).snapshots == (begun, rig.snapshot)
    assert sent(rig) < SIZE - before + 2000


def test_source_cannot(rigs):
    """A source that understands no token sends all of it."""
    rig = rigs()
    assert isinstance(carry(rig, cut_after=SIZE // 2), TransferCut)
    until(lambda: kept(rig) > 0, "a beginning that is kept", PATIENCE)
    rig.source = MemoryPool(rig.source.disk)
    assert carry(rig) == rig.snapshot.identity
    assert sent(rig) > SIZE
    assert rig.target_is(CONTENT)
    assert rig.target.all_unfinished() == frozenset()


def test_foreign_token(rigs, monkeypatch):
    """So does one that is told a token of another stream."""
    rig = rigs()
    assert isinstance(carry(rig, cut_after=SIZE // 2), TransferCut)
    until(lambda: kept(rig) > 0, "a beginning that is kept", PATIENCE)
    there = rig.target.unfinished(rig.dataset)
    foreign = type(there)(there.identity, None, "another+None+12", there.came)
    monkeypatch.setattr(ResumingMemoryPool, "unfinished", lambda *_: foreign)
    assert carry(rig) == rig.snapshot.identity
    assert sent(rig) > SIZE
    assert rig.target_is(CONTENT)


def test_what_broke_is_not_kept(rigs, monkeypatch):
    """Only a cut leaves something: a stream that was refused or broken does not."""
    rig = rigs()

    class Damaging(receiving.CountedIn):
        def write(self, part):
            super().write(part)
            if self.size > SIZE // 2:
                raise StreamBroken(rig.dataset, "a part of it is no stream")

    monkeypatch.setattr(receiving, "CountedIn", Damaging)
    assert "no stream" in str(carry(rig))
    assert rig.target.all_unfinished() == frozenset()


def test_useless_rest(rigs, monkeypatch):
    """A rest that brings nothing is not tried for ever: the next stream is whole."""
    rig = rigs()
    assert isinstance(carry(rig, cut_after=SIZE // 2), TransferCut)
    until(lambda: kept(rig) > 0, "a beginning that is kept", PATIENCE)

    class Failing:
        def read(self, most):
            raise StreamBroken(rig.dataset, "the rest cannot be read")

        def close(self):
            pass

    with monkeypatch.context() as patched:
        patched.setattr(ResumingMemoryPool, "send_rest", lambda *_, **__: Failing())
        assert "cannot be read" in str(carry(rig))
        until(lambda: kept(rig) == 0, "the end of what was kept", PATIENCE)
    assert carry(rig) == rig.snapshot.identity
    assert rig.target_is(CONTENT)
