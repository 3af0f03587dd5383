"""What flockerctl doctor has found, and how it judges what it sees; pure."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from enum import Enum

from attrs import frozen
from cryptography import x509

from flocker.ca.checking import wrong_server_name
from flocker.cli.explaining import duration
from flocker.cli.tables import OK as WELL
from flocker.client.interface import Greeting
from flocker.client.routes import Address
from flocker.model.cluster import Phase
from flocker.wire.answers import DatasetAnswer, NodeAnswer, VolumesAnswer

CLOCK_WARN = 5.0
CLOCK_FAIL = 300.0
"""Seconds by which clocks may differ before it is worth a word, or is wrong."""
PATIENCE = 60.0
"""Seconds for which a dataset may be on its way before it is worth a word."""

_BACKEND_CODES = frozenset({"backend-failed", "no-such-backend"})
_AT_REST = frozenset({Phase.MOUNTED.value, Phase.DESTROYED.value})
_NOT_IN_USE = "not-in-use"
_AGENTS = "agents"


class Level(Enum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"


@frozen
class Finding:
    """One thing that was looked at; `advice` is what to do, if something is."""

    level: Level
    about: str
    words: str
    advice: str | None = None


def good(about: str, words: str) -> Finding:
    """All is well there."""
    return Finding(Level.OK, about, words)


def doubtful(about: str, words: str, advice: str | None = None) -> Finding:
    """It works, and should be looked at."""
    return Finding(Level.WARN, about, words, advice)


def bad(about: str, words: str, advice: str | None = None) -> Finding:
    """It does not work."""
    return Finding(Level.FAIL, about, words, advice)


def judge_version(greeting: Greeting, ours: str) -> Finding:
    """Compare control's version with this client's."""
    said = f"{greeting.where} answers: Flocker {greeting.version}"
    if greeting.version == ours:
        return good("control", said)
    return doubtful(
        "control",
        f"{said}; this client is {ours}",
        "use a flockerctl of the same version",
    )


def judge_clock(server: datetime | None, ours: datetime) -> Finding:
    """Compare control's clock, which tells whole seconds, with ours."""
    if server is None:
        return doubtful("clock", "the control service did not tell its time")
    offset = (server - ours).total_seconds()
    ahead = "ahead of" if offset > 0 else "behind"
    if abs(offset) < CLOCK_WARN:
        return good("clock", "the control service's clock agrees with ours")
    words = f"the control service's clock is {duration(abs(offset))} {ahead} ours"
    advice = "set both by NTP: certificates are refused by a clock that is wrong"
    if abs(offset) < CLOCK_FAIL:
        return doubtful("clock", words, advice)
    return bad("clock", words, advice)


def judge_name(address: Address, certificate: x509.Certificate) -> Finding:
    """Look whether control's certificate names the address by which we came."""
    wrong = wrong_server_name(certificate, address.host)
    if wrong is None:
        return good("names", f"the control certificate is good for {address.host}")
    return doubtful(
        "names",
        f"control's certificate at {address}: {wrong}. Flocker's own programs do not "
        "mind; curl, browsers and other clients refuse it",
        f"make one with it: flocker-ca create-control-certificate {address.host} ...",
    )


def judge_health(parts: Mapping[str, str]) -> Iterator[Finding]:
    """Say what control says of its parts, but of agents: they are judged one by one."""
    for part, state in parts.items():
        if part == _AGENTS:
            continue
        if state == WELL:
            yield good("health", f"{part}: {state}")
        else:
            yield bad("health", f"{part}: {state}", "look at the control service's log")


def judge_nodes(nodes: Iterable[NodeAnswer], version: str) -> Iterator[Finding]:
    """Look whether agents are connected, and of control's version."""
    listed = sorted(nodes, key=lambda node: node.host)
    if not listed:
        yield doubtful(
            "agents", "no agent has connected", "start flocker-dataset-agent on nodes"
        )
    for node in listed:
        yield from _judge_node(node, version)


def _judge_node(node: NodeAnswer, version: str) -> Iterator[Finding]:
    called = f"node {node.uuid} ({node.host})"
    if not node.connected:
        yield bad(
            "agents",
            f"{called} is silent for {duration(node.seconds)}",
            "look whether it is up and flocker-dataset-agent runs there; its log says "
            "why it does not connect",
        )
    elif node.version != version:
        yield doubtful(
            "agents",
            f"{called} is connected with version {node.version}, control is {version}",
            "upgrade the older one",
        )
    else:
        yield good("agents", f"{called} is connected, version {node.version}")
    if node.refused is not None:
        yield bad(
            "agents",
            f"an agent of {called} is refused: {node.refused}",
            "flocker-ca create-node-certificate makes one for one more machine",
        )
    for backend in node.backends:
        if backend.instance is None:
            yield doubtful(
                "backends",
                f"backend {backend.name} ({backend.driver}) does not know the machine "
                f"of {called}",
                "look at the agent's log there for flocker:dataset-agent:no-instance",
            )


def judge_datasets(datasets: Iterable[DatasetAnswer]) -> Iterator[Finding]:
    """Name the datasets that are not as they should be, and why."""
    listed = sorted(datasets, key=lambda each: (each.name or "", str(each.dataset_id)))
    troubles = [found for each in listed for found in _judge_dataset(each)]
    yield from troubles
    rest = len(listed) - len(troubles)
    if not troubles:
        yield good("datasets", f"{rest} as they should be, none in trouble")


def _judge_dataset(dataset: DatasetAnswer) -> Iterator[Finding]:
    cause = dataset.cause
    if cause is None and (dataset.phase in _AT_REST or dataset.seconds < PATIENCE):
        return
    if cause is not None and cause.code == _NOT_IN_USE:
        return
    because = "" if cause is None else f": {cause.words}"
    words = f"{_called(dataset)} is {dataset.phase}{because}"
    why = f"flockerctl why {dataset.dataset_id}"
    advice = why if cause is None or cause.release is None else cause.release
    of_backend = cause is not None and cause.code in _BACKEND_CODES
    if of_backend or dataset.phase == Phase.FAILED.value:
        yield bad("backends" if of_backend else "datasets", words, advice)
    elif dataset.phase == Phase.MOUNTED.value or dataset.seconds >= PATIENCE:
        yield doubtful("datasets", words, advice)


def _called(dataset: DatasetAnswer) -> str:
    name = f" ({dataset.name})" if dataset.name else ""
    return f"dataset {dataset.dataset_id}{name}"


def judge_volumes(found: VolumesAnswer) -> Iterator[Finding]:
    """Look whether backends answer, and what of theirs no dataset is."""
    for each in found.unanswered:
        yield bad(
            "backends",
            f"backend {each.backend} does not answer: {each.why}",
            "look at the storage service, and at the agents' logs",
        )
    if not found.unanswered:
        yield good("backends", "all backends answer")
    if found.volumes:
        yield doubtful(
            "backends",
            f"{len(found.volumes)} volumes are no dataset's",
            "flockerctl volumes tells why; nothing is done to them",
        )
