"""How each happening is done to a simulated world; faults end by themselves."""

from collections.abc import Callable
from functools import partial, singledispatch

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from flocker.control import datasets, leases, nodes
from flocker.control.operations import Decide
from flocker.model.configuration import Configuration
from flocker.model.datasets import Mounting
from flocker.model.errors import FlockerError
from flocker.model.ids import DatasetID
from flocker.model.leases import USER
from flocker.model.leases import Holder as LeaseHolder
from flocker.model.nodes import Evidence
from flocker.model.sizes import KIBIBYTE, MEBIBYTE
from flocker.runtime.holders import Holder
from flocker.testing.simulation import happenings as h
from flocker.testing.simulation.invariants import Violated
from flocker.testing.simulation.machines import ControlProcess, Machine
from flocker.testing.simulation.world import World

SMALL = 8 * KIBIBYTE
OPERATOR = (Evidence.OPERATOR, "alice", "it is off")


@frozen
class Scene:
    """A world, the ids of the datasets its users speak of, and who is told."""

    world: World
    ids: tuple[DatasetID, ...]
    said: Callable[[str], None] | None = None

    def machine(self, number: int) -> Machine:
        """Give a machine by number."""
        return self.world.machines[number]

    def ask(self, decide: Decide) -> None:
        """Ask control; what it answers is noted when it does."""
        control = self.world.control
        if control is None:
            self.say("nobody answers")
            return
        control.clock.when_awake(self._ask, control, decide)

    def _ask(self, control: ControlProcess, decide: Decide) -> None:
        if control.clock.killed:
            return
        answer = Deferred.fromCoroutine(control.operations.change(decide))
        _ = answer.addCallbacks(self._stored, self._refused)

    def say(self, text: str) -> None:
        """Tell it."""
        if self.said is not None:
            self.said(text)

    def later(self, seconds: float, do: Callable[[], object]) -> None:
        """Do something when a fault is over."""
        _ = self.world.clock.callLater(seconds, do)

    def now(self) -> float:
        """Give the time on control's clock."""
        control = self.world.control
        return 0.0 if control is None else control.clock.seconds()

    def _stored(self, configuration: Configuration) -> None:
        self.say(f"  answered: stored as revision {configuration.revision}")
        self.world.invariants.acknowledged(configuration.revision)

    def _refused(self, failure: Failure) -> None:
        error = failure.value
        if not isinstance(error, FlockerError):
            raise Violated(f"control failed: {failure.getTraceback()}")
        self.say(f"  answered: {error}")


@singledispatch
def do(happening: h.Happening, scene: Scene) -> None:
    """Let it happen."""
    raise TypeError(f"{happening!r} cannot happen")


# What users and operators do.


@do.register
def _create(what: h.Create, scene: Scene) -> None:
    mount = Mounting.ON_USE if what.on_use else Mounting.ALWAYS
    node = scene.machine(what.machine).node
    for _ in range(1 + what.twice):
        new = datasets.NewDataset(
            scene.ids[what.dataset],
            node,
            SMALL if what.dataset == scene.world.small else MEBIBYTE,
            mount=mount,
            life=scene.world.a_life(),
            backend=scene.world.backend_of(what.dataset),
        )
        scene.ask(partial(datasets.create, new=new, now=scene.now()))


@do.register
def _write(what: h.Write, scene: Scene) -> None:
    scene.world.write()


@do.register
def _move(what: h.Move, scene: Scene) -> None:
    for number in (what.machine, what.instead):
        if number is not None:
            _wish(scene, what.dataset, primary=number)


@do.register
def _grow(what: h.Grow, scene: Scene) -> None:
    _wish(scene, what.dataset, size=what.mebibytes * MEBIBYTE)


def _wish(
    scene: Scene, dataset: int, primary: int | None = None, size: int | None = None
) -> None:
    node = None if primary is None else scene.machine(primary).node
    wishes = datasets.Wishes(primary=node, maximum_size=size)
    name = scene.ids[dataset]
    scene.ask(partial(datasets.change, dataset=name, wishes=wishes, now=scene.now()))


@do.register
def _lease(what: h.Lease, scene: Scene) -> None:
    node, expires = scene.machine(what.machine).node, what.expires_in
    holder = LeaseHolder(USER, None if expires is None else scene.now() + expires)
    dataset = scene.ids[what.dataset]
    scene.ask(partial(leases.acquire, dataset=dataset, node=node, holder=holder))


@do.register
def _release(what: h.Release, scene: Scene) -> None:
    scene.ask(partial(leases.release, dataset=scene.ids[what.dataset]))


@do.register
def _delete(what: h.Delete, scene: Scene) -> None:
    dataset = scene.ids[what.dataset]
    scene.ask(partial(datasets.delete, dataset=dataset, now=scene.now()))


@do.register
def _purge(what: h.Purge, scene: Scene) -> None:
    scene.ask(partial(datasets.purge, dataset=scene.ids[what.dataset]))


@do.register
def _cordon(what: h.Cordon, scene: Scene) -> None:
    node = scene.machine(what.machine).node
    scene.ask(partial(nodes.tell, node=node, labels={}, cordoned=what.cordoned))


