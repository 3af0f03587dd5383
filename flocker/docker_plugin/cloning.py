"""Creates volumes that begin as a snapshot of another: ``-o from=VOLUME[@SNAPSHOT]``.

The new volume is wanted beside its source, where it costs no copy; like any volume it
goes where a container uses it.
"""

from attrs import evolve
from twisted.internet.interfaces import IReactorTime

from flocker.client.interface import (
    AnswerLost,
    IFlockerClient,
    NewDataset,
    RequestRefused,
    Source,
    TLSRefused,
    Unreachable,
)
from flocker.client.snapshot_waiting import Awaited, wait_taken
from flocker.docker_plugin.catalogue import CONTROL_WITHIN, Catalogue
from flocker.docker_plugin.creating import Creating
from flocker.docker_plugin.options import NAME, Origin, VolumeOptions
from flocker.docker_plugin.origins import (
    NoSuchOrigin,
    check_agrees,
    check_made_from,
    marks,
    own_snapshot,
    pick,
)
from flocker.docker_plugin.patience import patiently
from flocker.docker_plugin.volumes import NoSuchVolume, named
from flocker.runtime.logging import message
from flocker.wire.answers import DatasetInFull, SnapshotAnswer

FOR_THE_CLONE = 10.0
"""Seconds of a Create that are kept for what follows on the snapshot."""


class Cloning:
    """Makes volumes from others."""

    def __init__(
        self,
        client: IFlockerClient,
        clock: IReactorTime,
        catalogue: Catalogue,
        creating: Creating,
    ) -> None:
        self._client = client
        self._clock = clock
        self._catalogue = catalogue
        self._creating = creating

    async def create(
        self, new: NewDataset, options: VolumeOptions, origin: Origin, until: float
    ) -> None:
        """Create a volume as its origin, unless it is there, made from the same.

        `until` is in seconds on the clock of the reactor. Raises `NoSuchOrigin`,
        `MadeOtherwise`, `BadOption`, `SnapshotLate`, `SnapshotLost`, and what
        `Creating` raises.
        """
        name = new.metadata[NAME]
        configured = await self._catalogue.look()
        if named(configured.datasets, name):
            found = self._catalogue.among(configured, name)
            check_made_from(name, found.metadata, origin)
            return
        of = await self._find(origin)
        check_agrees(options, of)
        if origin.snapshot is not None:
            source = await self._named(of, origin, until)
            await self._create(new, options, (origin, of, source), until)
            return
        source = Source(of.dataset_id, own_snapshot(name, new.id))
        is_used = False
        try:
            await self._take(source, until)
            made = await self._create(new, options, (origin, of, source), until)
            is_used = made == new.id
        finally:
            if not is_used:
                await self.drop(source)

    async def drop(self, source: Source) -> None:
        """Delete a snapshot that was taken for a volume; it may be gone already.

        That it is not deleted is no reason to fail: it is listed, and can be deleted.
        """
        try:
            _ = await patiently(
                self._clock,
                CONTROL_WITHIN,
                lambda: self._client.delete_snapshot(source.dataset, source.snapshot),
            )
        except (RequestRefused, Unreachable, AnswerLost, TLSRefused) as error:
            message(
                "flocker:docker-plugin:snapshot-left",
                dataset=source.dataset,
                snapshot=source.snapshot,
                why=str(error),
            )

    async def _find(self, origin: Origin) -> DatasetInFull:
        try:
            volume = await self._catalogue.find(origin.volume)
        except NoSuchVolume as error:
            raise NoSuchOrigin(origin, str(error)) from error
        return await patiently(
            self._clock,
            CONTROL_WITHIN,
            lambda: self._client.dataset(volume.dataset_id),
        )

    async def _named(self, of: DatasetInFull, origin: Origin, until: float) -> Source:
        there = await patiently(
            self._clock,
            CONTROL_WITHIN,
            lambda: self._client.snapshots(of.dataset_id),
        )
        found = pick(origin, there)
        await self._await(found, until)
        return Source(of.dataset_id, found.name)

    async def _take(self, source: Source, until: float) -> None:
        """Take a snapshot for a volume, and wait until it is taken.

        One of the name is ours: that it is there says that an answer was lost.
        """
        dataset, name = source.dataset, source.snapshot
        try:
            asked = await patiently(
                self._clock,
                CONTROL_WITHIN,
                lambda: self._client.take_snapshot(dataset, name),
            )
        except RequestRefused:
            there = await self._client.snapshots(dataset)
            ours = [each for each in there if each.name == name and not each.deleted]
            if not ours:
                raise
            (asked,) = ours
        await self._await(asked, until)
        message("flocker:docker-plugin:snapshot", dataset=dataset, snapshot=name)

    async def _await(self, snapshot: SnapshotAnswer, until: float) -> None:
        within = max(0.0, until - FOR_THE_CLONE - self._clock.seconds())
        wish = Awaited(snapshot.dataset_id, snapshot.snapshot_id, snapshot.name, within)
        _ = await wait_taken(self._client, wish, self._clock)

    async def _create(
        self,
        new: NewDataset,
        options: VolumeOptions,
        from_: tuple[Origin, DatasetInFull, Source],
        until: float,
    ) -> object:
        """Want the volume; give the id of the dataset that has its name then."""
        origin, of, source = from_
        name = new.metadata[NAME]
        wanted = evolve(
            new,
            primary=of.primary if of.pool is None else of.pool.owner,
            maximum_size=options.size,
            filesystem=of.filesystem if of.pool is None else None,
            metadata={**new.metadata, **marks(origin, source, of.metadata)},
            source=source,
        )
        made = await self._creating.create(name, lambda: wanted, until)
        check_made_from(name, made.metadata, origin)
        return made.dataset_id
