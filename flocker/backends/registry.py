"""Which backends there are, and how the dataset agent makes one from agent.yml."""

from collections.abc import Callable, Mapping
from enum import Enum

from attrs import frozen
from pyrsistent import PMap, pmap

from flocker.backends.block_interface import IBlockDeviceAPI
from flocker.backends.caching import CachingBlockDevices
from flocker.backends.counting import counting
from flocker.backends.loopback.api import DEFAULT_ROOT, make_loopback
from flocker.backends.loopback.translate import SECTOR
from flocker.model.errors import FlockerError
from flocker.model.ids import ClusterID

_NAMES: dict[type, str] = {str: "a text", int: "a whole number", bool: "true or false"}


class BackendKind(Enum):
    """What a backend gives: volumes to attach, or filesystems on a pool of its node."""

    BLOCK = "block"
    POOL = "pool"


@frozen
class UnknownBackend(FlockerError):
    """agent.yml names a backend that this Flocker does not have."""

    where: str
    name: str
    known: tuple[str, ...]

    def words(self) -> str:
        """Name it, and those there are."""
        known = ", ".join(self.known)
        return f"{self.where}.backend: there is no {self.name!r}, only: {known}"


@frozen
class BadBackendConfiguration(FlockerError):
    """A key of a backend in agent.yml is missing, unknown or of the wrong type."""

    where: str
    """The file and the keys that lead to the backend."""
    key: str
    why: str

    def words(self) -> str:
        """Name the file, the key and the fault."""
        return f"{self.where}.{self.key}: {self.why}"


@frozen
class BackendDescription:
    """What is known of a backend before it is made.

    `api_factory` is called with the configuration by keyword, and with `cluster_id` if
    `needs_cluster_id`. `optional_config` has the defaults; their types are the types
    wanted, and text is wanted of every required key.
    """

    name: str
    api_factory: Callable[..., IBlockDeviceAPI]
    needs_cluster_id: bool = True
    required_config: frozenset[str] = frozenset()
    optional_config: PMap[str, object] = pmap()
    kind: BackendKind = BackendKind.BLOCK
    keeps_device_paths: bool = True
    """Whether device paths may be kept; see `flocker.backends.caching`."""


# The kernel itself says which file a loop device has, as cheaply as a stat says less.
LOOPBACK = BackendDescription(
    name="loopback",
    api_factory=make_loopback,
    optional_config=pmap(
        {
            "root_path": DEFAULT_ROOT,
            "compute_instance_id": "",
            "allocation_unit": SECTOR,
        }
    ),
    keeps_device_paths=False,
)

BUILT_IN = {description.name: description for description in (LOOPBACK,)}


def _name(value: object) -> str:
    return _NAMES.get(type(value), type(value).__name__)


def look_up(name: str, where: str) -> BackendDescription:
    """Find a backend by its name. Raises `UnknownBackend`, with `where` in it."""
    try:
        return BUILT_IN[name]
    except KeyError:
        raise UnknownBackend(where, name, tuple(sorted(BUILT_IN))) from None


def check(
    description: BackendDescription, config: Mapping[str, object], where: str
) -> Mapping[str, object]:
    """Give the configuration with its defaults.

    `config` is without the key ``backend``. Raises `BadBackendConfiguration`.
    """
    wanted: dict[str, type] = dict.fromkeys(description.required_config, str)
    wanted |= {key: type(value) for key, value in description.optional_config.items()}
    for key, value in config.items():
        if key not in wanted:
            known = ", ".join(sorted(wanted)) or "none"
            why = f"{description.name} has no such key; it has: {known}"
            raise BadBackendConfiguration(where, str(key), why)
        if type(value) is not wanted[key]:  # its value may be a secret: not shown
            why = f"should be {_NAMES[wanted[key]]}, not {_name(value)}"
            raise BadBackendConfiguration(where, key, why)
    for key in sorted(description.required_config - set(config)):
        raise BadBackendConfiguration(
            where, key, f"is missing; {description.name} needs it"
        )
    return {**description.optional_config, **config}


def build(
    name: str, config: Mapping[str, object], cluster_id: ClusterID, where: str
) -> IBlockDeviceAPI:
    """Make the driver of a backend for this machine, with its cache.

    `where` is what leads to `config`, for errors: ``agent.yml: backends.fast``. Raises
    `UnknownBackend`, `BadBackendConfiguration` and what the driver raises.
    """
    description = look_up(name, where)
    arguments = dict(check(description, config, where))
    if description.needs_cluster_id:
        arguments["cluster_id"] = cluster_id
    api = counting(name, description.api_factory(**arguments))
    return CachingBlockDevices(api, keeps_device_paths=description.keeps_device_paths)
