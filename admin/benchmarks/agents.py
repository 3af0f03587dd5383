"""Many agents on one control service: joining, hearing of changes, reporting.

The agents are simulated (`admin.benchmarks.simulated`), the protocol and TLS are real.
"""

from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from uuid import uuid4

from admin.benchmarks.content import node, store
from admin.benchmarks.figures import RATIO, Bench, Cell, Notes, Part, at_most
from admin.benchmarks.load import Client, percentile, request
from admin.benchmarks.nodes import Nodes, Told, agents
from admin.benchmarks.programs import Running, certify, control

AGENTS, QUICK_AGENTS = (10, 100, 1_000), (5, 20)
DATASETS, QUICK_DATASETS = (1_000, 5_000, 20_000), (200,)
JOINING = 100, 5_000
MOST = 1_000, 20_000
REPORTS = 1_000
CONNECTIONS = 64
"""So many who ask at a time: with few, who waits for an answer lets others wait."""
CHANGES = 200
"""Single changes, one after the other."""
RATE = 200.0
"""Changes a second, for `BUSY` seconds."""
BUSY = 5

CONFIGURED = "/v1/configuration/datasets"
TABLE = "clusters"

WANTED = {
    "100 agents join at 5,000 datasets, MB": at_most(
        5.0, "all bytes on the wire, both ways, TLS and handshakes too"
    ),
    "100 agents join at 5,000 datasets, CPU of control": at_most(
        1.0, "from the first dial until each has reported and knows its slice"
    ),
    "POST to the agent, idle, p99": at_most(
        50.0, "from sending the request to the agent's hearing of it; the worst cluster"
    ),
    "POST to the agent, 200 changes a second, p99": at_most(
        200.0, "the same while so many are asked for; the worst cluster"
    ),
    "updates to agents that a change does not touch": at_most(
        0.0, "of all single changes, in all clusters"
    ),
    "memory of control, 1,000 agents and 20,000 datasets": at_most(
        300.0, "resident, at the end of all that is measured"
    ),
}


class _Worst:
    """The worst of what was seen in all clusters."""

    idle = busy = untouched = 0.0


def measure(bench: Bench, notes: Notes) -> None:
    """Measure each size of a cluster on a control service of its own."""
    certificates = certify(bench.scratch / "certificates")
    worst = _Worst()
    for datasets in QUICK_DATASETS if bench.quick else DATASETS:
        for number in QUICK_AGENTS if bench.quick else AGENTS:
            bench.say(f"{number:,} agents, {datasets:,} datasets")
            data = store(bench.scratch / f"{number}-{datasets}", datasets, number)
            with (
                control(certificates, data) as service,
                agents(certificates, service) as nodes,
            ):
                cluster = _Cluster(certificates, service, nodes, number, datasets)
                cluster.measure(notes, worst, quick=bench.quick)
    notes.figure("POST to the agent, idle, p99", worst.idle, "ms")
    notes.figure("POST to the agent, 200 changes a second, p99", worst.busy, "ms")
    notes.figure("updates to agents that a change does not touch", worst.untouched, "")
    _compare(notes)


PART = Part("agents", "many agents on one control service", WANTED, measure)


