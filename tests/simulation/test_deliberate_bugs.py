"""Deliberate bugs: each makes one rule of the real code wrong, and must be found.

A simulation that finds nothing is worth as much as the bugs it has been seen to find.
With each stands the first of the fixed seeds that finds it.
"""

from collections.abc import Callable

from attrs import evolve

from flocker.control import agents, node_upkeep, upkeep
from flocker.control.agents import Agents
from flocker.control.observations import Observations
from flocker.convergence.reporting import Reporting
from flocker.convergence.running import Running
from flocker.dataset_agent import (
    discovery,
    keeping,
    performing,
    planning,
    transitions,
)
from flocker.dataset_agent.agent import DatasetAgent
from flocker.dataset_agent.keeping import Keeper
from flocker.dataset_agent.steps import Attach, Create, Destroy, Format
from flocker.model.cluster import Condition, Want
from flocker.model.nodes import Node
from flocker.testing.simulation.running import run
from flocker.testing.simulation.stores import ProcessStore
from tests.simulation.bugs import Patch, PutIn, each_of, expect_found
from tests.simulation.test_datasets import deleted_while_it_is_made
from tests.simulation.test_leases import moved_there_and_back

ENOUGH = 600
"""Seeds within which each bug must be found: those of `test_seeds`."""

BUGS: dict[PutIn, int] = {}
"""With the first seed that has found each; tried first, for plans may change."""


def bug(first_seed: int) -> Callable[[PutIn], PutIn]:
    """Put a bug on the list."""

    def add(put_in: PutIn) -> PutIn:
        BUGS[put_in] = first_seed
        return put_in

    return add


@bug(first_seed=14)
def formats_any_blank_device(patch: Patch) -> None:
    """A blank device is formatted, though it is on record that it held data."""
    by_content = discovery._by_content

    def careless(dataset, volume, device, *, acquired):
        return by_content(dataset, volume, device, acquired=False)

    patch.setattr(discovery, "_by_content", careless)


@bug(first_seed=0)
def formats_what_is_there(patch: Patch) -> None:
    """What carries a filesystem is formatted, and so is never mounted."""
    table = {**transitions.NEXT, (Want.MOUNTED, Condition.ATTACHED): Format}
    patch.setattr(planning, "NEXT", table)


@bug(first_seed=0)
def answers_before_it_is_durable(patch: Patch) -> None:
    """The store says that a commit is durable, and writes it later."""

    async def commit(self, changes, expected_revision):
        stored = self._disk.stored
        late = self._process.callLater(0.5, setattr, self._disk, "stored", None)
        late.cancel()
        await self._disk.commit(changes, expected_revision)
        after, self._disk.stored = self._disk.stored, stored
        self._process.callLater(0.5, setattr, self._disk, "stored", after)

    patch.setattr(ProcessStore, "commit", commit)


@bug(first_seed=2)
def silence_is_evidence(patch: Patch) -> None:
    """What a silent node holds may be taken, though nobody says that it is dead."""

    def dead(self, node, dataset):
        observed = self._observations.facts(dataset).get(node)
        instance = None if observed is None else observed.fact.instance
        known = self._operations.configuration.nodes.values()
        silent = (
            (sight := self._observations.sight(each.id)) is None or not sight.connected
            for each in known
            if instance is not None and each.instance_on("default") == instance
        )
        return (instance,) if any(silent) else ()

    patch.setattr(Agents, "_dead", dead)


@bug(first_seed=2)
def takes_from_the_living(patch: Patch) -> None:
    """A volume is detached from whatever machine has it."""

    def anybody(nodes, reporter, fact):
        return () if fact is None or fact.instance is None else (fact.instance,)

    patch.setattr(agents, "dead_holder", anybody)


@bug(first_seed=26)
def dead_in_any_life(patch: Patch) -> None:
    """A mark counts for a node in whatever life it is."""
    patch.setattr(Node, "is_dead", property(lambda node: node.dead is not None))
    patch.setattr(node_upkeep, "_still_dead", lambda mark, sight: mark)


@bug(first_seed=2)
def stands_down_in_words_only(patch: Patch) -> None:
    """A node that is to stand down confirms that, and lets go of nothing."""
    patch.setattr(Keeper, "stand_down", lambda self, *, now: None)
    patch.setattr(Keeper, "engaged", property(lambda self: False))


@bug(first_seed=3)
def ignores_leases(patch: Patch) -> None:
    """An agent gives a dataset away that is leased to its node."""
    want = keeping.want

    def careless(assignment, node, found, *, standing_down=False):
        bare = None if assignment is None else evolve(assignment, lease=None)
        return want(bare, node, found, standing_down=standing_down)

    patch.setattr(keeping, "want", careless)


@bug(first_seed=230)
def creates_without_looking(patch: Patch) -> None:
    """A volume is made though one is listed by now."""

    def create(step, rig):
        performing._make_volume(step, rig.backends[step.backend])
        return performing.DONE

    _performs(patch, Create, create)


