"""Deliberate bugs: each makes one rule of the real code wrong, and must be found.

A simulation that finds nothing is worth as much as the bugs it has been seen to find.
With each stands how many of the seeds 0 to 199 find it (``FLOCKER_COUNT_BUGS=200``
counts anew).
"""

import os
from collections.abc import Callable

import pytest
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
from flocker.dataset_agent.steps import Create, Format
from flocker.model.cluster import Condition, Want
from flocker.model.nodes import Node
from flocker.testing.simulation.running import run
from flocker.testing.simulation.stores import ProcessStore

ENOUGH = 600
"""Seeds within which each bug must be found: those of `test_seeds`."""

Patch = pytest.MonkeyPatch
BUGS: dict[Callable[[Patch], None], int] = {}


def bug(found_by: int) -> Callable[[Callable[[Patch], None]], Callable[[Patch], None]]:
    """Put a bug on the list; so many of the first 200 seeds find it."""

    def add(put_in: Callable[[Patch], None]) -> Callable[[Patch], None]:
        BUGS[put_in] = found_by
        return put_in

    return add


@bug(found_by=0)
def formats_any_blank_device(patch: Patch) -> None:
    """A blank device is formatted, though it is on record that it held data."""
    by_content = discovery._by_content

    def careless(dataset, volume, device, *, acquired):
        return by_content(dataset, volume, device, acquired=False)

    patch.setattr(discovery, "_by_content", careless)


@bug(found_by=0)
def formats_what_is_there(patch: Patch) -> None:
    """What carries a filesystem is formatted, and so is never mounted."""
    table = {**transitions.NEXT, (Want.MOUNTED, Condition.ATTACHED): Format}
    patch.setattr(planning, "NEXT", table)


@bug(found_by=0)
def answers_before_it_is_durable(patch: Patch) -> None:
    """The store says that a commit is durable, and writes it later."""

    async def commit(self, change, expected_revision):
        stored = self._disk.stored
        late = self._process.callLater(0.5, setattr, self._disk, "stored", None)
        late.cancel()
        await self._disk.commit(change, expected_revision)
        after, self._disk.stored = self._disk.stored, stored
        self._process.callLater(0.5, setattr, self._disk, "stored", after)

    patch.setattr(ProcessStore, "commit", commit)


@bug(found_by=0)
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


@bug(found_by=0)
def takes_from_the_living(patch: Patch) -> None:
    """A volume is detached from whatever machine has it."""

    def anybody(nodes, reporter, fact):
        return () if fact is None or fact.instance is None else (fact.instance,)

    patch.setattr(agents, "dead_holder", anybody)


@bug(found_by=0)
def dead_in_any_life(patch: Patch) -> None:
    """A mark counts for a node in whatever life it is."""
    patch.setattr(Node, "is_dead", property(lambda node: node.dead is not None))
    patch.setattr(node_upkeep, "_still_dead", lambda mark, sight: mark)


@bug(found_by=0)
def stands_down_in_words_only(patch: Patch) -> None:
    """A node that is to stand down confirms that, and lets go of nothing."""
    patch.setattr(Keeper, "stand_down", lambda self, *, now: None)
    patch.setattr(Keeper, "engaged", property(lambda self: False))


@bug(found_by=0)
def ignores_leases(patch: Patch) -> None:
    """An agent gives a dataset away that is leased to its node."""
    want = keeping.want

    def careless(assignment, node, found, *, standing_down=False):
        bare = None if assignment is None else evolve(assignment, lease=None)
        return want(bare, node, found, standing_down=standing_down)

    patch.setattr(keeping, "want", careless)


@bug(found_by=0)
def creates_without_looking(patch: Patch) -> None:
    """A volume is made though one is listed by now."""

    def create(step, rig):
        backend = rig.backends[step.backend]
        backend.api.create_volume(dataset_id=step.dataset, size=step.size)
        return performing.DONE

    _performs(patch, Create, create)


