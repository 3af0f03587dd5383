"""agent.yml, as spec/cli-and-config.md §4 has it, with errors that name file and key.

Pure: the caller reads the file. Unknown keys at the top level and in
`control-service` are ignored, as they always were.
"""

import re
from collections.abc import Mapping
from ipaddress import IPv4Address
from typing import Final, TypeVar

import yaml
from attrs import fields, frozen

from flocker.model.datasets import DEFAULT_BACKEND
from flocker.model.errors import FlockerError
from flocker.model.ids import BackendName
from flocker.model.sizes import DEFAULT_SIZE, GIBIBYTE, parse_size

AGENT_PORT: Final = 4524
TRANSFER_PORT: Final = 4525

_HOST = re.compile(
    r"(?=.{1,253}\.?$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
    r"(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\.?",
    re.IGNORECASE,
)
_BACKEND_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}", re.IGNORECASE)

# PyYAML lets through what its makers of dates, numbers and the like raise: a month 13
# is a ValueError, `!!bool x` a KeyError, and so on.
_FAULTS: Final = (
    yaml.YAMLError,
    ValueError,
    LookupError,
    AttributeError,
    TypeError,
    OverflowError,
    RecursionError,
)


@frozen
class BadAgentFile(FlockerError):
    """agent.yml says something that it must not, or leaves something out."""

    file: str
    key: str
    why: str

    def words(self) -> str:
        """Name the file, the key and the fault."""
        return f"{self.file}: {self.key + ': ' if self.key else ''}{self.why}"


@frozen
class BackendConfig:
    """One backend of the node: its driver and the driver's own keys.

    `where` leads to it, for errors; `keys` may hold secrets and are never logged.
    """

    name: BackendName
    driver: str
    keys: Mapping[str, object]
    where: str


@frozen
class MetricsConfig:
    """Where the agent's counts can be read."""

    port: int
    interface: str = "127.0.0.1"


@frozen
class DockerConfig:
    """How volumes of the Docker plugin are made, unless it is told; sizes in bytes.

    `on_remove` is what ``docker volume rm`` does with the data: ``keep`` or ``delete``.
    """

    size: int = DEFAULT_SIZE
    anonymous_size: int = GIBIBYTE
    on_remove: str = "keep"


@frozen
class TransferConfig:
    """Where the agents of other nodes bring snapshots, and how fast we send ours.

    `rate` is in bytes a second, None for as fast as it goes; `compress` names how data
    is packed on its way, None for not at all.
    """

    port: int = TRANSFER_PORT
    interface: str | None = None
    rate: int | None = None
    compress: str | None = None


@frozen
class AgentConfig:
    """What an agent is told by its file; `hosts` are control's, in order of trying."""

    hosts: tuple[str, ...]
    port: int
    backends: tuple[BackendConfig, ...]
    logging: Mapping[str, object] | None = None
    metrics: MetricsConfig | None = None
    docker: DockerConfig = DockerConfig()
    transfer: TransferConfig = TransferConfig()


def parse(text: str, file: str) -> AgentConfig:
    """Read the text of agent.yml. Raises `BadAgentFile`."""
    try:
        root = yaml.safe_load(text)
    except _FAULTS as error:
        raise BadAgentFile(file, "", f"it is not YAML: {_one_line(error)}") from error
    top = _mapping(root, file, "")
    version = _required(top, "version", file, "")
    if version != 1 or isinstance(version, bool):
        raise BadAgentFile(file, "version", f"must be 1, not {version!r}")
    control = _mapping(
        _required(top, "control-service", file, ""), file, "control-service"
    )
    logging = top.get("logging")
    return AgentConfig(
        hosts=_hosts(control, file),
        port=_port(control.get("port", AGENT_PORT), file, "control-service.port"),
        backends=_backends(top, file),
        logging=None if logging is None else _mapping(logging, file, "logging"),
        metrics=_metrics(top, file),
        docker=_docker(top, file),
        transfer=_transfer(top, file),
    )


def _hosts(control: Mapping[str, object], file: str) -> tuple[str, ...]:
    key = "control-service.hostname"
    value = _required(control, "hostname", file, "control-service")
    hosts = value if isinstance(value, list) else [value]
    if not hosts:
        raise BadAgentFile(file, key, "is an empty list")
    for host in hosts:
        if not isinstance(host, str) or not _HOST.fullmatch(host):
            raise BadAgentFile(
                file, key, f"{host!r} is neither a host name nor an IPv4 address"
            )
    return tuple(hosts)


def _port(port: object, file: str, key: str) -> int:
    if type(port) is not int or not 0 < port < 2**16:
        raise BadAgentFile(file, key, f"must be a port number, not {port!r}")
    return port


