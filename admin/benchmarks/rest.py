"""The REST API over TLS, with no dataset and with many, beside a bare klein app."""

import time
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

from attrs import frozen

from admin.benchmarks.content import dataset, node, store
from admin.benchmarks.figures import (
    RATIO,
    Bench,
    Cell,
    Notes,
    Part,
    at_least,
    at_most,
)
from admin.benchmarks.load import Client, Load, request
from admin.benchmarks.nodes import agents
from admin.benchmarks.programs import (
    Running,
    bare_klein,
    certify,
    control,
    control_command,
    free_port,
    reachable,
    started,
)

NODES = 10
CONNECTIONS = (1, 16)
SIZES, QUICK_SIZES = (0, 1_000, 5_000, 10_000, 20_000), (0, 500)
LISTED = 5_000
POSTED_BESIDE = 10_000
RESTARTED = 20_000
ROUNDS = 5
"""Rounds of what is compared take turns, and the least disturbed of each counts."""

CONFIGURED = "/v1/configuration/datasets"
REQUESTS = "requests"
"""The title of the table of all requests."""

WANTED = {
    "GET version, CPU: bare klein / ours": at_least(
        0.6, "the CPU of klein's process a request over that of ours, 16 connections"
    ),
    "GET version, requests a second: ours / bare klein": at_least(
        0.6, "16 connections that ask again as soon as they are answered"
    ),
    "GET configuration of 5,000, CPU": at_most(2.0, "of our process, 1 connection"),
    "GET state of 5,000, CPU": at_most(2.0, "of our process, 1 connection"),
    "GET status of 5,000, CPU": at_most(2.0, "of our process, 1 connection"),
    "POST dataset, a second": at_least(
        1_000, "durable; 16 connections, no dataset at the beginning"
    ),
    "POST dataset, CPU: with 10,000 / with none": at_most(
        1.2, "of our process, 16 connections, rounds take turns"
    ),
    "restart with 20,000 to the first answer": at_most(
        0.9, "from starting the process to the answer to GET version"
    ),
}


@frozen
class _Case:
    """A sort of request: its texts, how many are sent, the status of their answers.

    `lists` names what it lists.
    """

    name: str
    texts: Iterator[bytes]
    times: int
    status: int = 200
    lists: str = ""


def measure(bench: Bench, notes: Notes) -> None:
    """Measure all sizes, then what is compared."""
    certificates = certify(bench.scratch / "certificates")
    for datasets in QUICK_SIZES if bench.quick else SIZES:
        _requests(bench, notes, certificates, datasets)
    _beside_klein(bench, notes, certificates)
    _posting(bench, notes, certificates)
    _restarting(bench, notes, certificates)


PART = Part("rest", "the REST API over TLS, beside a bare klein app", WANTED, measure)


def _requests(bench: Bench, notes: Notes, certificates: Path, datasets: int) -> None:
    """Ask for everything, of one size of a cluster."""
    bench.say(f"REST API with {datasets:,} datasets")
    listed = QUICK_SIZES[-1] if bench.quick else LISTED
    data = store(bench.scratch / f"data-{datasets}", datasets, NODES)
    with control(certificates, data) as service, agents(certificates, service) as nodes:
        _ = nodes.join(NODES, datasets)
        for connections in CONNECTIONS:
            client = Client(certificates, service.rest, connections)
            for case in _cases(client, datasets, quick=bench.quick):
                load, cpu = _driven(service, client, case)
                about: dict[str, Cell] = {
                    "request": case.name,
                    "datasets": datasets,
                    "connections": connections,
                }
                notes.row(REQUESTS, {**about, **_cells(service, load, cpu)})
                if case.lists and datasets == listed and connections == 1:
                    notes.figure(f"GET {case.lists} of 5,000, CPU", cpu, "ms")
            client.close()


