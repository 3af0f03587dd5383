"""What a stream between agents is made of, piece by piece: CPU seconds a GiB."""

import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import cast

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import GCM
from OpenSSL import SSL
from twisted.protocols.tls import TLSMemoryBIOProtocol

from flocker.ca.contexts import node_context, server_context
from flocker.ca.names import Role
from flocker.ca.services import ServiceCertificates
from flocker.dataset_agent.transfer.checksums import Checksum
from flocker.dataset_agent.transfer.frames import LONGEST_DATA
from flocker.dataset_agent.transfer.secured import INCOMING, RECORD, TURN, Party
from flocker.model.ids import NodeID
from flocker.model.sizes import GIBIBYTE, MEBIBYTE
from flocker.runtime.piping import reading, writing

SIZE = 128 * MEBIBYTE


def a_gibibyte(call: Callable[[], object]) -> float:
    """Give the CPU seconds of this thread that `call` takes, for SIZE, made a GiB's."""
    started = time.thread_time()
    call()
    return (time.thread_time() - started) * GIBIBYTE / SIZE


def checksum() -> float:
    """Count the checksum, as each side does."""
    counted, part = Checksum(), os.urandom(TURN)
    return a_gibibyte(lambda: [counted.add(part) for _ in range(SIZE // TURN)])


def ciphering() -> list[float]:
    """Seal as long records as those of TLS are, and open them: with no copy, or TLS."""
    part, sealed = os.urandom(RECORD), memoryview(bytearray(RECORD))
    cipher = Cipher(AES(os.urandom(32)), GCM(os.urandom(12)))

    def all_through(call: Callable[[bytes, memoryview], int]) -> None:
        for _ in range(SIZE // RECORD):
            _ = call(part, sealed)

    calls = cipher.encryptor().update_into, cipher.decryptor().update_into
    return [a_gibibyte(partial(all_through, call)) for call in calls]


def from_program() -> float:
    """Take what a program writes."""
    program = reading(("head", "-c", str(SIZE), "/dev/zero"))

    def take() -> None:
        while program.read(LONGEST_DATA):
            pass

    try:
        return a_gibibyte(take)
    finally:
        program.close()


def into_program() -> float:
    """Give a program what it reads."""
    program, part = writing(("cat",)), os.urandom(LONGEST_DATA)
    try:
        return a_gibibyte(
            lambda: [program.write(part) for _ in range(SIZE // LONGEST_DATA)]
        )
    finally:
        program.close()


def tls(
    source: ServiceCertificates, target: ServiceCertificates, node: NodeID
) -> list[float]:
    """Make records of data, and data of records, in memory: nothing else is done."""
    party = cast(TLSMemoryBIOProtocol, Party("127.0.0.1", 1))
    ends = (
        node_context(source.authority, source.own, node=node),
        server_context(
            target.authority, target.own, accepts=Role.NODE, refused=lambda _: None
        ),
    )
    out = ends[0].clientConnectionForTLS(party)
    into = ends[1].serverConnectionForTLS(party)
    out.set_connect_state()
    into.set_accept_state()
    _shake_hands(out, into)
    part, came = os.urandom(TURN), memoryview(bytearray(RECORD))
    spent = [0.0, 0.0]
    for _ in range(SIZE // TURN):
        started = time.thread_time()
        left = memoryview(part)
        while left:
            left = left[out.send(left) :]
        records = out.bio_read(2 * TURN)
        between = time.thread_time()
        into.bio_write(records)
        size = 0
        while size < TURN:
            size += into.recv_into(came)
        spent[0] += between - started
        spent[1] += time.thread_time() - between
    return [each * GIBIBYTE / SIZE for each in spent]


def _shake_hands(*ends: SSL.Connection) -> None:
    done: set[SSL.Connection] = set()
    while len(done) < len(ends):
        for end, other in (ends, ends[::-1]):
            with suppress(SSL.WantReadError):
                end.do_handshake()
                done.add(end)
            with suppress(SSL.WantReadError):
                other.bio_write(end.bio_read(TURN))


def loopback() -> list[float]:
    """Put bytes on a connection, and take them from it, with nothing else."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        out = socket.create_connection(listening.getsockname())
        into, _ = listening.accept()
    part, spent = os.urandom(TURN), [0.0, 0.0]

    def put() -> None:
        for _ in range(SIZE // TURN):
            out.sendall(part)

    def take() -> None:
        came, left = bytearray(INCOMING), SIZE
        while left:
            left -= into.recv_into(came)

    def measured(number: int, call: Callable[[], None]) -> None:
        spent[number] = a_gibibyte(call)

    putting = threading.Thread(target=measured, args=(0, put))
    putting.start()
    measured(1, take)
    putting.join()
    out.close()
    into.close()
    return spent
