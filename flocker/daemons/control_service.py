"""flocker-control: the REST port, the agents' port, and the store between them."""

from typing import NoReturn, cast
from uuid import uuid4

from twisted.internet.defer import DeferredList, maybeDeferred
from twisted.internet.interfaces import (
    IListeningPort,
    IOpenSSLServerConnectionCreator,
    IReactorTime,
    ITransport,
)
from twisted.internet.task import Cooperator, LoopingCall

from flocker import __version__
from flocker.ca.contexts import Secured, peer_identity, server_context
from flocker.ca.names import Role
from flocker.ca.services import ServiceCertificates, load_service_directory
from flocker.control.agent_protocol import AgentFactory
from flocker.control.agents import Agents
from flocker.control.events import Events
from flocker.control.observations import Observations
from flocker.control.operations import Operations, Timing
from flocker.control.persistence.opening import open_store
from flocker.control.persistence.sqlite import SQLiteStore
from flocker.daemons.control_options import Options
from flocker.model.ids import NodeID
from flocker.restapi.app import World, app_resource, site
from flocker.runtime import logging
from flocker.runtime.clock import SteadyClock
from flocker.runtime.descriptors import Watch
from flocker.runtime.garbage import look_seldom, made_to_last
from flocker.runtime.listening import listen
from flocker.runtime.main import Stop, run_service
from flocker.runtime.reactor import IReactor
from flocker.runtime.service_manager import service_manager

FILES_EVERY = 1.0
"""Seconds between two looks at how many files are open."""

COMPLETE_AFTER = 5.0
"""Seconds until what was not wanted at the start is made: agents come before."""

STATUS_EVERY = 5.0
"""Seconds between two looks at what `systemctl status` is told."""


def serve(options: Options) -> NoReturn:
    """Serve until the process is told to end."""

    async def start(reactor: IReactor) -> Stop:
        return await _start(reactor, options)

    run_service(start)


async def _start(reactor: IReactor, options: Options) -> Stop:
    certificates = load_service_directory(
        options.certificates_directory, "control-service", now=SteadyClock().now()
    )
    store = open_store(options.data_path, reactor)
    try:
        operations, ports = await _serve(reactor, options, certificates, store)
    except BaseException:
        await store.close()
        raise

    async def stop() -> None:
        await DeferredList([maybeDeferred(port.stopListening) for port in ports])
        operations.stop()
        await store.close()

    return stop


async def _serve(
    reactor: IReactor,
    options: Options,
    certificates: ServiceCertificates,
    store: SQLiteStore,
) -> tuple[Operations, tuple[IListeningPort, ...]]:
    clock = SteadyClock()
    observations = Observations()
    boot = uuid4()
    look_seldom()
    with made_to_last():
        operations = Operations(
            store,
            await store.load(),
            observations,
            reactor,
            Timing(clock.seconds, options.remember_destroyed),
        )
        agents = Agents(operations, boot, clock)
        events = Events(operations, boot, clock.seconds)
    rest = app_resource(
        operations,
        events,
        World(reactor, clock.seconds),
        store_id=store.store_id,
        agents=agents,
        version=__version__,
    )
    rest_port = await listen(
        reactor,
        "--port",
        options.port,
        _tls(certificates, Role.USER, "the REST port"),
        site(rest, reactor),
    )
    agent_port = await listen(
        reactor,
        "--agent-port",
        options.agent_port,
        _tls(certificates, Role.NODE, "the agents' port"),
        AgentFactory(agents, observations, _node_of, reactor, __version__),
    )
    logging.message(
        "flocker:control:started",
        version=__version__,
        rest=str(rest_port.getHost()),
        agents=str(agent_port.getHost()),
        datasets=len(operations.configuration.datasets),
        revision=operations.configuration.revision,
    )
    _tell(reactor, operations)
    _ = reactor.callLater(COMPLETE_AFTER, _complete, reactor, events)
    watching = LoopingCall(Watch().look)
    watching.clock = reactor
    _ = watching.start(FILES_EVERY)
    return operations, (rest_port, agent_port)


def _complete(clock: IReactorTime, events: Events) -> None:
    """Do so little at a time that nobody waits for it."""
    turns = Cooperator(scheduler=lambda turn: clock.callLater(0, turn))
    _ = turns.coiterate(events.complete())


def _tell(clock: IReactorTime, operations: Operations) -> None:
    """Say in `systemctl status` what is served, while `clock` runs."""
    manager = service_manager()
    if manager.address is None:
        return

    def tell() -> None:
        nodes = operations.observations.nodes.values()
        connected = sum(node.connected for node in nodes)
        datasets = len(operations.configuration.datasets)
        manager.status(f"serving; nodes connected: {connected}, datasets: {datasets}")

    telling = LoopingCall(tell)
    telling.clock = clock
    _ = telling.start(STATUS_EVERY)


def _tls(
    certificates: ServiceCertificates, accepts: Role, where: str
) -> IOpenSSLServerConnectionCreator:
    def refused(sentence: str) -> None:
        logging.message("flocker:control:refused", where=where, why=sentence)

    def noticed(sentence: str) -> None:
        logging.message("flocker:control:noticed", where=where, why=sentence)

    return server_context(
        certificates.authority,
        certificates.own,
        accepts=accepts,
        refused=refused,
        noticed=noticed,
    )


def _node_of(transport: ITransport) -> NodeID:
    return peer_identity(cast(Secured, transport)).node