@bug(first_seed=143)
def acts_without_control(patch: Patch) -> None:
    """An agent that lost control goes on with what it was told last."""
    patch.setattr(DatasetAgent, "cut_off", lambda self: self._reporting.talk_to(None))


@bug(first_seed=1)
def forgets_who_may_act(patch: Patch) -> None:
    """A node from which a dataset was taken is not waited for."""
    patch.setattr(Observations, "held_by", lambda self, dataset: ())


@bug(first_seed=210)
def serves_any_volume(patch: Patch) -> None:
    """A volume that says that it is of a dataset is taken for the one on record."""
    discover = keeping.discover

    def careless(dataset, assignment, seen, observation, place):
        listed = seen.volumes.get(dataset, ())
        if assignment is not None and assignment.ownership is not None and listed:
            last = min(volume.blockdevice_id for volume in listed)
            ownership = evolve(assignment.ownership, volume=last)
            assignment = evolve(assignment, ownership=ownership)
        return discover(dataset, assignment, seen, observation, place)

    patch.setattr(keeping, "discover", careless)


@bug(first_seed=1)
def takes_what_carries_its_id(patch: Patch) -> None:
    """Any volume with a dataset's id is taken for one that was made for it."""
    patch.setattr(discovery, "_was_made_for", lambda life, volume, seen: True)


@bug(first_seed=13)
def takes_what_carries_no_mark(patch: Patch) -> None:
    """A volume without a mark is taken, though another life may have left it."""
    made_for = discovery._was_made_for

    def careless(life, volume, seen):
        return volume.life is None or made_for(life, volume, seen)

    patch.setattr(discovery, "_was_made_for", careless)


@bug(first_seed=1)
def destroys_what_nobody_claims(patch: Patch) -> None:
    """With a deleted dataset goes what carries its id."""
    table = {**transitions.NEXT, (Want.DELETED, Condition.UNCLAIMED): Destroy}
    patch.setattr(planning, "NEXT", table)


@bug(first_seed=1)
def attaches_what_nobody_claims(patch: Patch) -> None:
    """A volume of another life is attached, to see what is on it."""
    table = {**transitions.NEXT, (Want.MOUNTED, Condition.UNCLAIMED): Attach}
    patch.setattr(planning, "NEXT", table)


@bug(first_seed=2)
def never_acquired(patch: Patch) -> None:
    """It is not put on record that a dataset holds data."""
    patch.setattr(upkeep, "_acquire", lambda ownership, facts: None)


def destroyed_too_early(patch: Patch) -> None:
    """A dataset counts as destroyed while a node is in the middle of making it."""
    destroyed = upkeep._destroyed

    def careless(dataset, facts, held_by, gone, times):
        return destroyed(dataset, facts, (), gone, times)

    patch.setattr(upkeep, "_destroyed", careless)


@bug(first_seed=124)
def an_update_is_lost(patch: Patch) -> None:
    """What was under way when a connection ended counts as told."""
    acknowledged = Agents._next

    def told(self, node, told):
        what = acknowledged(self, node, told)
        told.knows_all = True
        told.sending = False
        return what

    patch.setattr(Agents, "_next", told)


@bug(first_seed=32)
def control_is_not_told_again(patch: Patch) -> None:
    """An agent does not say again what it told the control service before."""

    def talk_to(self, link):
        self._link = link

    patch.setattr(Reporting, "talk_to", talk_to)


@bug(first_seed=7)
def gives_up_after_three_times(patch: Patch) -> None:
    """A step that has failed three times is never tried again."""
    start = Running.start

    def tired(self, key, step):
        _, failures = self._failures.get(key, (step, 0))
        return None if failures >= 3 else start(self, key, step)

    patch.setattr(Running, "start", tired)


def _performs(patch: Patch, step: type, how: Callable) -> None:
    """Do a step in another way."""
    real = performing._perform
    performs = {**real.registry, step: how}

    def perform(what, rig):
        return performs[type(what)](what, rig)

    patch.setattr(performing, "_perform", perform)


@each_of(BUGS)
def test_found(put_in: PutIn, monkeypatch: Patch) -> None:
    """A bug that is put in is found by one of the fixed seeds, which pass without."""
    put_in(monkeypatch)
    seeds = (BUGS[put_in], *range(ENOUGH))
    assert any(run(seed).violation is not None for seed in seeds)


def test_found_by_its_story(monkeypatch: Patch) -> None:
    """What the fixed seeds are too lucky for leaves a volume in a story of its own."""
    destroyed_too_early(monkeypatch)
    assert any(deleted_while_it_is_made(seed).service.volumes for seed in range(6))


def test_said_too_early(monkeypatch: Patch) -> None:
    """What may be unmounted this moment is said to be mounted, and a story tells."""
    monkeypatch.setattr(Observations, "letting_go", lambda self, dataset: frozenset())
    expect_found(lambda: [moved_there_and_back(moment) for moment in range(30)])