@do.register
def _mark_dead(what: h.MarkDead, scene: Scene) -> None:
    control = scene.world.control
    if control is not None:
        scene.ask(
            partial(
                nodes.declare_dead,
                sighted=control.observations.sight,
                node=scene.machine(what.machine).node,
                mark=OPERATOR,
                now=scene.now(),
            )
        )


@do.register
def _mark_alive(what: h.MarkAlive, scene: Scene) -> None:
    machine, control = scene.machine(what.machine), scene.world.control
    if control is not None:
        scene.world.invariants.pardoned.add(machine.era)
        taken = control.observations.taken_from
        scene.ask(partial(nodes.declare_alive, taken=taken, node=machine.node))


# What happens to processes and machines.


@do.register
def _kill_agent(what: h.KillAgent, scene: Scene) -> None:
    machine = scene.machine(what.machine)

    def again() -> None:
        if machine.agent is None:
            machine.start_agent()

    machine.kill_agent()
    _at_once_or_later(scene, what.down, again)


@do.register
def _kill_control(what: h.KillControl, scene: Scene) -> None:
    world = scene.world

    def again() -> None:
        if world.control is None:
            world.start_control()

    world.stop_control()
    world.step_control_clock(what.step)
    _at_once_or_later(scene, what.down, again)


@do.register
def _power_off(what: h.PowerOff, scene: Scene) -> None:
    machine = scene.machine(what.machine)
    machine.power_off()
    _at_once_or_later(scene, what.down, machine.power_on)


def _at_once_or_later(scene: Scene, seconds: float, do_it: Callable[[], None]) -> None:
    if seconds:
        scene.later(seconds, do_it)
    else:
        do_it()


# What happens to the network.


@do.register
def _partition(what: h.Partition, scene: Scene) -> None:
    machine = scene.machine(what.machine)
    if what.mute is None:
        machine.partition()
    else:
        machine.mute(control=what.mute == "control")
    scene.later(what.lasts, machine.heal)


@do.register
def _stall(what: h.Stall, scene: Scene) -> None:
    scene.machine(what.machine).stall(what.lasts)


@do.register
def _cut(what: h.Cut, scene: Scene) -> None:
    scene.machine(what.machine).cut()


# What happens to the store.


@do.register
def _store_fails(what: h.StoreFails, scene: Scene) -> None:
    scene.world.store.broken = "the disk is full"
    scene.later(what.lasts, scene.world.store.mend)


@do.register
def _store_unanswered(what: h.StoreUnanswered, scene: Scene) -> None:
    scene.world.store.unanswered += 1


# What happens to storage.


@do.register
def _call_fails(what: h.CallFails, scene: Scene) -> None:
    faults = scene.machine(what.machine).faults
    if what.lasts is None:
        faults.once.setdefault(what.call, []).append(what.how)
        return
    faults.always.add(what.call)
    scene.later(what.lasts, partial(faults.always.discard, what.call))


@do.register
def _hang(what: h.Hang, scene: Scene) -> None:
    machine = scene.machine(what.machine)
    threads = machine.kernel_threads if what.kernel else machine.threads
    threads.hang()
    scene.later(what.lasts, threads.go_on)


@do.register
def _unlisted(what: h.Unlisted, scene: Scene) -> None:
    faults = scene.machine(what.machine).faults
    if what.twice:
        faults.doubled = True
        scene.later(what.lasts, faults.list_once)
        return
    volumes = scene.world.volumes_of(scene.ids[what.dataset])
    faults.hidden.update(volumes)
    scene.later(what.lasts, partial(faults.hidden.difference_update, volumes))


@do.register
def _use(what: h.Use, scene: Scene) -> None:
    kernel = scene.machine(what.machine).kernel
    for device in list(kernel.mounted.values()):
        if scene.world.invariants.is_live(device):
            kernel.hold(device.path, Holder(7, "postgres", "open file"))
            scene.later(what.lasts, partial(kernel.let_go, device.path))


@do.register
def _vanish(what: h.Vanish, scene: Scene) -> None:
    for volume in scene.world.volumes_of(scene.ids[what.dataset]):
        scene.world.vanish(volume)


@do.register
def _leave(what: h.Leave, scene: Scene) -> None:
    scene.world.leave(scene.ids[what.dataset], marked=what.marked)


@do.register
def _spoil(what: h.Spoil, scene: Scene) -> None:
    world, dataset = scene.world, scene.ids[what.dataset]
    owner = world.configuration.ownership.get(dataset)
    if owner is None or owner.volume not in world.service.volumes:
        return
    if what.how == "destroyed":
        world.vanish(owner.volume)
        del world.service.volumes[owner.volume]
        del world.service.contents[owner.volume]
    elif owner.acquired and not world.mounted_at(dataset):
        content = world.service.contents[owner.volume]
        content.signature = None if what.how == "emptied" else "crypto_LUKS"
        content.files.clear()
    else:
        return
    world.invariants.forgive(dataset)
