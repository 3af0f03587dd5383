"""What each call of Docker's does. `api` speaks HTTP with it, `daemons` makes it."""

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from attrs import frozen
from twisted.internet.defer import CancelledError, Deferred, DeferredLock
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from flocker.client.interface import (
    AnswerLost,
    Configured,
    IFlockerClient,
    NewDataset,
    RequestRefused,
)
from flocker.client.ringing import Bells
from flocker.docker_plugin.catalogue import CONTROL_WITHIN, Catalogue
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
from flocker.docker_plugin.patience import Eventually, patiently, pauses
from flocker.docker_plugin.requests import Request
from flocker.docker_plugin.volumes import (
    InUse,
    NoSuchVolume,
    created_at,
    named,
    status,
    volumes_of,
)
from flocker.model.errors import FlockerError
from flocker.model.ids import DatasetID, Era, NodeID
from flocker.runtime.backoff import Chance, jittered
from flocker.runtime.logging import message
from flocker.wire.agent_yaml import DockerConfig
from flocker.wire.answers import DatasetInFull

MOUNT_WITHIN = 105.0
"""Seconds in which a volume is mounted, or Docker is told why not: it waits 120."""
CREATE_WITHIN = 100.0
QUICKLY = 45.0
"""Seconds for what Docker waits 60 for."""
_NOT_FOUND = 404
_CHANGED = 412

Answer = dict[str, Any]


@frozen
class NotStarted(FlockerError):
    """The plugin has just started."""

    def words(self) -> str:
        """Say so."""
        return "the plugin has just started and has not spoken to control yet"


@frozen
class NodeNotKnown(FlockerError):
    """Control has not heard of this node in its present life."""

    era: Era

    def words(self) -> str:
        """Name the life, and whose word is missing."""
        return (
            "control does not know this node yet: its dataset agent has not connected"
            f" since it booted (boot id {self.era})"
        )


@frozen
class NotHere(FlockerError):
    """A volume is known and not mounted on this node."""

    name: str

    def words(self) -> str:
        """Name it."""
        return f"volume {self.name} is not mounted on this node"


@frozen
class TooBusy(FlockerError):
    """Others changed datasets all the time, so a name could not be made sure of."""

    name: str

    def words(self) -> str:
        """Name the volume."""
        return (
            f"volume {self.name} could not be created: others changed the"
            " configuration all the time; try again"
        )


