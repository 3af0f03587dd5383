"""The examination that `flockerctl doctor` makes, part by part, from this machine.

A part that cannot be looked at says so and does not keep the others from being looked
at. What is seen is judged in `flocker.cli.findings`.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from attrs import evolve, frozen

from flocker import __version__
from flocker.ca.checking import common_name_of
from flocker.ca.credentials import node_id
from flocker.ca.names import CLUSTER
from flocker.ca.services import ServiceCertificates, load_service_directory
from flocker.ca.verifying import AGENT_YML, Doubtful, Fit, Unfit, verify_directory
from flocker.cli.connecting import Destination, load_certificates
from flocker.cli.findings import (
    Finding,
    bad,
    doubtful,
    good,
    judge_clock,
    judge_datasets,
    judge_health,
    judge_name,
    judge_nodes,
    judge_version,
    judge_volumes,
)
from flocker.cli.instruments import Instruments
from flocker.client.interface import (
    Greeting,
    IFlockerClient,
    NotFlocker,
    RequestRefused,
    TLSRefused,
    Unreachable,
)
from flocker.client.routes import Address
from flocker.model.errors import FlockerError
from flocker.wire.agent_yaml import AGENT_PORT, AgentConfig, BadAgentFile, parse
from flocker.wire.answers import NodeAnswer

NODE = "node"
PLUGIN = "plugin"
"""Names of certificates in a node's directory."""
_NOT_FOUND = 404

Examined = list[Finding]


@frozen
class Patient:
    """What is examined: where control is, and whose files are looked at."""

    destination: Destination
    agents_port: int | None = None


async def examine(patient: Patient, tools: Instruments) -> Examined:
    """Look at everything, in the order in which things depend on each other."""
    destination = patient.destination
    working: list[tuple[Address, Greeting]] = []
    found = list(examine_files(destination, tools.now()))
    node = _node(destination.directory, tools.now())
    own = _own(destination, tools.now())
    if isinstance(own, FlockerError):
        found.append(_unarmed(own, node))
    else:
        for address in destination.addresses:
            greeting = await _examine_rest(address, own, tools, found)
            if greeting is not None:
                working.append((address, greeting))
    shown = node or (None if isinstance(own, FlockerError) else own)
    if shown is not None:
        for address in _agents_addresses(patient):
            await _examine_agents_port(address, shown, tools, found)
    if working and not isinstance(own, FlockerError):
        address, greeting = working[0]
        cluster = _Cluster(tools.client(address, own), greeting.version)
        found.extend(await cluster.examine())
        if node is not None:
            found.extend(_examine_node(node, cluster.nodes, tools))
    return found


def examine_files(destination: Destination, now: datetime) -> Iterator[Finding]:
    """Look at the certificates, keys and agent.yml in the directory."""
    if destination.authority.name != f"{CLUSTER}.crt":
        return
    try:
        for each in verify_directory(destination.directory, now):
            match each:
                case Fit(path, certificate):
                    left = certificate.not_valid_after_utc.date()
                    name = common_name_of(certificate.subject)
                    yield good("files", f"{path.name} is {name}'s, until {left}")
                case Doubtful():
                    yield doubtful("files", str(each))
                case Unfit():
                    yield bad("files", str(each))
    except FlockerError as error:
        yield bad("files", str(error), "copy cluster.crt and a user's pair there")
        return
    config = _agent_config(destination.directory)
    if config is not None:
        backends = ", ".join(f"{each.name} ({each.driver})" for each in config.backends)
        yield good("files", f"{AGENT_YML} is in order; backends: {backends}")


async def _examine_rest(
    address: Address, own: ServiceCertificates, tools: Instruments, found: Examined
) -> Greeting | None:
    try:
        certificate = await tools.probe(address, own)
        before = tools.now()
        greeting = await tools.client(address, own).greet()
        after = tools.now()
    except (Unreachable, TLSRefused, NotFlocker, RequestRefused) as error:
        found.append(bad("control", str(error), _cure(error)))
        return None
    half = timedelta(seconds=(after - before).total_seconds() / 2)
    found.append(judge_version(greeting, __version__))
    found.append(judge_name(address, certificate))
    found.append(judge_clock(greeting.time, before + half))
    return greeting


async def _examine_agents_port(
    address: Address, own: ServiceCertificates, tools: Instruments, found: Examined
) -> None:
    try:
        _ = await tools.probe(address, own)
    except (Unreachable, TLSRefused) as error:
        found.append(bad("agents' port", str(error), _cure(error)))
    else:
        found.append(good("agents' port", f"{address} shows control's certificate"))