def _metrics(top: Mapping[str, object], file: str) -> MetricsConfig | None:
    if "metrics" not in top:
        return None
    given = _mapping(top["metrics"], file, "metrics")
    for key in set(given) - {"port", "interface"}:
        raise BadAgentFile(file, f"metrics.{key}", "is no key; port and interface are")
    interface = given.get("interface", "127.0.0.1")
    address = _interface(interface, file, "metrics.interface")
    port = _port(_required(given, "port", file, "metrics"), file, "metrics.port")
    return MetricsConfig(port, address)


def _interface(value: object, file: str, key: str) -> str:
    try:
        return str(IPv4Address(str(value)))
    except ValueError:
        why = f"must be an IPv4 address, not {value!r}"
        raise BadAgentFile(file, key, why) from None


def _transfer(top: Mapping[str, object], file: str) -> TransferConfig:
    given = _mapping(top.get("transfer", {}), file, "transfer")
    known = {field.name for field in fields(TransferConfig)}
    for key in set(given) - known:
        why = f"is no key; {', '.join(sorted(known))} are"
        raise BadAgentFile(file, f"transfer.{key}", why)
    interface = given.get("interface")
    rate = _size(given, "rate", None, file, "transfer")
    compress = given.get("compress")
    if compress not in (None, "zstd"):
        why = f"must be zstd, or left out, not {compress!r}"
        raise BadAgentFile(file, "transfer.compress", why)
    if rate == 0:
        raise BadAgentFile(file, "transfer.rate", "must be more than 0 bytes a second")
    return TransferConfig(
        port=_port(given.get("port", TRANSFER_PORT), file, "transfer.port"),
        interface=None
        if interface is None
        else _interface(interface, file, "transfer.interface"),
        rate=rate,
        compress=None if compress is None else str(compress),
    )


def _docker(top: Mapping[str, object], file: str) -> DockerConfig:
    given = _mapping(top.get("docker", {}), file, "docker")
    known = {field.name for field in fields(DockerConfig)}
    for key in set(given) - known:
        why = f"is no key; {', '.join(sorted(known))} are"
        raise BadAgentFile(file, f"docker.{key}", why)
    default = DockerConfig()
    on_remove = given.get("on_remove", default.on_remove)
    if on_remove not in ("keep", "delete"):
        why = f"must be keep or delete, not {on_remove!r}"
        raise BadAgentFile(file, "docker.on_remove", why)
    return DockerConfig(
        size=_size(given, "size", default.size, file, "docker"),
        anonymous_size=_size(
            given, "anonymous_size", default.anonymous_size, file, "docker"
        ),
        on_remove=str(on_remove),
    )


Default = TypeVar("Default", int, None)


def _size(
    given: Mapping[str, object], key: str, default: Default, file: str, within: str
) -> int | Default:
    if key not in given:
        return default
    try:
        return parse_size(str(given[key]))
    except ValueError as error:
        raise BadAgentFile(file, f"{within}.{key}", str(error)) from error


def _backends(top: Mapping[str, object], file: str) -> tuple[BackendConfig, ...]:
    found = []
    if "dataset" in top:
        found.append(_backend(DEFAULT_BACKEND, top["dataset"], file, "dataset"))
    several = _mapping(top.get("backends", {}), file, "backends")
    for name, value in several.items():
        key = f"backends.{name}"
        if not _BACKEND_NAME.fullmatch(name):
            raise BadAgentFile(file, key, "is no name for a backend")
        if name == DEFAULT_BACKEND and "dataset" in top:
            why = f"the backend of dataset: is called {DEFAULT_BACKEND} already"
            raise BadAgentFile(file, key, why)
        found.append(_backend(BackendName(name), value, file, key))
    if not found:
        raise BadAgentFile(file, "dataset", "is missing; so is backends")
    return tuple(found)


def _backend(name: BackendName, value: object, file: str, key: str) -> BackendConfig:
    keys = dict(_mapping(value, file, key))
    driver = _required(keys, "backend", file, key)
    if not isinstance(driver, str):
        raise BadAgentFile(file, f"{key}.backend", f"must be a name, not {driver!r}")
    del keys["backend"]
    return BackendConfig(name, driver, keys, f"{file}: {key}")


def _mapping(value: object, file: str, key: str) -> Mapping[str, object]:
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        raise BadAgentFile(file, key, "must be a mapping with names for keys")
    return value


def _required(
    mapping: Mapping[str, object], name: str, file: str, within: str
) -> object:
    if name not in mapping:
        key = f"{within}.{name}" if within else name
        raise BadAgentFile(file, key, "is missing")
    return mapping[name]


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
