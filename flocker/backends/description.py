"""What is known of a backend before it is made; who writes a driver gives one.

A driver installed on the node offers it as the attribute ``FLOCKER_BACKEND`` of its
module, or under a name of its own as an entry point of the group ``flocker.backends``.
"""

from collections.abc import Callable
from enum import Enum

from attrs import frozen
from pyrsistent import PMap, pmap


class BackendKind(Enum):
    """What a backend gives: volumes to attach, or filesystems on a pool of its node."""

    BLOCK = "block"
    POOL = "pool"


@frozen
class BackendDescription:
    """How a driver is made from its part of agent.yml.

    `api_factory` is called with the configuration by keyword, with `cluster_id` if
    `needs_cluster_id`, and with `reactor` if `needs_reactor`. It gives an
    `IBlockDeviceAPI`, or what has its methods. `optional_config` has the defaults;
    their types are the types wanted, and text is wanted of every required key.
    """

    name: str
    api_factory: Callable[..., object]
    needs_cluster_id: bool = True
    needs_reactor: bool = False
    required_config: frozenset[str] = frozenset()
    optional_config: PMap[str, object] = pmap()
    kind: BackendKind = BackendKind.BLOCK
    keeps_device_paths: bool = True
    """Whether device paths may be kept; see `flocker.backends.caching`."""
    lists_keys: bool = True
    """False where only the factory knows which other keys there may be."""