class _Cluster:
    """A control service, its agents, and what each of both costs."""

    def __init__(
        self,
        certificates: Path,
        service: Running,
        nodes: Nodes,
        agents: int,
        datasets: int,
    ) -> None:
        self._certificates = certificates
        self._service = service
        self._nodes = nodes
        self._agents = agents
        self._datasets = datasets

    def measure(self, notes: Notes, worst: _Worst, *, quick: bool) -> None:
        """Let agents join, change things, let agents report."""
        cells: dict[str, Cell] = {"agents": self._agents, "datasets": self._datasets}
        cells |= self._joined(notes, quick=quick)
        client = Client(self._certificates, self._service.rest, CONNECTIONS)
        cells |= self._changed(client, 40 if quick else CHANGES, worst)
        cells |= self._hurried(client, 1 if quick else BUSY, worst)
        cells |= self._reported(100 if quick else REPORTS)
        client.close()
        cells["RSS MiB"] = self._service.memory
        notes.row(TABLE, cells)
        if (self._agents, self._datasets) == MOST:
            notes.figure(
                "memory of control, 1,000 agents and 20,000 datasets",
                self._service.memory,
                "MiB",
            )

    def _joined(self, notes: Notes, *, quick: bool) -> dict[str, Cell]:
        before = self._service.cpu
        seconds = self._nodes.join(self._agents, self._datasets)
        cpu = self._service.cpu - before
        megabytes = self._nodes.exchanged().both / 1e6
        of_all = QUICK_AGENTS[-1], QUICK_DATASETS[-1]
        if (self._agents, self._datasets) == (of_all if quick else JOINING):
            joining = "100 agents join at 5,000 datasets"
            notes.figure(f"{joining}, MB", megabytes, "MB")
            notes.figure(f"{joining}, CPU of control", cpu, "s")
        return {"join s": seconds, "join CPU s": cpu, "join MB": megabytes}

    def _changed(self, client: Client, times: int, worst: _Worst) -> dict[str, Cell]:
        """Create datasets one after the other, each when all is quiet again."""
        _ = self._nodes.settled(())
        _ = self._nodes.exchanged()
        cpu = self._service.cpu
        sent: dict[str, tuple[int, float]] = {}
        told: list[Told] = []
        for name, on, text in islice(creations(self._agents), times):
            client.ask(text, 201)
            sent[name] = on, client.sent_at
            told += self._nodes.settled([name])
        cpu = self._service.cpu - cpu
        both = self._nodes.exchanged().both
        latencies = heard(sent, told)
        untouched = sum(
            each.node != node(sent[d][0]) for each in told for d in each.datasets
        )
        worst.untouched += untouched
        worst.idle = max(worst.idle, percentile(latencies, 99) * 1e3)
        return {
            "POST-told p50 ms": percentile(latencies, 50) * 1e3,
            "p99 ms": percentile(latencies, 99) * 1e3,
            "change CPU ms": cpu / times * 1e3,
            "change bytes": both // times,
        }

    def _hurried(self, client: Client, seconds: int, worst: _Worst) -> dict[str, Cell]:
        """Create many a second; agents do and report what they are told meanwhile."""
        times = int(RATE * seconds)
        made = list(islice(creations(self._agents), times))
        cpu = self._service.cpu
        load = client.load((text for _, _, text in made), 201, RATE)
        told = self._nodes.settled(name for name, _, _ in made)
        sent = {
            name: (on, load.began + turn / RATE)
            for turn, (name, on, _) in enumerate(made)
        }
        latencies = heard(sent, told)
        worst.busy = max(worst.busy, percentile(latencies, 99) * 1e3)
        return {
            "at 200/s p50 ms": percentile(latencies, 50) * 1e3,
            "at 200/s p99 ms": percentile(latencies, 99) * 1e3,
            "at 200/s CPU ms": (self._service.cpu - cpu) / times * 1e3,
        }

    def _reported(self, times: int) -> dict[str, Cell]:
        """Let agents report other facts."""
        _ = self._nodes.exchanged()
        cpu = self._service.cpu
        _ = self._nodes.report(times)
        cpu = self._service.cpu - cpu
        both = self._nodes.exchanged().both
        return {"report CPU ms": cpu / times * 1e3, "report bytes": both // times}


def creations(agents: int) -> Iterator[tuple[str, int, bytes]]:
    """Ask for new datasets on all nodes in turn: name, number of the node, request."""
    for number in count():
        name, on = str(uuid4()), 1 + number % agents
        body = f'{{"primary":"{node(on)}","dataset_id":"{name}"}}'
        yield name, on, request("POST", CONFIGURED, body.encode())


def heard(sent: dict[str, tuple[int, float]], told: list[Told]) -> tuple[float, ...]:
    """Give the seconds after which each dataset's agent first heard of it, in order."""
    first: dict[str, float] = {}
    for each in told:
        for name in each.datasets:
            if name in sent and each.node == node(sent[name][0]):
                first.setdefault(name, each.at)
    if lost := sent.keys() - first.keys():
        raise SystemExit(f"{len(lost)} changes did not reach their agents")
    return tuple(sorted(first[name] - at for name, (_, at) in sent.items()))


def _compare(notes: Notes) -> None:
    """Set the largest cluster beside the smallest."""
    few, many = notes.tables[TABLE][0], notes.tables[TABLE][-1]
    for name in ("change CPU ms", "change bytes", "report CPU ms"):
        ratio = float(many[name]) / float(few[name])
        notes.figure(f"{name.removesuffix(' ms')}, largest / smallest", ratio, RATIO)
