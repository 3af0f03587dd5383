"""How what is about pools is done to a simulated world, besides all that is in `doing`.

Faults end by themselves.
"""

from functools import partial

from flocker.control import clones, datasets, rollbacks, snapshots
from flocker.control.pool_wishes import Terms
from flocker.model.ids import DatasetID
from flocker.model.sizes import KIBIBYTE
from flocker.runtime.holders import Holder
from flocker.testing.simulation import happenings as h
from flocker.testing.simulation.backups import BackUp, Restore
from flocker.testing.simulation.doing import Scene, do
from flocker.testing.simulation.pool_machines import SIZE, Dying, PoolMachine
from flocker.testing.simulation.pool_world import PoolWorld

__all__ = ["do"]

USER = Holder(7, "postgres", "open file")


def _world(scene: Scene) -> PoolWorld:
    assert isinstance(scene.world, PoolWorld)
    return scene.world


def _machine(scene: Scene, number: int) -> PoolMachine:
    return _world(scene).pool_machines[number]


def _named(name: str | None, dataset: DatasetID, scene: Scene) -> str | None:
    """Give the name that is meant; None if no rollback has kept anything."""
    return _world(scene).last_kept(dataset) if name is None else name


@do.register
def _move(what: h.MoveOnTerms, scene: Scene) -> None:
    terms = Terms(what.force, what.max_downtime)
    wishes = datasets.Wishes(scene.machine(what.machine).node, terms=terms)
    dataset = scene.ids[what.dataset]
    scene.ask(partial(datasets.change, dataset=dataset, wishes=wishes, now=scene.now()))


@do.register
def _cancel(what: h.CancelMove, scene: Scene) -> None:
    dataset = scene.ids[what.dataset]
    scene.ask(partial(datasets.cancel_move, dataset=dataset, now=scene.now()))


@do.register
def _prune(what: h.PruneCopy, scene: Scene) -> None:
    wish = _world(scene).pruning(scene.ids[what.dataset], scene.machine(what.machine))
    if wish is not None:
        scene.ask(wish)


@do.register
def _die(what: h.DieBetween, scene: Scene) -> None:
    dying = Dying(what.after, what.down, machine=what.whole)
    _machine(scene, what.machine).dying = dying


@do.register
def _back_up(what: BackUp, scene: Scene) -> None:
    _world(scene).back_up()


@do.register
def _restore(what: Restore, scene: Scene) -> None:
    _world(scene).restore()


@do.register
def _cut_way(what: h.CutWay, scene: Scene) -> None:
    here, there = scene.machine(what.machine).node, scene.machine(what.other).node
    ways = [(here, there), (there, here)] if what.both else [(here, there)]
    paths = _world(scene).paths
    for way in ways:
        paths.cut(way)
        scene.later(what.lasts, partial(paths.mute.discard, way))


@do.register
def _await(what: h.Await, scene: Scene) -> None:
    world, dataset = _world(scene), scene.ids[what.dataset]
    until = world.clock.seconds() + what.longest
    while (due := world.clock.next_due()) is not None and due <= until:
        row = world.store.stored.pools.get(dataset)
        if row is not None and row.move is not None and row.move.stage is what.stage:
            return
        world.step()


@do.register
def _reset(what: h.ResetStreams, scene: Scene) -> None:
    paths, node = _world(scene).paths, scene.machine(what.machine).node
    if what.after is None:
        paths.reset(node)
    else:
        paths.doomed.setdefault(node, []).append(what.after)


@do.register
def _fail(what: h.PoolFails, scene: Scene) -> None:
    faults = _machine(scene, what.machine).pool_faults
    if what.lasts is None:
        faults.once.setdefault(what.call, []).append(what.how)
        return
    faults.always.add(what.call)
    scene.later(what.lasts, partial(faults.always.discard, what.call))


@do.register
def _hang(what: h.PoolHangs, scene: Scene) -> None:
    machine = _machine(scene, what.machine)
    threads = machine.stream_threads if what.streams else machine.pool_threads
    threads.hang()
    scene.later(what.lasts, threads.go_on)


@do.register
def _fill(what: h.FillPool, scene: Scene) -> None:
    disk = _machine(scene, what.machine).disk
    disk.size = disk.used()
    scene.later(what.lasts, partial(setattr, disk, "size", SIZE))


@do.register
def _use(what: h.UseCopies, scene: Scene) -> None:
    for copy in _machine(scene, what.machine).copies.values():
        if copy.mounted_at and not copy.users:
            copy.users.append(USER)
            scene.later(what.lasts, copy.users.clear)


@do.register
def _take_snapshot(what: h.TakeSnapshot, scene: Scene) -> None:
    scene.ask(
        partial(
            snapshots.create,
            dataset=scene.ids[what.dataset],
            name=what.name,
            snapshot=_world(scene).a_snapshot(),
            now=scene.now(),
        )
    )


@do.register
def _delete_snapshot(what: h.DeleteSnapshot, scene: Scene) -> None:
    dataset = scene.ids[what.dataset]
    name = _named(what.name, dataset, scene)
    if name is not None:
        scene.ask(partial(snapshots.delete, dataset=dataset, name=name))


@do.register
def _roll_back(what: h.RollBack, scene: Scene) -> None:
    world, dataset = _world(scene), scene.ids[what.dataset]
    name = _named(what.name, dataset, scene)
    if world.control is None or name is None:
        return
    scene.ask(
        partial(
            rollbacks.roll_back,
            facts=world.control.observations.facts(dataset),
            dataset=dataset,
            name=name,
            now=scene.now(),
        )
    )


@do.register
def _cancel_rollback(what: h.CancelRollback, scene: Scene) -> None:
    scene.ask(partial(rollbacks.cancel, dataset=scene.ids[what.dataset]))


@do.register
def _clone(what: h.Clone, scene: Scene) -> None:
    new = datasets.NewDataset(
        scene.ids[what.dataset],
        scene.machine(what.machine).node,
        life=scene.world.a_life(),
    )
    source = scene.ids[what.source]
    name = _named(what.name, source, scene)
    if name is not None:
        scene.ask(
            partial(
                clones.clone, new=new, source=source, snapshot=name, now=scene.now()
            )
        )


@do.register
def _limit(what: h.Limit, scene: Scene) -> None:
    wishes = datasets.Wishes(maximum_size=what.kibibytes * KIBIBYTE)
    dataset = scene.ids[what.dataset]
    scene.ask(partial(datasets.change, dataset=dataset, wishes=wishes, now=scene.now()))


@do.register
def _suspend(what: h.Suspend, scene: Scene) -> None:
    if what.machine is None:
        control = scene.world.control
        if control is not None:
            control.suspend(what.lasts)
    else:
        _machine(scene, what.machine).suspend(what.lasts)


@do.register
def _tell_old(what: h.TellOld, scene: Scene) -> None:
    _machine(scene, what.machine).tell_old(what.ago, what.lasts)
