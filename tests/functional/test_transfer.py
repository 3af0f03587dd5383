"""Snapshots move between two processes, over real TLS, from one Btrfs to another."""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from uuid import UUID

import pytest

from flocker.backends.btrfs.api import make_btrfs
from flocker.ca.authority import Authority
from flocker.ca.credentials import KeyType
from flocker.ca.files import write_credential
from flocker.model.ids import NodeID
from flocker.sandbox.waiting import until
from flocker.testing.btrfs_pools import btrfs_filesystem
from flocker.testing.certificates import CLUSTER_ID, MADE
from flocker.testing.conformance.pool_bench import PoolBench
from flocker.testing.loop_devices import scratch_directory

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root")

PEER = "flocker.testing.transfer_peer"
PATIENCE = 60.0
ONE, TWO, THREE = (NodeID(UUID(int=number)) for number in (1, 2, 3))
MEBIBYTE = 1024 * 1024


class Bench(PoolBench):
    """Two nodes, each with a Btrfs of its own."""

    def __init__(self, scratch):
        self.scratch = scratch
        self.disks = {n: btrfs_filesystem(scratch, 512 * MEBIBYTE) for n in (1, 2)}

    def pool(self, number):
        return make_btrfs(self.disks[number])

    def mount_root(self, number):
        return self.scratch / f"served-{number}"


@pytest.fixture(scope="module")
def bench():
    with scratch_directory() as scratch:
        yield Bench(scratch)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """The directory of each who may, or may not, speak."""
    cluster = Authority.found("mine", CLUSTER_ID, KeyType.ECDSA, MADE)
    other = Authority.found("other", CLUSTER_ID, KeyType.ECDSA, MADE)
    credentials = {
        "one": cluster.node(ONE, KeyType.ECDSA, MADE),
        "two": cluster.node(TWO, KeyType.ECDSA, MADE),
        "foreign": other.node(ONE, KeyType.ECDSA, MADE),
    }
    directories = {}
    for name, credential in credentials.items():
        directory = tmp_path_factory.mktemp(name)
        authority = other if name == "foreign" else cluster
        pem = authority.credential.certificate_pem()
        (directory / "cluster.crt").write_bytes(pem)
        write_credential(directory, "node", credential)
        directories[name] = directory
    return directories


class Peers:
    """A receiving agent that runs, and the sending ones."""

    def __init__(self, bench, certificates, out):
        self.bench, self.certificates, self.out = bench, certificates, out
        self.one, self.two = bench.node(1), bench.node(2)

    def start(self, who, what, number, *more, out=subprocess.PIPE):
        argv = [sys.executable, "-m", PEER, what, self.certificates[who]]
        argv += [self.bench.disks[number], *more]
        return subprocess.Popen([str(each) for each in argv], stdout=out, text=True)

    @contextmanager
    def receiving(self, who="two"):
        with self.out.open("w") as out:
            process = self.start(who, "receive", 2, out=out)
        until(self.lines, "a receiving agent", PATIENCE)
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def lines(self):
        return [line for line in self.out.read_text().splitlines() if line]

    def sending(self, dataset, snapshot, *base, who="one", to=TWO, what="send"):
        more = (self.lines()[0], to, dataset, snapshot.identity, *base)
        return self.start(who, what, 1, *more)

    def move(self, dataset, snapshot):
        return self.send(dataset, snapshot, what="move")

    def send(self, *arguments, **keywords):
        out, _ = self.sending(*arguments, **keywords).communicate(timeout=PATIENCE)
        return out.strip().splitlines()


@pytest.fixture
def peers(bench, certificates, tmp_path):
    peers = Peers(bench, certificates, tmp_path / "out")
    yield peers
    for number in (1, 2):
        bench.node(number).clean()
        shutil.rmtree(bench.disks[number] / ".flocker")


def arrived(said):
    """Whether a source says that its snapshot arrived."""
    return said[-1].startswith("arrived after")


def test_asks_first(peers):
    """What the target has is sent no more; asked again, it holds what was sent."""
    dataset = peers.one.create()
    first = peers.one.save(dataset, "file", b"first")
    second = peers.one.save(dataset, "more", b"second")
    with peers.receiving():
        said = peers.move(dataset, first)
        assert said[1:3] == ["follows None", f"holds {first.identity}"]
        said = peers.move(dataset, second)
        assert said[1:3] == [f"follows {first.identity}", f"holds {second.identity}"]
        assert arrived(said)
    assert peers.two.look(dataset).snapshots == (first, second)


