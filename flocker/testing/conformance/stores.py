"""What every store of the configuration must do; derive from it to prove yours.

.. code-block:: python

    class TestMyStore(ConfigurationStoreConformance):
        def make(self) -> IConfigurationStore: ...
        def reopen(self, store: IConfigurationStore) -> IConfigurationStore: ...
"""

from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from functools import reduce
from typing import TypeVar
from uuid import UUID

import pytest
from attrs import evolve, frozen
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyrsistent import pmap
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from flocker.control.persistence.interface import IConfigurationStore, RevisionConflict
from flocker.model.changes import (
    Change,
    DatasetEdit,
    Edit,
    LeaseEdit,
    OwnershipEdit,
    apply,
)
from flocker.model.configuration import Configuration
from flocker.model.datasets import Dataset, FilesystemKind, Mounting
from flocker.model.ids import BackendName, DatasetID, NodeID, VolumeID
from flocker.model.leases import Holder, Lease
from flocker.model.ownership import Ownership

T = TypeVar("T")

NODE = NodeID(UUID("5d7a0000-0000-4000-8000-000000000001"))

_TEXT = st.text(st.characters(codec="utf-8"), max_size=20)


def a_dataset_id(number: int) -> DatasetID:
    """Give the id of the `number`th dataset of a test."""
    return DatasetID(UUID(int=0x11C50000_0000_4000_8000_000000000000 + number))


def a_dataset(number: int) -> Dataset:
    """Give the `number`th dataset of a test."""
    return Dataset(a_dataset_id(number), NODE, asked=float(number))


def an_ownership(number: int) -> Ownership:
    """Give the ownership record of the `number`th dataset."""
    volume = VolumeID(f"vol-{number}")
    return Ownership(a_dataset_id(number), BackendName("default"), volume)


def a_creation(number: int) -> Change:
    """Give the change that creates the `number`th dataset."""
    return Change((DatasetEdit(None, a_dataset(number)),))


@frozen
class _Step:
    """A change in the making: what becomes of the records of one dataset."""

    number: int
    dataset: Dataset | None
    ownership: Ownership | None
    lease: Lease | None

    def edits(self, configuration: Configuration) -> Iterator[Edit]:
        """Give what must be edited of `configuration`."""
        key = a_dataset_id(self.number)
        dataset = configuration.datasets.get(key)
        if dataset != self.dataset:
            yield DatasetEdit(dataset, self.dataset)
        ownership = configuration.ownership.get(key)
        if ownership != self.ownership:
            yield OwnershipEdit(ownership, self.ownership)
        lease = configuration.leases.get(key)
        if lease != self.lease:
            yield LeaseEdit(lease, self.lease)


@st.composite
def _steps(draw: st.DrawFn) -> _Step:
    number = draw(st.integers(0, 3))
    dataset = st.builds(
        Dataset,
        id=st.just(a_dataset_id(number)),
        primary=st.uuids(version=4).map(NodeID),
        maximum_size=st.none() | st.integers(2**26, 2**63 - 1),
        metadata=st.dictionaries(_TEXT, _TEXT, max_size=3).map(pmap),
        deleted=st.booleans(),
        destroyed=st.booleans(),
        destroyed_at=st.none() | st.floats(0, 2**32),
        asked=st.floats(0, 2**32),
        mount=st.sampled_from(Mounting),
        filesystem=st.sampled_from(FilesystemKind),
    )
    holder = st.builds(Holder, _TEXT, st.none() | st.floats(-(2**32), 2**34))
    lease = st.builds(
        Lease,
        dataset=st.just(a_dataset_id(number)),
        node=st.uuids(version=4).map(NodeID),
        holders=st.lists(holder, min_size=1, max_size=3).map(tuple),
    )
    ownership = st.builds(
        evolve,
        st.just(an_ownership(number)),
        acquired=st.booleans(),
        base=st.none() | _TEXT,
        candidate=st.none() | st.uuids(version=4).map(NodeID),
        pinned=st.booleans(),
    )
    return _Step(
        number,
        draw(st.none() | dataset),
        draw(st.none() | ownership),
        draw(st.none() | lease),
    )


