"""flocker-dataset-agent: keeps the storage of this node as control wants it."""

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from secrets import SystemRandom
from typing import Final, NoReturn
from uuid import uuid4

from attrs import frozen
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.interfaces import (
    IListeningPort,
    IOpenSSLClientConnectionCreator,
)

from flocker import __version__
from flocker.backends.description import BackendKind
from flocker.backends.registry import build, build_pool, look_up
from flocker.ca.contexts import client_context, node_context, server_context
from flocker.ca.credentials import cluster_id, node_id
from flocker.ca.handshake import explain
from flocker.ca.names import Role as CaRole
from flocker.ca.services import ServiceCertificates, load_service_directory
from flocker.convergence.dialling import Control, dial
from flocker.convergence.link import Hearer, Link
from flocker.convergence.session import make_session
from flocker.daemons.agent_file import read_agent_file
from flocker.daemons.connected import telling
from flocker.dataset_agent.agent import DatasetAgent
from flocker.dataset_agent.filesystems import Filesystems
from flocker.dataset_agent.pool_carrying import Carrier, Door, OverTLS
from flocker.dataset_agent.pool_rig import Pool, PoolRig
from flocker.dataset_agent.rig import MOUNT_ROOT, Backend, Rig
from flocker.dataset_agent.snapshotting import Snapshotting
from flocker.dataset_agent.transfer.accepting import Transfers
from flocker.dataset_agent.transfer.frames import Packing
from flocker.dataset_agent.transfer.pacing import Pace
from flocker.dataset_agent.transfer.receiving import Receiver
from flocker.model.cluster import AgentIdentity, BackendReport, Role
from flocker.model.errors import FlockerError
from flocker.model.ids import (
    BackendName,
    ClusterID,
    Era,
    InstanceID,
    NodeID,
    ProcessID,
)
from flocker.runtime.clock import SteadyClock
from flocker.runtime.era import read_era
from flocker.runtime.logging import message
from flocker.runtime.main import Stop, run_service
from flocker.runtime.mount_points import BadMountPoint
from flocker.runtime.reactor import IReactor
from flocker.runtime.scraping import serve
from flocker.runtime.service_manager import service_manager
from flocker.runtime.start_lock import Held, take
from flocker.runtime.threads import Threads
from flocker.wire.agent_yaml import AgentConfig, BackendConfig

DRIVER_THREADS: Final = 16
KERNEL_THREADS: Final = 8
SENDING_THREADS: Final = 8
"""Datasets whose snapshots are sent at the same time."""
_A_MOMENT: Final = 1.0
INSTANCE_WITHIN: Final = 5.0
"""Seconds that a backend has to name this machine before Hello is said without it."""


@frozen
class AgentRuns(FlockerError):
    """An agent of the same node works on the same mounts."""

    node: NodeID
    held: Held

    def words(self) -> str:
        """Name the node, the process and what to do."""
        return (
            f"a dataset agent of node {self.node} runs here already: {self.held}; stop"
            " it first, or give this one a certificate of its own"
        )


def keep(agent_config: Path) -> NoReturn:
    """Keep the storage of this node until the process is told to end."""

    async def start(reactor: IReactor) -> Stop:
        return await _start(reactor, agent_config)

    run_service(start)


async def _start(reactor: IReactor, file: Path) -> Stop:
    config = read_agent_file(file)
    certificates = load_service_directory(file.parent, "node", now=SteadyClock().now())
    node = node_id(certificates.own)
    lock = _lock(node)
    rig, way = _rig(reactor, node, config, certificates)
    threads = [
        rig.threads,
        *(backend.threads for backend in rig.backends.values()),
        *(pool.threads for pool in rig.pools.values()),
        *([] if way is None else [way.threads]),
    ]
    for each in threads:
        each.start()
    chance = SystemRandom().random
    agent = DatasetAgent(rig, reactor, chance)
    transfers = await _take_visits(reactor, agent, config, certificates, rig)
    dialling = _Dialling(reactor, _control(config, certificates), agent, rig, config)
    scraped = await _metrics(reactor, config)
    manager = service_manager()
    session = make_session(telling(dialling.dial, manager), agent, reactor, chance)
    message(
        "flocker:dataset-agent:started",
        version=__version__,
        node=str(rig.node),
        control=config.hosts,
        backends={str(each.name): each.driver for each in config.backends},
    )
    manager.status("not connected: dialling control")
    agent.serve_known()
    session.start()

    async def stop() -> None:
        dialling.stop()
        session.stop()
        if scraped is not None:
            await maybeDeferred(scraped.stopListening)
        if transfers is not None:
            await transfers.stop()
        _ = await gatherResults(
            [Deferred.fromCoroutine(each.stop()) for each in threads]
        )
        os.close(lock)

    return stop


