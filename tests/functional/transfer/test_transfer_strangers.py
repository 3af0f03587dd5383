"""Who may speak to an agent that takes snapshots, and who only holds connections."""

import socket
import time

import pytest
from attrs import evolve
from twisted.internet.defer import CancelledError

from flocker.dataset_agent.transfer.accepting import MOST_HANDSHAKES, MOST_SERVED
from flocker.dataset_agent.transfer.channel import TransferCut, understand
from flocker.dataset_agent.transfer.connecting import AgentUnreachable
from flocker.dataset_agent.transfer.frames import (
    HEAD_SIZE,
    LONGEST_DATA,
    Kind,
    Refused,
    head,
)
from flocker.sandbox.waiting import until
from tests.functional.transfer.loops import PATIENCE
from tests.functional.transfer.transfer_rig import CALM, THREE


@pytest.mark.parametrize("who", ["user", "control", "foreign"])
def test_wrong_role(rigs, who):
    """Only nodes of this cluster are served; the target's log says who was not."""
    rig = rigs()
    error = rig.run(who=who)
    assert isinstance(error, AgentUnreachable)
    assert rig.host.seen == []
    assert who == "foreign" or len(rig.refused) == 1


def test_another_node_than_meant(rigs):
    """A source talks only to the node that control named, whoever answers there."""
    rig = rigs()
    error = rig.run(node=THREE)
    assert isinstance(error, AgentUnreachable)
    assert f"expected the one of node-{THREE}" in str(error)
    assert rig.host.seen == []


def test_nobody_there(rigs):
    """An address where nobody listens is told with its reason."""
    rig = rigs()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    error = rig.run(port=port)
    assert isinstance(error, AgentUnreachable)
    assert "refused" in str(error)


def test_dial_is_cancelled(rigs):
    """Somebody who answers and says nothing does not keep who dials from leaving."""
    rig = rigs()
    with socket.create_server(("127.0.0.1", 0)) as mute:
        going = rig.loop.begin(rig.dial(port=mute.getsockname()[1]))
        time.sleep(0.2)
        going.cancel()
        assert isinstance(going.outcome(), CancelledError)
        rig.patience = evolve(CALM, reached_within=1.0)
        slow = rig.loop.begin(rig.dial(port=mute.getsockname()[1]))
        assert isinstance(slow.outcome(), AgentUnreachable)


@pytest.mark.parametrize(
    "said", [b"", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"\0" * 100]
)
def test_idle_strangers(rigs, said):
    """Strangers who hold connections open keep no node out, and are sent away."""
    patience = evolve(CALM, reached_within=8.0)
    rig = rigs(patience=patience)
    address = ("127.0.0.1", rig.port)
    strangers = [socket.create_connection(address) for _ in range(50)]
    try:
        for stranger in strangers:
            stranger.sendall(said)
        started = time.monotonic()
        assert rig.run() == rig.snapshot.identity
        assert time.monotonic() - started < patience.reached_within
        for stranger in strangers:
            stranger.settimeout(PATIENCE)
            with pytest.raises(ConnectionError):  # noqa: PT012
                while stranger.recv(1000):
                    pass
                raise ConnectionResetError
    finally:
        for stranger in strangers:
            stranger.close()
    assert MOST_HANDSHAKES < 50


def test_idle_nodes(rigs):
    """More nodes than are served are told so; those that ask nothing are sent away."""
    rig = rigs(patience=evolve(CALM, idle_after=8.0))

    async def dial_all():
        return [await rig.dial() for _ in range(MOST_SERVED)]

    channels = rig.loop.run(dial_all())
    error = rig.run()
    assert isinstance(error, AgentUnreachable)
    assert f"serves {MOST_SERVED} transfers" in str(error)
    until(lambda: rig.run() == rig.snapshot.identity, "room for one more", PATIENCE)
    for channel in channels:
        rig.loop.do(channel.finish)


@pytest.mark.parametrize(
    "said",
    [
        b"GET / HTTP/1.1\r\n",
        head(Kind.DATA, LONGEST_DATA + 1),
        head(Kind.BEGIN, 20_000),
        head(Kind.OFFER, 3) + b"{}}",
        b"\xff" * HEAD_SIZE,
    ],
)
def test_garbage_of_a_node(rigs, said):
    """A node that speaks something else is hung up on, and others are served."""
    rig = rigs()

    async def talk():
        channel = await rig.dial()

        def conversation():
            with channel.conversation():
                channel._put(said)
                return channel.receive()

        try:
            return await rig.threads.run(conversation)
        finally:
            channel.finish()

    error = rig.loop.begin(talk()).outcome()
    refused = not isinstance(error, TransferCut)
    assert not refused or understand(Refused, error).code == "Garbage"
    assert rig.run() == rig.snapshot.identity
