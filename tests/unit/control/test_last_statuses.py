"""The last status of each dataset, the first of which are made late."""

from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyrsistent import pmap

from flocker.control import last_statuses
from flocker.control.last_statuses import LastStatuses
from flocker.control.observations import Observations
from flocker.model.cluster import Phase
from flocker.model.configuration import Configuration
from flocker.model.ids import DatasetID
from flocker.model.status import Status, status
from flocker.testing.builders import a_dataset, a_node, dataset_id, node_id

MANY = 7
STORED = Configuration(
    datasets=pmap({each.id: each for each in map(a_dataset, range(MANY))}),
    nodes=pmap({node_id(): a_node()}),
)
FAILED = Status(Phase.FAILED, 5.0, node_id())
MOUNTED = Status(Phase.MOUNTED, 6.0, node_id())


def observed() -> Observations:
    """What control knows of nodes when it starts: that they are on record."""
    observations = Observations()
    observations.recall(STORED.nodes.values())
    return observations


def first() -> dict[DatasetID, Status]:
    """The statuses that follow from what is stored."""
    return {
        dataset.id: status(dataset, {}, observed().nodes, None, STORED.nodes)
        for dataset in STORED.datasets.values()
    }


def test_first_statuses() -> None:
    """Until another one is noted, a status follows from what was stored."""
    statuses = LastStatuses(STORED, observed())
    assert {name: statuses.of(name) for name in STORED.datasets} == first()
    assert statuses.of(dataset_id(MANY)) is None


def test_what_nodes_do_later_is_not_in_the_first_statuses() -> None:
    """A status that is made late is the one of the start."""
    observations = observed()
    statuses = LastStatuses(STORED, observations)
    observations.forget(node_id())
    assert statuses.of(dataset_id()) == first()[dataset_id()]


actions = st.one_of(
    st.tuples(
        st.builds(dataset_id, st.integers(0, MANY)),
        st.sampled_from([None, FAILED, MOUNTED]),
    ),
    st.sampled_from(["some", "count"]),
)


@given(st.lists(actions, max_size=20))
def test_nobody_can_tell_when_they_were_made(
    happened: list[tuple[DatasetID, Status | None] | str],
) -> None:
    """Whatever is noted while they are made, and counted, it is as if all had been."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(last_statuses, "AT_ONCE", 2)
        wanted = first()
        statuses = LastStatuses(STORED, observed())
        making: Iterator[None] = statuses.complete()
        for each in happened:
            match each:
                case "some":
                    _ = next(making, None)
                case "count":
                    assert +Counter(statuses.phases) == phases(wanted)
                case (name, found):
                    statuses.note(name, found)
                    wanted.pop(name, None)
                    if found is not None:
                        wanted[name] = found
        for number in range(MANY + 1):
            name = dataset_id(number)
            assert statuses.of(name) == wanted.get(name)
        assert +Counter(statuses.phases) == phases(wanted)


def phases(statuses: dict[DatasetID, Status]) -> Counter[Phase]:
    """Count them."""
    return Counter(each.phase for each in statuses.values())