@frozen
class World:
    """What the plugin is given: time, chance, this node's life, and what is mounted.

    `paths` gives the places where anything is mounted now.
    """

    clock: IReactorTime
    now: Callable[[], datetime]
    era: Callable[[], Era]
    paths: Callable[[], frozenset[Path]]
    chance: Chance
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
        self._node: Eventually[NodeID] = Eventually(clock, NotStarted())
        self._bells = Bells(client, clock)
        self._holding = Holding(client, clock)
        self._catalogue = Catalogue(client, clock, self._is_local)
        self._mounting = Mounting(
            client, clock, self._bells, self._holding, self._is_mounted
        )
        self._creating = DeferredLock()
        self._early: list[tuple[str, str]] = []
        self._hosts: dict[NodeID, str] = {}
        self._starting: Deferred[None] | None = None

    def start(self) -> None:
        """Find out who this node is, and what it holds."""
        self._bells.start()
        self._starting = Deferred.fromCoroutine(self._begin())

    def stop(self) -> None:
        """Do nothing more; leases stay, for whoever uses volumes still does."""
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
        node = await self._node.within(CREATE_WITHIN)

        def new() -> NewDataset:
            place = (DatasetID(self._world.new_id()), node)
            return new_dataset(name, options, self._settings, place, self._world.now())

        async with self._creating:
            await self._create(name, new, until)
        return {}

    async def remove(self, request: Request) -> Answer:
        """Delete a volume's data, where that was wanted of it; else keep all."""
        try:
            volume = await self._catalogue.find(request.name)
        except NoSuchVolume:
            return {}
        if on_remove(volume.metadata) is OnRemove.KEEP:
            return {}
        seen = await self._status(volume.dataset_id)
        if seen.lease is not None:
            nodes = {node.uuid: node for node in await self._client.nodes()}
            raise InUse(request.name, seen.lease, nodes.get(seen.lease.node_uuid))
        _ = await patiently(
            self._world.clock,
            CONTROL_WITHIN,
            lambda: self._client.destroy(volume.dataset_id),
        )
        message(
            "flocker:docker-plugin:removed",
            name=request.name,
            dataset=volume.dataset_id,
        )
        return {}

    async def mount(self, request: Request) -> Answer:
        """Have a volume here, for one container; say where."""
        name, mount = request.name, request.id
        until = self._world.clock.seconds() + MOUNT_WITHIN
        node = await self._node.within(MOUNT_WITHIN)
        volume = await self._catalogue.find(name)
        path = await self._mounting.mount(
            Wanted(volume.dataset_id, name, node, mount, until)
        )
        message(
            "flocker:docker-plugin:mounted",
            name=name,
            dataset=volume.dataset_id,
            path=path,
        )
        return {"Mountpoint": path}

    async def unmount(self, request: Request) -> Answer:
        """End a container's use of a volume; never refused, containers must stop."""
        name, mount = request.name, request.id
        if self._node.now is None:
            self._early.append((name, mount))
        else:
            await self._unmount(name, mount)
        return {}

    async def path(self, request: Request) -> Answer:
        """Say where a volume is mounted here."""
        volume = await self._catalogue.find(request.name)
        path = await self._path(await self._status(volume.dataset_id))
        if not path:
            raise NotHere(request.name)
        return {"Mountpoint": path}

    async def get(self, request: Request) -> Answer:
        """Say what there is to say of a volume."""
        volume = await self._catalogue.find(request.name)
        seen = await self._status(volume.dataset_id)
        await self._learn_hosts(seen)
        told = {
            "Name": request.name,
            "Mountpoint": await self._path(seen),
            "Status": status(seen, seen.lease, self._hosts),
        }
        created = created_at(seen.metadata)
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

    # --- the start

    async def _begin(self) -> None:
        pause = pauses()
        while True:
            try:
                node = await self._who()
                await self._holding.load(node)
            except CancelledError:
                return
            except FlockerError as error:
                self._node.trouble = error
                message("flocker:docker-plugin:not-ready", why=str(error))
                await deferLater(self._world.clock, pause())
                continue
            break
        self._node.learn(node)
        message("flocker:docker-plugin:ready", node=node)
        early, self._early = self._early, []
        for name, mount in early:
            await self._unmount(name, mount)

    async def _who(self) -> NodeID:
        era = self._world.era()
        try:
            return await self._client.node_of_era(era)
        except RequestRefused as error:
            if error.status == _NOT_FOUND:
                raise NodeNotKnown(era) from error
            raise

    # --- the work

    async def _create(
        self, name: str, new: Callable[[], NewDataset], until: float
    ) -> None:
        """Create a dataset of this name while there is none; see Note [One of a name].

        Note [One of a name]: a create that rests on a look at all names is refused
        with 412 if any dataset was changed since. So of two nodes that create one name
        at once one is refused, looks again, and finds the other's.
        """
        pause = pauses()
        while True:
            configured = await self._catalogue.look()
            if named(configured.datasets, name):
                return
            if await self._created(new(), configured):
                return
            wait = jittered(pause() / 4, self._world.chance)
            if self._world.clock.seconds() + wait > until:
                raise TooBusy(name)
            await deferLater(self._world.clock, wait)

    async def _created(self, new: NewDataset, configured: Configured) -> bool:
        try:
            _ = await self._client.create(new, configured.tag)
        except AnswerLost as error:
            message("flocker:docker-plugin:create-unanswered", why=str(error))
            return False
        except RequestRefused as error:
            if error.status == _CHANGED:
                return False
            raise
        message(
            "flocker:docker-plugin:created",
            name=new.metadata[NAME],
            dataset=new.id,
            size=new.maximum_size,
        )
        return True

    async def _unmount(self, name: str, mount: str) -> None:
        held = self._holding.find(name, mount)
        if held is None:
            message("flocker:docker-plugin:unknown-mount", name=name, mount=mount)
            return
        await self._holding.end(held)

    async def _status(self, dataset: DatasetID) -> DatasetInFull:
        return await patiently(
            self._world.clock, CONTROL_WITHIN, lambda: self._client.dataset(dataset)
        )

    async def _path(self, seen: DatasetInFull) -> str:
        """Give where a dataset is mounted on this node; else nothing."""
        fact = None if self._node.now is None else seen.nodes.get(self._node.now)
        path = None if fact is None else fact.path
        return path if path is not None and self._is_mounted(path) else ""

    async def _learn_hosts(self, seen: DatasetInFull) -> None:
        nodes = {seen.node, None if seen.lease is None else seen.lease.node_uuid}
        if not nodes - {None} <= self._hosts.keys():
            found = await self._client.nodes()
            self._hosts = {node.uuid: node.host for node in found}

    def _is_mounted(self, path: str) -> bool:
        return Path(path) in self._world.paths()

    def _is_local(self, dataset: DatasetID) -> bool:
        return any(path.name == str(dataset) for path in self._world.paths())


def calls_of(plugin: Plugin) -> Mapping[bytes, tuple[Any, float]]:
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