def _rig(
    reactor: IReactor,
    node: NodeID,
    config: AgentConfig,
    certificates: ServiceCertificates,
) -> tuple[Rig, OverTLS | None]:
    """Make what the agent works with, and the way to others if it has a pool."""
    pools, backends = {}, {}
    for each in config.backends:
        if look_up(each.driver, each.where).kind is BackendKind.POOL:
            pools[each.name] = _pool(reactor, each)
        else:
            cluster = cluster_id(certificates.authority)
            backends[each.name] = _backend(reactor, each, cluster)
    way = _way(reactor, config, certificates) if pools else None
    peers = None
    if way is not None:
        peers = PoolRig(node, MOUNT_ROOT, Carrier(way.dial), _unique)
    rig = Rig(
        node=node,
        backends=backends,
        filesystems=Filesystems(),
        threads=Threads(reactor, "kernel", KERNEL_THREADS),
        pools=pools,
        peers=peers,
    )
    return rig, way


def _unique() -> str:
    """Name a snapshot as nobody else does, here or where it is sent."""
    return uuid4().hex


def _pool(reactor: IReactor, config: BackendConfig) -> Pool:
    return Pool(
        name=config.name,
        driver=config.driver,
        api=build_pool(config.driver, config.keys, config.where),
        threads=Threads(reactor, f"pool-{config.name}", DRIVER_THREADS),
    )


def _way(
    reactor: IReactor, config: AgentConfig, certificates: ServiceCertificates
) -> OverTLS:
    def to_node(node: NodeID) -> IOpenSSLClientConnectionCreator:
        return node_context(certificates.authority, certificates.own, node=node)

    def in_words(error: BaseException) -> str | None:
        return explain(error, certificates.own)

    threads = Threads(reactor, "sending", SENDING_THREADS)
    pace = Pace(config.transfer.rate)
    compress = config.transfer.compress
    packing = None if compress is None else Packing(compress)
    return OverTLS(reactor, threads, to_node, in_words, pace, packing)


async def _take_visits(
    reactor: IReactor,
    agent: DatasetAgent,
    config: AgentConfig,
    certificates: ServiceCertificates,
    rig: Rig,
) -> Transfers | None:
    """Let other nodes bring snapshots, if there is a pool. Raises `BadEndpoint`."""
    if not rig.pools:
        return None

    def refused(sentence: str) -> None:  # called in the thread of a handshake
        event = "flocker:transfer:turned-away"
        reactor.callFromThread(partial(message, event, why=sentence))

    tls = server_context(
        certificates.authority, certificates.own, accepts=CaRole.NODE, refused=refused
    )
    transfers = Transfers(reactor, tls, Receiver(reactor, Door(agent)))
    where = config.transfer
    interface = "" if where.interface is None else f":interface={where.interface}"
    _ = await transfers.listen("agent.yml: transfer", f"tcp:{where.port}{interface}")
    return transfers


def _lock(node: NodeID) -> int:
    """Be the node's only agent here; give the descriptor that holds the lock.

    Note [Where the lock is]: two agents are one too many where they mount below one
    directory, in whichever mount namespaces they are. So that directory has the lock.
    Raises `AgentRuns`, `BadMountPoint`.
    """
    try:
        MOUNT_ROOT.mkdir(mode=0o700, parents=True, exist_ok=True)
        return take(MOUNT_ROOT / f".agent-of-{node}.lock", from_killed=True)
    except Held as held:
        raise AgentRuns(node, held) from held
    except OSError as error:
        raise BadMountPoint(MOUNT_ROOT, error.strerror or str(error)) from error