def _cases(client: Client, datasets: int, *, quick: bool) -> Iterator[_Case]:
    """Give what is asked; what changes something comes last."""
    small = 50 if quick else 1_000
    large = 5 if quick else 20
    lists = {
        "configuration": CONFIGURED,
        "state": "/v1/state/datasets",
        "status": "/v1/status/datasets",
    }
    yield _Case("GET version", repeated(request("GET", "/v1/version")), small)
    for name, path in lists.items():
        times = large if datasets else small
        text = request("GET", path)
        _ = client.ask(text)
        yield _Case(f"GET {name}", repeated(text), times, lists=name)
    for name in ("configuration", "status"):
        text = request("GET", lists[name], If_None_Match=etag(client, lists[name]))
        yield _Case(f"GET {name}, 304", repeated(text), small, 304)
    if datasets:
        yield _Case("POST move", moves(datasets), small // 2)
    yield _Case("POST dataset", posts(), small // 2, 201)


def etag(client: Client, path: str) -> str:
    """Ask for the mark that a list has now."""
    _ = client.ask(request("GET", path))
    (mark,) = (
        line.partition(": ")[2]
        for line in client.head.splitlines()
        if line.lower().startswith("etag: ")
    )
    return mark


def repeated(text: bytes) -> Iterator[bytes]:
    """Ask the same again and again."""
    while True:
        yield text


def posts() -> Iterator[bytes]:
    """Ask for new datasets, on all nodes."""
    for number in count():
        on = node(1 + number % NODES)
        body = f'{{"primary":"{on}","metadata":{{"name":"x"}}}}'
        yield request("POST", CONFIGURED, body.encode())


def moves(datasets: int) -> Iterator[bytes]:
    """Ask for each dataset in turn to be one node further on."""
    for number in count():
        on = node(1 + (number + 1 + number // datasets) % NODES)
        path = f"{CONFIGURED}/{dataset(number % datasets)}"
        yield request("POST", path, f'{{"primary":"{on}"}}'.encode())


def _driven(service: Running, client: Client, case: _Case) -> tuple[Load, float]:
    """Send a case's requests; give what came of it, and the CPU a request, in ms."""
    before = service.cpu
    load = client.load(islice(case.texts, case.times), case.status)
    return load, (service.cpu - before) / case.times * 1e3


def _cells(service: Running, load: Load, cpu: float) -> dict[str, float]:
    return {
        "req/s": load.rate,
        "p50 ms": load.percentile(50),
        "p99 ms": load.percentile(99),
        "CPU ms": cpu,
        "RSS MiB": service.memory,
    }


def _beside_klein(bench: Bench, notes: Notes, certificates: Path) -> None:
    """Compare GET version, and a long list, with a bare klein app."""
    bench.say("GET version beside a bare klein app")
    size = QUICK_SIZES[-1] if bench.quick else LISTED
    data = store(bench.scratch / "beside", size, NODES)
    with (
        control(certificates, data) as service,
        bare_klein(certificates, size) as klein,
    ):
        both = {"ours": service, "bare klein": klein}
        version = request("GET", "/v1/version"), 100 if bench.quick else 1_000
        rates, cpu = _rounds(certificates, both, *version)
        notes.figure(
            "GET version, CPU: bare klein / ours",
            cpu["bare klein"] / cpu["ours"],
            RATIO,
        )
        notes.figure(
            "GET version, requests a second: ours / bare klein",
            rates["ours"] / rates["bare klein"],
            RATIO,
        )
        for name in both:
            notes.figure(f"GET version, CPU, {name}", cpu[name], "ms")
        _, cpu = _rounds(certificates, both, request("GET", CONFIGURED), 10)
        for name in both:
            notes.figure(f"GET a list of {size:,}, CPU, {name}", cpu[name], "ms")


def _rounds(
    certificates: Path, services: dict[str, Running], text: bytes, times: int
) -> tuple[dict[str, float], dict[str, float]]:
    """Ask services in turn; give the best rate of each, and its least CPU in ms."""
    rates, cpu = dict.fromkeys(services, 0.0), dict.fromkeys(services, float("inf"))
    clients = {n: Client(certificates, s.rest, 16) for n, s in services.items()}
    for _ in range(ROUNDS):
        for name, service in services.items():
            case = _Case(name, repeated(text), times)
            load, used = _driven(service, clients[name], case)
            rates[name] = max(rates[name], load.rate)
            cpu[name] = min(cpu[name], used)
    for client in clients.values():
        client.close()
    return rates, cpu


def _posting(bench: Bench, notes: Notes, certificates: Path) -> None:
    """Compare durable creations with no dataset and with many; no agent is there."""
    many = 500 if bench.quick else POSTED_BESIDE
    times = 50 if bench.quick else 500
    bench.say(f"POST with none and {many:,} datasets")
    none = store(bench.scratch / "none", 0, NODES)
    some = store(bench.scratch / "many", many, NODES)
    with control(certificates, none) as empty, control(certificates, some) as full:
        services = {"none": empty, "many": full}
        cpu = dict.fromkeys(services, float("inf"))
        clients = {n: Client(certificates, s.rest, 16) for n, s in services.items()}
        best = 0.0
        for _ in range(ROUNDS):
            for name, service in services.items():
                case = _Case(name, posts(), times, 201)
                load, used = _driven(service, clients[name], case)
                cpu[name] = min(cpu[name], used)
                best = max(best, load.rate)
    notes.figure("POST dataset, a second", best, "")
    notes.figure("POST dataset, CPU", cpu["none"], "ms")
    notes.figure(
        "POST dataset, CPU: with 10,000 / with none", cpu["many"] / cpu["none"], RATIO
    )


def _restarting(bench: Bench, notes: Notes, certificates: Path) -> None:
    """Time a start with many datasets, from the process to its first answer."""
    many = 500 if bench.quick else RESTARTED
    bench.say(f"restart with {many:,} datasets")
    data = store(bench.scratch / "restarted", many, NODES)
    best = {"seconds": float("inf"), "cpu": float("inf")}
    for _ in range(2 if bench.quick else ROUNDS):
        there = Running(0, free_port(), free_port())
        began = time.monotonic()
        with started(control_command(certificates, data, there)) as process:
            reachable(there.rest, process)
            client = Client(certificates, there.rest, 1)
            _ = client.ask(request("GET", "/v1/version"))
            best["seconds"] = min(best["seconds"], time.monotonic() - began)
            best["cpu"] = min(best["cpu"], Running(process.pid, there.rest).cpu)
            client.close()
    notes.figure("restart with 20,000 to the first answer", best["seconds"], "s")
    notes.figure("restart with 20,000, CPU", best["cpu"], "s")
