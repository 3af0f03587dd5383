"""Deliberate faults of the ownership protocol: each must be found, or is known to be
a second barrier, of which another guard does the work too.

They stand in the modules `faults_of_...`, by theme.
"""

from pathlib import Path

import pytest
from attrs import evolve

from flocker.testing.ownership.search import explore, play
from flocker.testing.ownership.space import PoolSpace
from tests.simulation import (
    faults_of_copies,
    faults_of_moves,
    faults_of_rollbacks,
    faults_of_snapshots,
)
from tests.simulation.bugs import Patch, PutIn, each_of
from tests.simulation.faults_of_copies import destroyed_by_an_old_wish
from tests.simulation.protocol_faults import Case

DOCS = Path(__file__).parents[2] / "docs" / "contributing" / "ownership.rst"

MOST = 3_000_000

THEMES = (
    faults_of_moves.FAULTS,
    faults_of_copies.FAULTS,
    faults_of_rollbacks.FAULTS,
    faults_of_snapshots.FAULTS,
)
FOUND = {put_in: case for each in THEMES for put_in, case in each.by_search.items()}
HARMLESS = {put_in: case for each in THEMES for put_in, case in each.second.items()}


def searched(put_in: PutIn, case: Case, patch: Patch):
    """Search with a fault put in; what the script says happens without it."""
    space = PoolSpace(case.budget, **case.world)
    put_in(patch)
    start, wrong = play(space, space.start, case.script)
    assert wrong is None
    return explore(space, start, most=MOST)


@each_of(FOUND)
def test_found(put_in: PutIn, monkeypatch: Patch) -> None:
    """A fault that is put in is found, in as few steps as the table says."""
    case = FOUND[put_in]
    result = searched(put_in, case, monkeypatch)
    assert (result.wrong or "nothing").split(":")[0] == case.wrong, str(result)
    assert len(case.script) + result.depth == case.depth, str(result)


@each_of(HARMLESS)
def test_second_barrier(put_in: PutIn, monkeypatch: Patch) -> None:
    """Without it alone all holds; where harm is found it has become a first one."""
    result = searched(put_in, HARMLESS[put_in], monkeypatch)
    assert result.complete
    assert result.wrong is None, str(result)


@each_of([*FOUND, *HARMLESS])
def test_documented(put_in: PutIn) -> None:
    """The table of the documentation has each fault, with what the search finds."""
    case = FOUND.get(put_in)
    found = f"{case.wrong}, {case.depth}" if case else "second barrier"
    assert f"``{put_in.__name__}``\n     - {found}" in DOCS.read_text()


@pytest.mark.slow
def test_old_wish_from_the_beginning(monkeypatch: Patch) -> None:
    """What is found after a script is also found without: it takes half a million."""
    put_in = destroyed_by_an_old_wish
    case = evolve(FOUND[put_in], script=())
    result = searched(put_in, case, monkeypatch)
    assert result.depth == case.depth