def test_moves(peers):
    """A copy arrives, and then what follows; its record is what the target wrote."""
    dataset = peers.one.create()
    content = os.urandom(20 * MEBIBYTE)
    first = peers.one.save(dataset, "file", content)
    second = peers.one.save(dataset, "more", b"second")
    with peers.receiving():
        assert arrived(peers.send(dataset, first))
        assert arrived(peers.send(dataset, second, first.identity))
        assert peers.lines()[1:] == [f"offered by {ONE}"] * 2
    copy = peers.two.look(dataset)
    assert copy.snapshots == (first, second)
    assert copy.record == f"from {ONE}".encode()
    assert peers.two.read_replica(dataset, "file") == content
    assert peers.two.read_replica(dataset, "more") == b"second"


def test_refused_by_the_pool(peers):
    """Why the target's pool does not take a stream is told to the source."""
    dataset = peers.one.create()
    first = peers.one.save(dataset, "file", b"content")
    with peers.receiving():
        assert arrived(peers.send(dataset, first))
        refused = peers.send(dataset, first)[-1]
    assert refused.startswith("TargetRefused")
    assert f"there is a copy of dataset {dataset} on this pool already" in refused


def test_another_node_than_meant(peers):
    """A source talks only to the node that control named, whoever answers there."""
    dataset = peers.one.create()
    first = peers.one.save(dataset, "file", b"content")
    with peers.receiving():
        (said,) = peers.send(dataset, first, to=THREE)
        assert f"expected the one of node-{THREE}" in said
        assert f"node-{TWO}" in said
    assert dict(peers.two.pool.list().copies) == {}


@pytest.mark.parametrize("stranger", ["receives", "sends"])
def test_other_cluster(peers, stranger):
    """Nodes of another cluster neither get data nor bring any."""
    dataset = peers.one.create()
    first = peers.one.save(dataset, "file", b"content")
    receiver, source, to = {
        "receives": ("foreign", "one", ONE),
        "sends": ("two", "foreign", TWO),
    }[stranger]
    with peers.receiving(receiver):
        said = peers.send(dataset, first, who=source, to=to)
        assert not arrived(said)
        assert not any("offered" in line for line in peers.lines())
    assert dict(peers.two.pool.list().copies) == {}


@pytest.mark.parametrize("victim", ["target", "source"])
def test_killed(peers, victim):
    """One side is killed in mid-stream: nothing is there, and all can be sent again."""
    dataset = peers.one.create()
    content = os.urandom(128 * MEBIBYTE)
    first = peers.one.save(dataset, "file", content)
    with peers.receiving() as target:
        source = peers.sending(dataset, first)
        staging = peers.bench.disks[2] / ".flocker" / "staging"
        until(lambda: list(staging.glob("*/data/*")), "data that comes", PATIENCE)
        (target if victim == "target" else source).send_signal(signal.SIGKILL)
        out, _ = source.communicate(timeout=PATIENCE)
        if victim == "target":
            assert "TransferCut" in out
        else:
            until(lambda: not list(staging.iterdir()), "all thrown away", PATIENCE)
            assert dict(peers.two.pool.list().copies) == {}
            assert arrived(peers.send(dataset, first))
    peers.two.restart()
    if victim == "target":
        assert dict(peers.two.pool.list().copies) == {}
        with peers.receiving():
            assert arrived(peers.send(dataset, first))
    assert peers.two.read_replica(dataset, "file") == content


@pytest.mark.slow
@pytest.mark.parametrize("tenth", range(10))
@pytest.mark.parametrize("victim", ["target", "source"])
def test_killed_at_each_tenth(peers, victim, tenth):
    """The same at about each tenth of a stream that takes a second."""
    dataset = peers.one.create()
    content = os.urandom(32 * MEBIBYTE)
    first = peers.one.save(dataset, "file", content)
    with peers.receiving() as target:
        source = peers.sending(dataset, first, "-", 32 * MEBIBYTE)
        until(lambda: f"offered by {ONE}" in peers.lines(), "an offer", PATIENCE)
        time.sleep(tenth / 10)
        (target if victim == "target" else source).send_signal(signal.SIGKILL)
        out, _ = source.communicate(timeout=PATIENCE)
        assert "arrived" not in out
        if victim == "source":
            staging = peers.bench.disks[2] / ".flocker" / "staging"
            until(lambda: not list(staging.iterdir()), "all thrown away", PATIENCE)
            assert dict(peers.two.pool.list().copies) == {}
            assert arrived(peers.send(dataset, first))
    peers.two.restart()
    if victim == "target":
        assert dict(peers.two.pool.list().copies) == {}
        with peers.receiving():
            assert arrived(peers.send(dataset, first))
    assert peers.two.read_replica(dataset, "file") == content
