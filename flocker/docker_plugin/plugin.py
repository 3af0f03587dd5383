"""What each call of Docker's does. `api` speaks HTTP with it, `daemons` makes it."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from attrs import frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime

from flocker.client.interface import (
    IFlockerClient,
    NewDataset,
    RequestRefused,
    Unreachable,
)
from flocker.client.ringing import Bells
from flocker.docker_engine.interface import Container, IDockerEngine
from flocker.docker_plugin.catalogue import CONTROL_WITHIN, Catalogue
from flocker.docker_plugin.cloning import Cloning
from flocker.docker_plugin.creating import Creating
from flocker.docker_plugin.holders import Here
from flocker.docker_plugin.holding import Holding
from flocker.docker_plugin.mounting import Mounting, Wanted
from flocker.docker_plugin.options import (
    KNOWN,
    NAME,
    OnRemove,
    new_dataset,
    on_remove,
    read_options,
)
from flocker.docker_plugin.origins import taken_for
from flocker.docker_plugin.patience import Eventually, patiently
from flocker.docker_plugin.reconciling import Reconciling
from flocker.docker_plugin.refusals import CONFLICT, in_use
from flocker.docker_plugin.requests import Request
from flocker.docker_plugin.startup import NotStarted, find_out
from flocker.docker_plugin.volumes import (
    NoSuchVolume,
    created_at,
    status,
    volumes_of,
)
from flocker.model.errors import FlockerError
from flocker.model.ids import DatasetID, Era, NodeID
from flocker.runtime.backoff import Chance
from flocker.runtime.logging import message
from flocker.wire.agent_yaml import DockerConfig
from flocker.wire.answers import ConfiguredAnswer, DatasetInFull

MOUNT_WITHIN = 105.0
"""Seconds in which a volume is mounted, or Docker is told why not: it waits 120."""
CREATE_WITHIN = 100.0
QUICKLY = 45.0
"""Seconds for what Docker waits 60 for."""
UNMOUNT_WITHIN = 10.0
"""Seconds that a container's end waits for a plugin that has just started."""
BRIEFLY = 3.0
"""Seconds that is waited for control where what is remembered will do."""

Answer = dict[str, Any]


@frozen
class NotHere(FlockerError):
    """A volume is known and not mounted on this node."""

    name: str

    def words(self) -> str:
        """Name it."""
        return f"volume {self.name} is not mounted on this node"


@frozen
class World:
    """What the plugin is given: time, chance, this node, and its container engine.

    `era` is this node's life, `paths` gives the places where anything is mounted, and
    `in_use` says whether the kernel shows the filesystem at a path elsewhere, too. The
    engine knows our volumes by the name `driver`.
    """

    clock: IReactorTime
    now: Callable[[], datetime]
    era: Callable[[], Era]
    paths: Callable[[], frozenset[Path]]
    in_use: Callable[[Path], Awaitable[bool]]
    chance: Chance
    engine: IDockerEngine
    driver: str = "flocker"
    new_id: Callable[[], UUID] = uuid4


