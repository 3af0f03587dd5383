"""Streams between two Btrfs pools: our transfer beside the same over a socket pair."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from attrs import frozen

from admin.benchmarks.figures import Bench, Notes, Part, at_least, at_most
from admin.benchmarks.pieces import (
    checksum,
    ciphering,
    from_program,
    into_program,
    loopback,
)
from admin.benchmarks.pieces import tls as pieces_tls
from flocker.backends.btrfs.api import make_btrfs
from flocker.backends.pool_interface import IFilesystemPool, PoolSnapshot
from flocker.ca.authority import Authority
from flocker.ca.credentials import KeyType
from flocker.ca.files import write_credential
from flocker.ca.services import ServiceCertificates, load_service_directory
from flocker.model.ids import ClusterID, DatasetID, NodeID
from flocker.model.sizes import GIBIBYTE, MEBIBYTE
from flocker.testing.btrfs_pools import btrfs_filesystem
from flocker.testing.loop_devices import scratch_directory

SIZE, QUICK_SIZE = GIBIBYTE, 64 * MEBIBYTE
ROUNDS = 3
"""Ours and the plain one take turns, and the fastest of each counts."""

PEER = (sys.executable, "-m", "flocker.testing.transfer_peer")
RECORD = b"{}"
RATE = "stream rate: ours / plain socket pair"
BUSY = "stream: how much of all CPUs ours uses"
CLONE = "clone of a full dataset"

WANTED = {
    RATE: at_least(0.9, "a whole snapshot, to the confirmation; best of 3, by turns"),
    CLONE: at_most(1.0, "until it is durable, with what the stream was measured with"),
}


@frozen
class _Pools:
    """Two pools, what is to be sent, and where the certificates of both nodes are."""

    scratch: Path
    roots: tuple[Path, Path]
    dataset: DatasetID
    snapshot: PoolSnapshot
    nodes: tuple[NodeID, NodeID]

    @property
    def source(self) -> IFilesystemPool:
        """The pool to send from."""
        return make_btrfs(self.roots[0])

    @property
    def target(self) -> IFilesystemPool:
        """The pool to send to."""
        return make_btrfs(self.roots[1])


@frozen
class _Sent:
    """How long it took, and the CPU of each side with the program that it runs.

    That is without the start of our programs, and without the end of the source's.
    """

    seconds: float
    source: float
    target: float

    @property
    def cpu(self) -> float:
        """Give the CPU of both."""
        return self.source + self.target


def measure(bench: Bench, notes: Notes) -> None:
    """Send by turns, then clone."""
    size = QUICK_SIZE if bench.quick else SIZE
    with scratch_directory() as scratch:
        bench.say(f"a dataset of {size // MEBIBYTE} MiB")
        pools = _prepare(scratch, size)
        best: dict[str, _Sent] = {}
        for number in range(ROUNDS):
            for name, way in WAYS.items():
                bench.say(f"round {number + 1}: {name}")
                sent = way(pools, size)
                if name not in best or sent.seconds < best[name].seconds:
                    best[name] = sent
                cells = {
                    "way": name,
                    "round": number + 1,
                    "MiB/s": round(size / MEBIBYTE / sent.seconds, 1),
                    "CPU of the source, s": round(sent.source, 2),
                    "CPU of the target, s": round(sent.target, 2),
                }
                notes.row("streams; CPU with that of btrfs send and receive", cells)
        for name, sent in best.items():
            notes.figure(
                f"stream rate: {name}", size / MEBIBYTE / sent.seconds, "MiB/s"
            )
        ours, plain = best["ours"], best["plain"]
        notes.figure(RATE, plain.seconds / ours.seconds, "x")
        cores = os.cpu_count() or 1
        notes.figure(BUSY, ours.cpu / (cores * ours.seconds), "x")
        _note_pieces(pools, notes, best, size)
        notes.figure(CLONE, _clone(pools), "s")


def _note_pieces(
    pools: _Pools, notes: Notes, best: Mapping[str, _Sent], size: int
) -> None:
    """Say where the time goes: what each piece costs alone."""
    source, target = (
        load_service_directory(pools.scratch / name, "node", now=datetime.now(UTC))
        for name in ("source", "target")
    )
    ours, plain, nowhere = (best[name] for name in ("ours", "plain", "without pools"))
    a_gibibyte = GIBIBYTE / size
    rows = {
        "btrfs send, btrfs receive": _each(plain, a_gibibyte),
        "ours": _each(ours, a_gibibyte),
        "ours without pools": _each(nowhere, a_gibibyte),
    }
    added = [
        mine - theirs
        for mine, theirs in zip(
            *(_each(sent, a_gibibyte) for sent in (ours, plain)), strict=True
        )
    ]
    pieces = _pieces(source, target, pools.nodes[1])
    rest = [a - sum(piece) for a, *piece in zip(added, *pieces.values(), strict=True)]
    rows["what we add"] = added
    pieces["of that, the rest: Python, threads, memory, colder caches"] = rest
    for name, row in (rows | pieces).items():
        cells = {
            "what": name,
            "source": round(row[0], 2),
            "target": round(row[1], 2),
            "both": round(sum(row), 2),
        }
        notes.row("where the time goes: CPU seconds a GiB", cells)
    cores = os.cpu_count() or 1
    least = {
        "both sides on this machine": ours.cpu / cores,
        "a side on a machine like this": max(ours.source, ours.target) / cores,
    }
    for name, seconds in least.items():
        cells = {
            "where": name,
            "s a GiB by CPU": round(seconds * a_gibibyte, 2),
            "ours took": round(ours.seconds * a_gibibyte, 2),
            "plain took": round(plain.seconds * a_gibibyte, 2),
        }
        notes.row("no faster than its CPUs allow", cells)


def _each(sent: _Sent, times: float) -> list[float]:
    return [sent.source * times, sent.target * times]


def _pieces(
    source: ServiceCertificates, target: ServiceCertificates, node: NodeID
) -> dict[str, list[float]]:
    """Give what each piece of what we add costs alone, for source and target."""
    ciphers = ciphering()
    records = pieces_tls(source, target, node)
    handled = [
        all_of_it - cipher for all_of_it, cipher in zip(records, ciphers, strict=True)
    ]
    return {
        "of that, AES of TLS": ciphers,
        "of that, TLS but for AES: records of 16 KiB, copies": handled,
        "of that, the connection": loopback(),
        "of that, the pipes of the programs": [from_program(), into_program()],
        "of that, the checksum": [checksum()] * 2,
    }


PART = Part("pools", "streams between two Btrfs pools", WANTED, measure)


def _prepare(scratch: Path, size: int) -> _Pools:
    disk = 3 * size + GIBIBYTE
    roots = btrfs_filesystem(scratch, disk), btrfs_filesystem(scratch, disk)
    now = datetime.now(UTC) - timedelta(days=1)
    authority = Authority.found("bench", ClusterID(uuid4()), KeyType.ECDSA, now)
    nodes = NodeID(uuid4()), NodeID(uuid4())
    for node, name in zip(nodes, ("source", "target"), strict=True):
        directory = scratch / name
        directory.mkdir()
        certificate = authority.credential.certificate_pem()
        _ = (directory / "cluster.crt").write_bytes(certificate)
        write_credential(directory, "node", authority.node(node, KeyType.ECDSA, now))
    dataset, pool = DatasetID(uuid4()), make_btrfs(roots[0])
    place = scratch / "served" / str(dataset)
    pool.create(dataset, RECORD, None)
    pool.mount(dataset, place)
    with (place / "file").open("wb") as file:
        for _ in range(size // MEBIBYTE):
            _ = file.write(os.urandom(MEBIBYTE))
    snapshot = pool.snapshot(dataset, "sent")
    return _Pools(scratch, roots, dataset, snapshot, nodes)


def _ours(pools: _Pools, size: int) -> _Sent:
    """Send over TLS between two agents."""
    del size
    sent = _send(pools, pools.roots, pools.snapshot.identity)
    pools.target.destroy(pools.dataset, RECORD)
    return sent


def _nowhere(pools: _Pools, size: int) -> _Sent:
    """Send as much that comes from no disk and goes to none."""
    return _send(pools, (f"nowhere:{size}", "nowhere:0"), "sent")


def _send(pools: _Pools, roots: Sequence[object], snapshot: str) -> _Sent:
    directory, root = str(pools.scratch / "target"), str(roots[1])
    target = _start([*PEER, "receive", directory, root])
    port = target.stdout.readline().strip() if target.stdout else ""
    target_start = _cpu(target)
    what = (port, str(pools.nodes[1]), str(pools.dataset), snapshot)
    directory, root = str(pools.scratch / "source"), str(roots[0])
    source = _start([*PEER, "send", directory, root, *what])
    said = source.stdout.read() if source.stdout else ""
    _ = _ended(source)
    target.kill()
    target_cpu = _ended(target) - target_start
    found = re.search(r"arrived after ([0-9.]+) s, ([0-9.]+) s of CPU", said)
    if found is None:
        raise RuntimeError(said)
    return _Sent(float(found[1]), float(found[2]), target_cpu)


def _cpu(process: subprocess.Popen[Any]) -> float:
    """Give the CPU seconds of a program that runs (proc(5), `utime` and `stime`)."""
    stat = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")


def _plain(pools: _Pools, size: int) -> _Sent:
    """Let the programs that ours run talk over a socket pair."""
    del size
    folder = make_btrfs(pools.roots[0]).layout.copy(pools.dataset)
    tree = folder.snapshot(pools.snapshot.name).data
    into = pools.roots[1] / "plain"
    into.mkdir()
    ends = socket.socketpair()
    started = time.monotonic()
    source = subprocess.Popen(["btrfs", "-q", "send", tree], stdout=ends[0])
    target = subprocess.Popen(["btrfs", "-q", "receive", into], stdin=ends[1])
    for end in ends:
        end.close()
    cpu = _ended(source), _ended(target)
    _ = subprocess.run(["sync", "--file-system", into], check=True)
    taken = time.monotonic() - started
    argv = ["btrfs", "-q", "subvolume", "delete", into / "data"]
    _ = subprocess.run(argv, check=True)
    into.rmdir()
    return _Sent(taken, *cpu)


WAYS = {"ours": _ours, "plain": _plain, "without pools": _nowhere}


def _start(argv: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)


def _ended(process: subprocess.Popen[Any]) -> float:
    """Wait for the end; give the seconds of CPU, with those of what it ran."""
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in {0, -signal.SIGKILL}:
        raise RuntimeError(f"{process.args} ended with {process.returncode}")
    if process.stdout:
        process.stdout.close()
    return used.ru_utime + used.ru_stime


def _clone(pools: _Pools) -> float:
    """Clone; give the seconds."""
    source = pools.source
    started = time.monotonic()
    identity = pools.snapshot.identity
    source.clone(DatasetID(uuid4()), pools.dataset, identity, RECORD)
    return time.monotonic() - started
