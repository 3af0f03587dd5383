"""What comes over a connection that was replaced is void: a real service, real TLS.

An agent of this test speaks AMP byte by byte, so that it can say what an agent would
not: words on a connection that it has given up.
"""

import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from uuid import uuid4

import pytest
from attrs import evolve

from flocker.model.cluster import AgentIdentity, Condition, Role
from flocker.model.ids import DatasetID, Era, ProcessID
from flocker.testing.builders import a_fact
from flocker.testing.certificates import NODE_ID, a_cluster
from flocker.wire.json_codec import encode
from flocker.wire.protocol import PROTOCOL, AgedFact, Report
from tests.functional.control_service import Control, furnish, running, secured, until

ROUNDS = 4
DATASET = DatasetID(uuid4())


def a_report(condition: Condition) -> Report:
    """All that the agent says: one dataset, in this condition."""
    fact = evolve(a_fact(1, condition), dataset=DATASET)
    return Report(full=True, changed=(AgedFact(fact, 0.0),))


MOUNTED, GONE = a_report(Condition.MOUNTED), a_report(Condition.DETACHED)


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Control]:
    """A service that wants one dataset on the node."""
    place = tmp_path_factory.mktemp("old")
    certificates = furnish(place / "flocker", a_cluster())
    with running(place / "data", certificates) as service:
        wanted = {"primary": str(NODE_ID), "dataset_id": str(DATASET)}
        answer = service.ask("POST", "/v1/configuration/datasets", wanted)
        assert answer.code == 201
        yield service


def box(**fields: object) -> bytes:
    """One AMP box."""
    made = b""
    for key, value in fields.items():
        data = value if isinstance(value, bytes) else str(value).encode()
        for part in (key.encode(), data):
            made += len(part).to_bytes(2, "big") + part
    return made + b"\0\0"


def report(number: int, what: Report) -> bytes:
    """A report, as it stands on the wire."""
    return box(
        _command="ReportFacts",
        _ask=f"r{number}",
        part=1,
        parts=1,
        payload=encode(what),
        task="",
    )


class Talker:
    """A connection to the agents' port, and what was heard on it."""

    def __init__(self, control: Control, identity: AgentIdentity) -> None:
        self._connection: ssl.SSLSocket = secured(control, "agents", "node")
        self._heard = b""
        self.say(
            box(
                _command="Hello",
                _ask="hello",
                protocol=PROTOCOL,
                identity=encode(identity),
                boot="",
                number=0,
            )
        )
        self.await_answer("hello")

    def say(self, data: bytes) -> None:
        """Write."""
        self._connection.sendall(data)

    def await_answer(self, asked: str) -> None:
        """Read until a question is answered."""
        while box(_answer=asked)[:-2] not in self._heard:
            received = self._connection.recv(65536)
            assert received, "the connection is closed"
            self._heard += received

    def babble(self) -> None:
        """Say that the dataset is mounted until nobody takes it any more."""
        number = 0
        with suppress(OSError):
            while True:
                number += 1
                self.say(report(number, MOUNTED))

    def close(self) -> None:
        """End it."""
        self._connection.close()


def an_identity(process: ProcessID) -> AgentIdentity:
    """One agent; its connections are of one process."""
    era = Era(NODE_ID)
    return AgentIdentity(NODE_ID, Role.DATASET, era, process, "127.0.0.1", "2")


def phase(control: Control) -> str:
    """What control says of the dataset."""
    answer = control.ask("GET", f"/v1/status/datasets/{DATASET}")
    return str(answer.body["phase"])


def test_words_of_an_old_connection(control: Control) -> None:
    """Once a newer connection was accepted, nothing of the older one is believed."""
    process = ProcessID(uuid4())
    for _ in range(ROUNDS):
        old = Talker(control, an_identity(process))
        old.say(report(0, MOUNTED))
        old.await_answer("r0")
        until(lambda: phase(control) == "mounted", "the old one believed")
        babbling = threading.Thread(target=old.babble)
        babbling.start()
        new = Talker(control, an_identity(process))
        new.say(report(0, GONE))
        new.await_answer("r0")
        assert phase(control) != "mounted"
        babbling.join()
        assert phase(control) != "mounted"
        old.close()
        new.close()
    text = control.log.read_text()
    for fault in ("Traceback (most", '"twisted:log"', ":fault"):
        assert fault not in text


def test_nodes_status_is_of_the_new(control: Control) -> None:
    """The node counts as connected for as long as the newer connection is."""
    process = ProcessID(uuid4())
    old = Talker(control, an_identity(process))
    new = Talker(control, an_identity(process))
    old.close()
    found = control.ask("GET", f"/v1/status/nodes/{NODE_ID}").body
    assert (found["connected"], found["refused"]) == (True, None)
    new.close()

    def gone() -> bool:
        found = control.ask("GET", f"/v1/status/nodes/{NODE_ID}").body
        return not found["connected"]

    until(gone, "its end is noticed")
