"""The table, and the rules that it must keep whatever is changed in it."""

from itertools import product

import pytest

from flocker.dataset_agent.causes import TEMPLATES
from flocker.dataset_agent.steps import (
    Attach,
    Create,
    Destroy,
    Detach,
    Format,
    Mount,
    Unmount,
)
from flocker.dataset_agent.transitions import NEXT, REST, TAKING, Refuse, Wait
from flocker.model.cluster import HOLDING, Condition, Want


def where(step: object) -> set[tuple[Want, Condition]]:
    """The entries of the table that have a step."""
    return {place for place, entry in NEXT.items() if entry is step}


def steps_of(want: Want) -> set[object]:
    """All that is ever done for a wish."""
    return {entry for (w, _), entry in NEXT.items() if w is want} & {
        Create,
        Attach,
        Format,
        Mount,
        Unmount,
        Detach,
        Destroy,
    }


def test_table_is_total():
    """There is an answer to every wish in every situation, and no other."""
    assert set(NEXT) == set(product(Want, Condition))


def test_only_blank_is_formatted():
    """Nothing is formatted but what is blank and never held data."""
    assert where(Format) == {(Want.MOUNTED, Condition.BLANK)}


def test_only_deleted_is_destroyed():
    """Nothing is destroyed but what a user deleted, and nothing that is in use."""
    assert where(Destroy) == {
        (Want.DELETED, Condition.DETACHED),
        (Want.DELETED, Condition.REGISTERED),
    }


def test_only_missing_is_created():
    """A volume is made only where none is listed or on record."""
    assert where(Create) == {(Want.MOUNTED, Condition.MISSING)}


def test_away_only_lets_go():
    """A node that should not have a dataset does nothing but let go of it."""
    assert steps_of(Want.AWAY) == {Unmount, Detach}


def test_away_lets_go_of_all_it_holds():
    """A node that should not have a dataset keeps nothing of it."""
    acted_on = {
        condition
        for want, condition in where(Detach) | where(Unmount)
        if want is Want.AWAY
    }
    assert acted_on == HOLDING


def test_left_alone():
    """A volume unheard of is not touched."""
    assert steps_of(Want.LEFT_ALONE) == set()


def test_kept():
    """What is wanted nowhere is neither taken nor let go, and needs no words."""
    assert {NEXT[Want.KEPT, condition] for condition in Condition} == {REST}


def test_detached_only_when_not_mounted():
    """Nothing that is mounted is detached."""
    mounted = {Condition.MOUNTED, Condition.STRANDED}
    assert {c for _, c in where(Detach)} & mounted == set()


def test_other_machines_are_left_their_volumes():
    """What another machine has is waited for, unless that machine is off."""
    assert {NEXT[want, Condition.ELSEWHERE] for want in Want} == {
        Wait("attached-elsewhere", poll=10.0),
        REST,
    }


@pytest.mark.parametrize("want", [Want.MOUNTED, Want.DELETED])
def test_something_is_said(want: Want):
    """Where a wish is neither fulfilled nor worked on there is a cause."""
    fulfilled = {
        Want.MOUNTED: {Condition.MOUNTED},
        Want.DELETED: {
            Condition.MISSING,
            Condition.DESTROYED,
            Condition.UNCLAIMED,
        },
    }
    resting = {c for (w, c), entry in NEXT.items() if w is want and entry == REST}
    assert resting == fulfilled[want]


def test_every_cause_has_words():
    """Every code has a template, every template is used."""
    codes = {e.code for e in NEXT.values() if isinstance(e, Wait | Refuse)}
    assert codes == set(TEMPLATES)


def test_refusals_tell_what_to_do():
    """What waits for a person says what to do."""
    refused = {e.code for e in NEXT.values() if isinstance(e, Refuse)}
    assert all(TEMPLATES[code].release for code in refused)


def test_taking():
    """All steps but those that let go take the volume for this node."""
    assert frozenset({Create, Attach, Format, Mount, Destroy}) == TAKING