@frozen
class _Identity:
    """Who this agent is; its address is that of its connection to control."""

    rig: Rig
    snapshotting: Mapping[BackendName, Snapshotting]
    era: Era
    process: ProcessID
    reactor: IReactor
    port: int

    async def at(self, host: str) -> AgentIdentity:
        """Say who it is at `host`."""
        return AgentIdentity(
            node=self.rig.node,
            role=Role.DATASET,
            era=self.era,
            process=self.process,
            host=host,
            version=__version__,
            backends=(
                *await gatherResults(
                    [
                        Deferred.fromCoroutine(
                            _report(backend, self.snapshotting[name], self.reactor)
                        )
                        for name, backend in self.rig.backends.items()
                    ]
                ),
                *(
                    BackendReport(pool.name, pool.driver, pool.kind, port=self.port)
                    for pool in self.rig.pools.values()
                ),
            ),
        )


class _Dialling:
    """The connections to control; each begins with who the agent is, and what it can.

    So one is ended, and another begun, when a backend takes snapshots after all.
    """

    def __init__(
        self,
        reactor: IReactor,
        control: Control,
        agent: DatasetAgent,
        rig: Rig,
        config: AgentConfig,
    ) -> None:
        self._reactor = reactor
        self._control = control
        self._agent = agent
        self._snapshotting = {
            name: Snapshotting(backend, reactor, self._begin_anew)
            for name, backend in rig.backends.items()
        }
        self._identity = _Identity(
            rig,
            self._snapshotting,
            read_era(),
            ProcessID(uuid4()),
            reactor,
            config.transfer.port,
        )
        self._link: Link | None = None

    async def dial(self, turn: int, hearer: Hearer) -> Link:
        """Connect to a control host and say Hello. Raises what `dialling.dial` does."""
        self._link = None
        self._link = await dial(
            self._reactor,
            self._control,
            turn,
            hearer,
            self._identity.at,
            self._agent.slice_number,
        )
        return self._link

    def _begin_anew(self) -> None:
        if self._link is None:  # it is being dialled, and Hello may be said already
            _ = self._reactor.callLater(_A_MOMENT, self._begin_anew)
            return
        self._link.abort("a backend takes snapshots after all, which control is told")

    def stop(self) -> None:
        """Ask backends no more."""
        for each in self._snapshotting.values():
            each.stop()


async def _report(
    backend: Backend, snapshotting: Snapshotting, reactor: IReactor
) -> BackendReport:
    instance = await _instance(backend, reactor)
    return BackendReport(
        backend.name,
        backend.driver,
        backend.kind,
        instance,
        snapshots=await snapshotting.takes_any(),
    )


async def _instance(backend: Backend, reactor: IReactor) -> InstanceID | None:
    """Give this machine's name in the backend, if the backend says it soon."""
    asked = Deferred.fromCoroutine(backend.threads.run(backend.api.compute_instance_id))
    try:
        return await asked.addTimeout(INSTANCE_WITHIN, reactor)
    except Exception as error:  # noqa: BLE001  (drivers raise what they like)
        message(
            "flocker:dataset-agent:no-instance", backend=backend.name, why=str(error)
        )
        return None


async def _metrics(reactor: IReactor, config: AgentConfig) -> IListeningPort | None:
    """Serve the agent's counts, if its file says so. Raises `BadEndpoint`."""
    wanted = config.metrics
    if wanted is None:
        return None
    return await serve(reactor, wanted.interface, wanted.port)


def _backend(reactor: IReactor, config: BackendConfig, cluster: ClusterID) -> Backend:
    description = look_up(config.driver, config.where)
    return Backend(
        name=config.name,
        driver=config.driver,
        kind=description.kind.value,
        api=build(config.driver, config.keys, cluster, config.where, reactor),
        threads=Threads(reactor, f"backend-{config.name}", DRIVER_THREADS),
    )


def _control(config: AgentConfig, certificates: ServiceCertificates) -> Control:
    def refused(sentence: str) -> None:
        message("flocker:dataset-agent:refused", why=sentence)

    def in_words(error: BaseException) -> str | None:
        return explain(error, certificates.own)

    def noticed(sentence: str) -> None:
        message("flocker:dataset-agent:noticed", why=sentence)

    tls = client_context(
        certificates.authority, certificates.own, refused=refused, noticed=noticed
    )
    return Control(config.hosts, config.port, tls, in_words)