@bug(found_by=0)
def detaches_without_looking(patch: Patch) -> None:
    """A volume is detached though by now another machine has it."""
    patch.setattr(performing, "_attached_otherwise", lambda backend, step: None)


@bug(found_by=0)
def acts_without_control(patch: Patch) -> None:
    """An agent that lost control goes on with what it was told last."""
    patch.setattr(DatasetAgent, "cut_off", lambda self: self._reporting.talk_to(None))


@bug(found_by=0)
def forgets_who_may_act(patch: Patch) -> None:
    """A node from which a dataset was taken is not waited for."""
    patch.setattr(Observations, "held_by", lambda self, dataset: ())


@bug(found_by=0)
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


@bug(found_by=0)
def never_acquired(patch: Patch) -> None:
    """It is not put on record that a dataset holds data."""
    patch.setattr(upkeep, "_acquire", lambda ownership, facts: None)


@bug(found_by=0)
def destroyed_too_early(patch: Patch) -> None:
    """A dataset counts as destroyed while a node is in the middle of making it."""
    destroyed = upkeep._destroyed

    def careless(dataset, facts, held_by, gone, times):
        return destroyed(dataset, facts, (), gone, times)

    patch.setattr(upkeep, "_destroyed", careless)


@bug(found_by=0)
def an_update_is_lost(patch: Patch) -> None:
    """What was under way when a connection ended counts as told."""
    acknowledged = Agents._next

    def told(self, node, told):
        what = acknowledged(self, node, told)
        told.knows_all = True
        told.sending = False
        return what

    patch.setattr(Agents, "_next", told)


@bug(found_by=0)
def control_is_not_told_again(patch: Patch) -> None:
    """An agent does not say again what it told the control service before."""

    def talk_to(self, link):
        self._link = link

    patch.setattr(Reporting, "talk_to", talk_to)


@bug(found_by=0)
def gives_up_after_three_times(patch: Patch) -> None:
    """A step that has failed three times is never tried again."""
    start = Running.start

    def tired(self, key, step):
        _, failures = self._failures.get(key, (step, 0))
        return None if failures >= 3 else start(self, key, step)

    patch.setattr(Running, "start", tired)


@bug(found_by=0)
def nobody_looks_when_a_node_falls_silent(patch: Patch) -> None:
    """What a node was to let go is not looked at again when its connection ends.

    This one was real: the simulation found it on the day it went event by event.
    """

    def disconnected(self, connection):
        node, seen = connection.identity.node, self._observations
        if self.connection_of(node) is not connection:
            return
        self._told[node].connection = None
        acting = seen.may_act_on(node)
        with self._telling_of_holders(acting.union(seen.reported_by(node))):
            touched = seen.disconnected(node, self._now())
            seen.acts_no_more(node, acting)
        self._operations.heard_of(touched, (node,))

    patch.setattr(Agents, "disconnected", disconnected)


def _performs(patch: Patch, step: type, how: Callable) -> None:
    """Do a step in another way."""
    real = performing._perform
    performs = {**real.registry, step: how}

    def perform(what, rig):
        return performs[type(what)](what, rig)

    patch.setattr(performing, "_perform", perform)


@pytest.mark.parametrize("put_in", BUGS, ids=lambda each: each.__name__)
def test_found(put_in: Callable[[Patch], None], monkeypatch: Patch) -> None:
    """A bug that is put in is found by one of the fixed seeds."""
    put_in(monkeypatch)
    assert any(run(seed).violation is not None for seed in range(ENOUGH))


@pytest.mark.skipif("FLOCKER_COUNT_BUGS" not in os.environ, reason="counts, for docs")
@pytest.mark.slow
def test_count(capsys: pytest.CaptureFixture[str]) -> None:
    """Counts the seeds that find each bug."""
    seeds = range(int(os.environ["FLOCKER_COUNT_BUGS"]))
    for put_in in BUGS:
        with pytest.MonkeyPatch.context() as patch:
            put_in(patch)
            found = [seed for seed in seeds if run(seed).violation is not None]
        with capsys.disabled():
            print(put_in.__name__, len(found), found[:5])  # noqa: T201