class Plugin:
    """The volumes of a cluster, for the Docker of one node."""

    def __init__(
        self, client: IFlockerClient, world: World, settings: DockerConfig
    ) -> None:
        self._client = client
        self._world = world
        self._settings = settings
        clock = world.clock
        self._here: Eventually[Here] = Eventually(clock, NotStarted())
        self._bells = Bells(client, clock)
        self._holding = Holding(client, clock)
        self._catalogue = Catalogue(client, clock, self._is_local)
        self._creating = Creating(client, clock, self._catalogue, world.chance)
        self._cloning = Cloning(client, clock, self._catalogue, self._creating)
        self._mounting = Mounting(
            client, clock, self._bells, self._holding, self._is_mounted
        )
        self._reconciling = Reconciling(
            world.engine, world.driver, clock, self._holding, self._adopt, self._in_use
        )
        self._early: list[tuple[str, str]] = []
        self._hosts: dict[NodeID, str] = {}
        self._starting: Deferred[None] | None = None

    def start(self) -> None:
        """Find out who this node is, and what it holds."""
        self._bells.start()
        self._starting = Deferred.fromCoroutine(self._begin())

    def stop(self) -> None:
        """Do nothing more; leases stay, for whoever uses volumes still does."""
        self._reconciling.stop()
        self._bells.stop()
        self._holding.stop()
        if self._starting is not None:
            self._starting.cancel()

    # --- the calls

    async def create(self, request: Request) -> Answer:
        """Want a volume, unless there is one of this name."""
        name, given = request.name, request.options
        options = read_options(given)
        ignored = sorted(set(given) - set(KNOWN))
        if ignored:
            message("flocker:docker-plugin:ignored", name=name, options=ignored)
        until = self._world.clock.seconds() + CREATE_WITHIN
        here = await self._here.within(CREATE_WITHIN)

        def new() -> NewDataset:
            place = (DatasetID(self._world.new_id()), here.node)
            now = self._world.now()
            return new_dataset(name, options, self._settings, place, now)

        if options.origin is None:
            _ = await self._creating.create(name, new, until)
        else:
            await self._cloning.create(new(), options, options.origin, until)
        return {}

    async def remove(self, request: Request) -> Answer:
        """Delete a volume's data, where that was wanted of it; else keep all."""
        name = request.name
        try:
            volume = await self._find(name)
        except NoSuchVolume:
            return {}
        if on_remove(volume.metadata) is OnRemove.KEEP:
            return {}
        await self._destroy(name, volume.dataset_id)
        taken = taken_for(volume.metadata)
        if taken is not None:
            await self._cloning.drop(taken)
        return {}

    async def mount(self, request: Request) -> Answer:
        """Have a volume here, for one container; say where."""
        name, mount = request.name, request.id
        until = self._world.clock.seconds() + MOUNT_WITHIN
        here = await self._here.within(MOUNT_WITHIN)
        who = await self._reconciling.who(name)
        used = self._used_already(name)
        try:
            volume = await self._catalogue.find(
                name, CONTROL_WITHIN if used is None else BRIEFLY
            )
        except Unreachable as error:
            if used is None:
                raise
            # It is leased to us until we end it, so control need not be asked.
            message("flocker:docker-plugin:shared", name=name, why=str(error))
            dataset, path = used
            self._holding.borrow((dataset, name), here, mount)
            return {"Mountpoint": str(path)}
        wanted = Wanted(volume.dataset_id, name, here, mount, until, who)
        found = await self._mounting.mount(wanted)
        message(
            "flocker:docker-plugin:mounted",
            name=name,
            dataset=volume.dataset_id,
            path=found,
            container=who,
        )
        return {"Mountpoint": found}

    async def unmount(self, request: Request) -> Answer:
        """End a container's use of a volume; never refused, containers must stop."""
        name, mount = request.name, request.id
        try:
            _ = await self._here.within(UNMOUNT_WITHIN)
        except FlockerError as error:
            message("flocker:docker-plugin:unmounted-later", name=name, why=str(error))
            self._early.append((name, mount))
        else:
            await self._unmount(name, mount)
        return {}

    async def path(self, request: Request) -> Answer:
        """Say where a volume is mounted here."""
        volume = await self._find(request.name)
        path = self._path(volume.dataset_id)
        if not path:
            raise NotHere(request.name)
        return {"Mountpoint": path}

    async def get(self, request: Request) -> Answer:
        """Say what there is to say of a volume."""
        name = request.name
        volume = await self._find(name)
        told: Answer = {
            "Name": name,
            "Mountpoint": self._path(volume.dataset_id),
            "Status": await self._told(volume),
        }
        created = created_at(volume.metadata)
        return {"Volume": told if created is None else {**told, "CreatedAt": created}}

    async def list(self, request: Request) -> Answer:
        """Name every volume of the cluster."""
        found = volumes_of(await self._catalogue.look())
        here = {path.name: str(path) for path in self._world.paths()}
        return {
            "Volumes": [
                {
                    "Name": each.metadata[NAME],
                    "Mountpoint": here.get(str(each.dataset_id), ""),
                }
                for each in found
            ]
        }

    async def capabilities(self, request: Request) -> Answer:
        """Say that a volume is the whole cluster's."""
        return {"Capabilities": {"Scope": "global"}}

    # --- the work

    async def _begin(self) -> None:
        world = self._world
        try:
            await find_out(
                self._client, world.clock, world.era, self._holding, self._here
            )
            early, self._early = self._early, []
            for name, mount in early:
                await self._unmount(name, mount)
        except CancelledError:
            return
        self._reconciling.start()

    async def _unmount(self, name: str, mount: str) -> None:
        held = self._holding.find(name, mount)
        if held is None:
            message("flocker:docker-plugin:unknown-mount", name=name, mount=mount)
            self._reconciling.look_soon()
            return
        await self._holding.end(held)

    async def _adopt(self, name: str, container: Container) -> None:
        """Hold a volume that a container uses and for which nothing is held."""
        here = self._here.now
        if here is None:
            return
        volume = await self._catalogue.find(name)
        dataset = volume.dataset_id
        held = await self._holding.take(
            (dataset, name), here, container.id, container.name
        )
        self._holding.answered(held, Path(self._path(dataset)))

    async def _find(self, name: str) -> ConfiguredAnswer:
        """Find a volume, among those of before if control cannot be asked.

        Docker takes any error of Get as *no such volume*.
        """
        known = self._catalogue.remember(name)
        try:
            within = CONTROL_WITHIN if known is None else BRIEFLY
            return await self._catalogue.find(name, within)
        except Unreachable:
            if known is None:
                raise
            return known

    async def _told(self, volume: ConfiguredAnswer) -> Mapping[str, object]:
        try:
            seen = await self._client.dataset(volume.dataset_id)
            await self._learn_hosts(seen)
        except Unreachable as error:
            return {"dataset": str(volume.dataset_id), "cause": str(error)}
        return status(seen, seen.lease, self._hosts)

    async def _destroy(self, name: str, dataset: DatasetID) -> None:
        """Destroy a volume that nobody uses. Raises `InUse`, and what a client does."""
        try:
            _ = await patiently(
                self._world.clock,
                CONTROL_WITHIN,
                lambda: self._client.destroy(dataset, if_unleased=True),
            )
        except RequestRefused as error:
            user = None
            if error.status == CONFLICT:
                user = await in_use(self._client, name, dataset)
            raise error if user is None else user from error
        message("flocker:docker-plugin:removed", name=name, dataset=dataset)

    async def _learn_hosts(self, seen: DatasetInFull) -> None:
        nodes = {seen.node, None if seen.lease is None else seen.lease.node_uuid}
        if not nodes - {None} <= self._hosts.keys():
            found = await self._client.nodes()
            self._hosts = {node.uuid: node.host for node in found}

    def _used_already(self, name: str) -> tuple[DatasetID, Path] | None:
        found = self._holding.used_already(name)
        return found if found is not None and self._is_mounted(str(found[1])) else None

    async def _in_use(self, dataset: DatasetID) -> bool:
        path = self._path(dataset)
        return bool(path) and await self._world.in_use(Path(path))

    def _path(self, dataset: DatasetID) -> str:
        """Give where a dataset is mounted on this node; else nothing.

        Its agent mounts it in a directory that has its id for a name.
        """
        found = [path for path in self._world.paths() if path.name == str(dataset)]
        return str(min(found, key=lambda path: len(path.parts))) if found else ""

    def _is_mounted(self, path: str) -> bool:
        return Path(path) in self._world.paths()

    def _is_local(self, dataset: DatasetID) -> bool:
        return bool(self._path(dataset))


def calls_of(
    plugin: Plugin,
) -> Mapping[bytes, tuple[Callable[[Request], Awaitable[Answer]], float]]:
    """Give the calls by their paths, each with the seconds that it may take."""
    return {
        b"/VolumeDriver.Create": (plugin.create, CREATE_WITHIN + 5),
        b"/VolumeDriver.Remove": (plugin.remove, QUICKLY),
        b"/VolumeDriver.Mount": (plugin.mount, MOUNT_WITHIN + 5),
        b"/VolumeDriver.Unmount": (plugin.unmount, QUICKLY),
        b"/VolumeDriver.Path": (plugin.path, QUICKLY),
        b"/VolumeDriver.Get": (plugin.get, QUICKLY),
        b"/VolumeDriver.List": (plugin.list, QUICKLY),
        b"/VolumeDriver.Capabilities": (plugin.capabilities, QUICKLY),
    }