class _Cluster:
    """Asks a control service that answers, part by part."""

    def __init__(self, client: IFlockerClient, version: str) -> None:
        self._client = client
        self._version = version
        self.nodes: Sequence[NodeAnswer] = ()

    async def examine(self) -> Examined:
        """Look at all parts; one that an older server does not have is left out."""
        found: Examined = []
        for about, part in (
            ("health", self._health),
            ("agents", self._agents),
            ("backends", self._volumes),
            ("datasets", self._datasets),
        ):
            found.extend(await self._part(about, part))
        return found

    async def _part(
        self, about: str, part: Callable[[], Awaitable[Iterator[Finding]]]
    ) -> Examined:
        try:
            return list(await part())
        except RequestRefused as error:
            if error.status == _NOT_FOUND:
                return []
            return [bad(about, str(error), "look at the control service's log")]
        except FlockerError as error:
            return [bad(about, str(error), _cure(error))]

    async def _health(self) -> Iterator[Finding]:
        return judge_health(await self._client.health())

    async def _agents(self) -> Iterator[Finding]:
        self.nodes = await self._client.nodes()
        return judge_nodes(self.nodes, self._version)

    async def _volumes(self) -> Iterator[Finding]:
        return judge_volumes(await self._client.volumes())

    async def _datasets(self) -> Iterator[Finding]:
        return judge_datasets(await self._client.datasets())


def _examine_node(
    own: ServiceCertificates, nodes: Sequence[NodeAnswer], tools: Instruments
) -> Iterator[Finding]:
    """Look whether the agent that has this machine's certificate is on this machine."""
    this = node_id(own.own)
    seen = next((each for each in nodes if each.uuid == this), None)
    if seen is None or not seen.connected:
        yield bad(
            "this node",
            f"control has no connection from this node ({this})",
            "systemctl status flocker-dataset-agent; its log says why",
        )
        return
    try:
        era = tools.era()
    except FlockerError as error:
        yield doubtful("this node", str(error))
        return
    if str(era) == seen.era:
        yield good("this node", f"its agent ({this}) is connected from {seen.host}")
        return
    yield bad(
        "this node",
        f"the agent connected as {this} runs on another machine, at {seen.host}: its "
        "boot id is not ours",
        "give each machine a certificate of its own",
    )


def _own(destination: Destination, now: datetime) -> ServiceCertificates | FlockerError:
    """Give the user's certificates, or the Docker plugin's where a node has those."""
    try:
        return load_certificates(destination, now)
    except FlockerError as error:
        complaint = error
    try:
        return load_certificates(evolve(destination, user=PLUGIN), now)
    except FlockerError:
        return complaint


def _unarmed(why: FlockerError, node: ServiceCertificates | None) -> Finding:
    """Say that we cannot ask the cluster; on a node that is nothing unusual."""
    advice = "flocker-ca create-api-certificate makes a user's; --user says whose"
    if node is None:
        return bad("files", str(why), advice)
    return doubtful("files", f"without a user's pair nothing is asked: {why}", advice)


def _node(directory: Path, now: datetime) -> ServiceCertificates | None:
    """Give the node's pair, if this is a node's directory and it can serve."""
    if not (directory / AGENT_YML).exists():
        return None
    try:
        return load_service_directory(directory, NODE, now=now)
    except FlockerError:
        return None  # `examine_files` has said why


def _agents_addresses(patient: Patient) -> Sequence[Address]:
    """Give where agents go: as agent.yml says, or to the hosts that serve us."""
    destination = patient.destination
    config = _agent_config(destination.directory)
    hosts, port = tuple(each.host for each in destination.addresses), AGENT_PORT
    if config is not None:
        hosts, port = config.hosts, config.port
    port = patient.agents_port or port
    return [Address(host, port) for host in dict.fromkeys(hosts)]


def _agent_config(directory: Path) -> AgentConfig | None:
    path = directory / AGENT_YML
    try:
        return parse(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError, BadAgentFile):
        return None  # there is none, or `examine_files` has said what is wrong


def _cure(error: FlockerError) -> str | None:
    match error:
        case TLSRefused():
            return "compare both sides' certificates: flocker-ca verify, on both"
        case Unreachable():
            return (
                "look whether flocker-control runs there, and whether a firewall is in "
                "between"
            )
        case NotFlocker():
            return "look what listens at that port"
        case _:
            return None
