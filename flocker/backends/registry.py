"""Which backends there are, and how the dataset agent makes one from agent.yml.

A name means, in this order: a built-in backend; an entry point of an installed package;
one of the first Flocker's that is refused with a sentence; a Python module with the
attribute ``FLOCKER_BACKEND``. See `finding`.
"""

from collections.abc import Mapping
from typing import Final

from attrs import frozen
from pyrsistent import pmap

from flocker.backends import finding
from flocker.backends.block_interface import IBlockDeviceAPI
from flocker.backends.btrfs.api import configure_btrfs
from flocker.backends.caching import CachingBlockDevices
from flocker.backends.configuring import check, make
from flocker.backends.counting import counting
from flocker.backends.description import BackendDescription, BackendKind
from flocker.backends.directory.api import configure_directory
from flocker.backends.foreign import adapt
from flocker.backends.loopback.api import (
    DEFAULT_ROOT,
    FREEZE_SECONDS,
    make_loopback,
)
from flocker.backends.loopback.translate import SECTOR
from flocker.backends.pool_interface import IFilesystemPool
from flocker.backends.zfs.configuring import DEFAULT_POOL, configure_zfs
from flocker.model.errors import FlockerError
from flocker.model.ids import ClusterID

LATER: Final = frozenset(
    {
        "aws",
        "emc_xtremio_flocker_plugin",
        "openstack",
        "scaleio_flocker_driver",
    }
)
"""Names of the first Flocker that will mean built-in backends."""

DROPPED: Mapping[str, str] = {
    "gce": "Google's persistent disks have no driver here",
}
"""Names of the first Flocker that mean nothing any more, and why."""


@frozen
class BackendRefused(FlockerError):
    """agent.yml names a backend of the first Flocker that there is not, or not yet."""

    where: str
    name: str
    why: str

    def words(self) -> str:
        """Name it and the reason."""
        return (
            f"{self.where}.backend: there is no {self.name} in this version: {self.why}"
        )


# The kernel itself says which file a loop device has, as cheaply as a stat says less.
LOOPBACK = BackendDescription(
    name="loopback",
    api_factory=make_loopback,
    optional_config=pmap(
        {
            "root_path": DEFAULT_ROOT,
            "compute_instance_id": "",
            "allocation_unit": SECTOR,
            "freeze_seconds": FREEZE_SECONDS,
        }
    ),
    keeps_device_paths=False,
)

BTRFS = BackendDescription(
    name="btrfs",
    api_factory=configure_btrfs,
    needs_cluster_id=False,
    required_config=frozenset({"root_path"}),
    kind=BackendKind.POOL,
)

DIRECTORY = BackendDescription(
    name="directory",
    api_factory=configure_directory,
    needs_cluster_id=False,
    required_config=frozenset({"root_path"}),
    kind=BackendKind.POOL,
)

ZFS = BackendDescription(
    name="zfs",
    api_factory=configure_zfs,
    needs_cluster_id=False,
    optional_config=pmap({"pool": DEFAULT_POOL}),
    kind=BackendKind.POOL,
)

BUILT_IN = {
    description.name: description for description in (LOOPBACK, BTRFS, DIRECTORY, ZFS)
}


def look_up(name: str, where: str) -> BackendDescription:
    """Find a backend by its name; `where` leads to it, for errors.

    Raises `BackendRefused` and what `finding` raises.
    """
    if name in BUILT_IN:
        return BUILT_IN[name]
    installed = finding.installed()
    if name in installed:
        return finding.from_entry_point(installed[name], where)
    if name in LATER:
        raise BackendRefused(where, name, "it comes with a later one")
    if name in DROPPED:
        raise BackendRefused(where, name, DROPPED[name])
    known = tuple(sorted({*BUILT_IN, *installed}))
    return finding.from_module(name, where, known)


def build_pool(name: str, config: Mapping[str, object], where: str) -> IFilesystemPool:
    """Open a pool of this machine; `where` is as for `build`.

    Raises `BadBackendConfiguration`, `PoolUnavailable`, and what `look_up` raises.
    """
    description = look_up(name, where)
    made = make(description, check(description, config, where), where)
    if not IFilesystemPool.providedBy(made):
        raise TypeError(made)
    return IFilesystemPool(made)


def build(
    name: str,
    config: Mapping[str, object],
    cluster_id: ClusterID,
    where: str,
    reactor: object = None,
) -> IBlockDeviceAPI:
    """Make the driver of a backend for this machine, with its cache.

    `where` is what leads to `config`, for errors: ``agent.yml: backends.fast``. Raises
    `BadBackendConfiguration`, `DriverFailed`, `NotADriver`, what `look_up` raises and
    the driver's own `FlockerError`.
    """
    description = look_up(name, where)
    arguments = dict(check(description, config, where))
    if description.needs_cluster_id:
        arguments["cluster_id"] = cluster_id
    if description.needs_reactor:
        arguments["reactor"] = reactor
    made = adapt(make(description, arguments, where), description.name, where)
    api = counting(name, made)
    return CachingBlockDevices(api, keeps_device_paths=description.keeps_device_paths)
