"""Many dataset agents in one process: real agents, protocol and TLS, storage in memory.

``python -m flocker.testing.simulated_agents --authority DIRECTORY --control HOST:PORT
--agents N`` makes a certificate a node with the authority in DIRECTORY, prints the
nodes as a list in JSON, and serves until it is ended. SIGUSR1 breaks all connections at
once. For tests and benchmarks of a control service with many nodes.
"""

import json
import signal
from datetime import UTC, datetime
from pathlib import Path
from secrets import SystemRandom
from uuid import uuid4

import click
from attrs import define
from twisted.internet.defer import Deferred
from twisted.python.runtime import seconds

from flocker.ca.authority import Authority
from flocker.ca.contexts import client_context
from flocker.ca.credentials import Credential, KeyType
from flocker.ca.handshake import explain
from flocker.convergence.dialling import Control, dial
from flocker.convergence.link import Hearer, Link
from flocker.convergence.session import Session, make_session
from flocker.dataset_agent.agent import DatasetAgent
from flocker.dataset_agent.rig import Backend, Rig
from flocker.model.cluster import AgentIdentity, BackendReport, Role
from flocker.model.datasets import DEFAULT_BACKEND
from flocker.model.ids import Era, InstanceID, NodeID, ProcessID
from flocker.runtime.logging import Destination, start_logging
from flocker.runtime.main import Stop, run_service
from flocker.runtime.reactor import IReactor
from flocker.runtime.settings import run_program, standard_options
from flocker.testing.fakes.memory_block_devices import MemoryBlockDevices
from flocker.testing.fakes.memory_filesystems import MemoryFilesystems
from flocker.testing.simulation.processes import ProcessClock, SimulatedThreads


@define(eq=False)
class SimulatedAgent:
    """One agent; `link` is its connection, the last one if it has none now."""

    node: NodeID
    session: Session
    link: list[Link]

    def drop(self) -> None:
        """Break its connection."""
        for link in self.link:
            link.abort("the test breaks it")


def simulate(
    reactor: IReactor,
    service: MemoryBlockDevices,
    node: tuple[NodeID, Credential, Authority],
    address: tuple[str, int],
) -> SimulatedAgent:
    """Make an agent of a node with storage of a service; it has not begun."""
    own, credential, authority = node
    instance = InstanceID(f"i-{own}")
    clock = ProcessClock(reactor)
    backend = Backend(
        DEFAULT_BACKEND,
        "memory",
        "block",
        service.cloud_node(instance),
        SimulatedThreads(clock),
    )
    kernel = MemoryFilesystems(service)
    rig = Rig(own, {backend.name: backend}, kernel, SimulatedThreads(clock))
    chance = SystemRandom().random
    agent = DatasetAgent(rig, reactor, chance)
    era, process = Era(uuid4()), ProcessID(uuid4())
    report = BackendReport(backend.name, backend.driver, backend.kind, instance)
    host, port = address
    tls = client_context(authority.credential.certificate, credential)
    control = Control((host,), port, tls, lambda error: explain(error, credential))
    link: list[Link] = []

    async def identify(_: str) -> AgentIdentity:
        where = f"host-of-{own}"
        return AgentIdentity(own, Role.DATASET, era, process, where, "2", (report,))

    async def dial_control(turn: int, hearer: Hearer) -> Link:
        link[:] = [
            await dial(reactor, control, turn, hearer, identify, agent.slice_number)
        ]
        return link[0]

    return SimulatedAgent(own, make_session(dial_control, agent, reactor, chance), link)


@click.command()
@click.option("--authority", type=click.Path(path_type=Path), required=True)
@click.option("--control", required=True, metavar="HOST:PORT")
@click.option("--agents", type=click.IntRange(min=1), required=True)
@standard_options
def simulated_agents(
    log: Destination, authority: Path, control: str, agents: int
) -> None:
    """Be many nodes of a cluster."""
    start_logging(log)
    founder = Authority.load(authority)
    host, _, port = control.rpartition(":")
    service = MemoryBlockDevices()

    async def start(reactor: IReactor) -> Stop:
        made = [
            simulate(reactor, service, (node, each, founder), (host, int(port)))
            for node, each in (_certified(founder) for _ in range(agents))
        ]
        click.echo(json.dumps([str(each.node) for each in made]))
        for each in made:
            each.session.start()

        def drop(_number: int, _frame: object) -> None:
            for each in made:
                reactor.callFromThread(each.drop)

        signal.signal(signal.SIGUSR1, drop)

        async def stop() -> None:
            for each in made:
                each.session.stop()
            over: Deferred[None] = Deferred()
            _ = reactor.callLater(0, over.callback, None)
            await over

        return stop

    run_service(start)


def _certified(authority: Authority) -> tuple[NodeID, Credential]:
    node = NodeID(uuid4())
    return node, authority.node(
        node, KeyType.ECDSA, datetime.fromtimestamp(seconds(), UTC)
    )


if __name__ == "__main__":
    run_program(simulated_agents, "simulated-agents")