_SEQUENCES = st.lists(
    st.lists(_steps(), max_size=3, unique_by=lambda step: step.number), max_size=6
)
"""Changes as lists of steps, none about the same dataset twice in one change."""


class ConfigurationStoreConformance:
    """The suite; each test makes stores of its own and closes them."""

    def make(self) -> IConfigurationStore:
        """Give a new, empty store."""
        raise NotImplementedError

    def reopen(self, store: IConfigurationStore) -> IConfigurationStore:
        """Close the store, and give another one that stands where it stood."""
        raise NotImplementedError

    def pump(self) -> None:
        """Let what is under way go on: override where it needs a reactor's turn."""
        raise AssertionError("the store has not answered, and nothing will make it")

    def complete(self, awaitable: Awaitable[T]) -> T:
        """Wait for an answer of the store; raise what it raises."""
        return self._join(_start(awaitable))

    def _join(self, answers: list[T | Failure]) -> T:
        while not answers:
            self.pump()
        (answer,) = answers
        if isinstance(answer, Failure):
            answer.raiseException()
        return answer

    @contextmanager
    def open(self) -> Iterator[IConfigurationStore]:
        """Give a store, and close it."""
        store = self.make()
        try:
            yield store
        finally:
            self.complete(store.close())

    def test_new_store_is_empty(self) -> None:
        """A new store holds the empty configuration."""
        with self.open() as store:
            assert self.complete(store.load()) == Configuration()

    def test_commit_is_loaded(self) -> None:
        """What was committed is what is loaded, one revision later."""
        with self.open() as store:
            self.complete(store.commit([a_creation(1)], 0))
            assert self.complete(store.load()) == apply(a_creation(1), Configuration())

    def test_commit_outlives_the_store(self) -> None:
        """What was committed is there when the store is opened again."""
        before = self.make()
        self.complete(before.commit([a_creation(1)], 0))
        store = self.reopen(before)
        try:
            found = self.complete(store.load())
            self.complete(store.commit([a_creation(2)], 1))
            both = apply(a_creation(2), found)
            assert found == apply(a_creation(1), Configuration())
            assert self.complete(store.load()) == both
        finally:
            self.complete(store.close())

    @pytest.mark.parametrize("expected", [0, 2, -1])
    def test_other_revision_is_refused(self, expected: int) -> None:
        """A change decided on another revision than the store's leaves no trace."""
        with self.open() as store:
            self.complete(store.commit([a_creation(1)], 0))
            with pytest.raises(RevisionConflict) as caught:
                self.complete(store.commit([a_creation(2)], expected))
            assert (caught.value.expected, caught.value.found) == (expected, 1)
            assert self.complete(store.load()) == apply(a_creation(1), Configuration())

    def test_refused_commit_does_not_stop_the_next(self) -> None:
        """After a conflict the same change goes in at the right revision."""
        with self.open() as store:
            with pytest.raises(RevisionConflict):
                self.complete(store.commit([a_creation(1)], 7))
            self.complete(store.commit([a_creation(1)], 0))
            assert self.complete(store.load()) == apply(a_creation(1), Configuration())

    def test_change_is_one_revision(self) -> None:
        """All edits of a change come together, as one revision."""
        change = Change(
            (
                *a_creation(1).edits,
                *a_creation(2).edits,
                OwnershipEdit(None, an_ownership(1)),
            )
        )
        with self.open() as store:
            self.complete(store.commit([change], 0))
            found = self.complete(store.load())
            assert found == apply(change, Configuration())
            assert found.revision == 1

    def test_several_changes_are_several_revisions(self) -> None:
        """Changes that are committed together lead to a revision each, in order."""
        removal = Change((DatasetEdit(a_dataset(1), None),))
        changes = [a_creation(1), a_creation(2), removal]
        with self.open() as store:
            self.complete(store.commit(changes, 0))
            found = self.complete(store.load())
            assert found == reduce(_after, changes, Configuration())
            assert found.revision == 3

    def test_several_changes_come_all_or_none(self) -> None:
        """Changes that are committed together are refused together."""
        with self.open() as store:
            self.complete(store.commit([a_creation(1)], 0))
            with pytest.raises(RevisionConflict):
                self.complete(store.commit([a_creation(2), a_creation(3)], 0))
            assert self.complete(store.load()) == apply(a_creation(1), Configuration())

    def test_absence_is_stored(self) -> None:
        """A record whose edit leads to nothing is not there any more."""
        creation = Change((OwnershipEdit(None, an_ownership(1)),))
        removal = Change((OwnershipEdit(an_ownership(1), None),))
        with self.open() as store:
            self.complete(store.commit([creation], 0))
            self.complete(store.commit([removal], 1))
            assert self.complete(store.load()) == Configuration(revision=2)

    def test_ownership_is_no_change_of_datasets(self) -> None:
        """The revision of the datasets stays where only ownership changes."""
        with self.open() as store:
            self.complete(store.commit([a_creation(1)], 0))
            ownership = Change((OwnershipEdit(None, an_ownership(1)),))
            self.complete(store.commit([ownership], 1))
            found = self.complete(store.load())
            assert (found.revision, found.datasets_revision) == (2, 1)

    def test_volumes_are_found_again(self) -> None:
        """Whose a volume is can be looked up in what was loaded."""
        ownership = an_ownership(1)
        with self.open() as store:
            self.complete(store.commit([Change((OwnershipEdit(None, ownership),))], 0))
            volumes = self.complete(store.load()).volumes
            place = (ownership.backend, ownership.volume)
            assert dict(volumes) == {place: a_dataset_id(1)}

    def test_one_of_two_concurrent_commits_wins(self) -> None:
        """Of two commits at one revision exactly one is made."""
        with self.open() as store:
            numbers = (1, 2)
            started = [_start(store.commit([a_creation(n)], 0)) for n in numbers]
            refusals = [self._refusal(answers) for answers in started]
            assert sorted(refusals, key=str) == [(0, 1), None]
            won = numbers[refusals.index(None)]
            found = self.complete(store.load())
            assert found == apply(a_creation(won), Configuration())

    def test_check_changes_nothing(self) -> None:
        """To try whether it works leaves a store as it is."""
        with self.open() as store:
            self.complete(store.commit([a_creation(1)], 0))
            before = self.complete(store.load())
            self.complete(store.check())
            assert self.complete(store.load()) == before

    # Each store's class is an executor of its own, and none keeps examples.
    @settings(max_examples=30, suppress_health_check=[HealthCheck.differing_executors])
    @given(sequence=_SEQUENCES)
    def test_load_is_the_fold_of_commits(self, sequence: list[list[_Step]]) -> None:
        """Any sequence of changes is stored as what applying them one by one gives."""
        store = self.make()
        expected = Configuration()
        for steps in sequence:
            change = Change(tuple(e for s in steps for e in s.edits(expected)))
            self.complete(store.commit([change], expected.revision))
            expected = apply(change, expected)
        store = self.reopen(store)
        try:
            assert self.complete(store.load()) == expected
        finally:
            self.complete(store.close())

    def _refusal(self, answers: list[Failure | None]) -> tuple[int, int] | None:
        try:
            self._join(answers)
        except RevisionConflict as error:
            return (error.expected, error.found)
        return None


def _start(awaitable: Awaitable[T]) -> list[T | Failure]:
    """Begin; the list has one element once there is an answer."""

    async def waiting() -> T:
        return await awaitable

    answers: list[T | Failure] = []
    _ = Deferred.fromCoroutine(waiting()).addBoth(answers.append)
    return answers


def _after(configuration: Configuration, change: Change) -> Configuration:
    return apply(change, configuration)
