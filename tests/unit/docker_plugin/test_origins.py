"""Tests of what a volume is made from."""

from uuid import UUID

import pytest
from attrs import evolve

from flocker.client.interface import Source
from flocker.docker_plugin.options import (
    PROFILE,
    BadOption,
    Origin,
    VolumeOptions,
    read_options,
)
from flocker.docker_plugin.origins import (
    FROM,
    TAKEN,
    MadeOtherwise,
    NoSuchOrigin,
    check_agrees,
    check_made_from,
    made_from,
    marks,
    own_snapshot,
    pick,
    taken_for,
)
from flocker.model.datasets import FilesystemKind
from flocker.model.ids import BackendName, DatasetID, NodeID
from flocker.model.sizes import GIBIBYTE
from flocker.model.snapshots import LONGEST_NAME
from flocker.wire.answers import DatasetAnswer, SnapshotAnswer

DATASET = DatasetID(UUID("11111111-1111-4111-8111-111111111111"))
LETTERS = DatasetAnswer(
    dataset_id=DATASET,
    name="letters",
    metadata={"name": "letters", PROFILE: "gold"},
    primary=NodeID(UUID(int=2)),
    backend=BackendName("default"),
    mount="on-use",
    filesystem="xfs",
    maximum_size=10 * GIBIBYTE,
    deleted=False,
    phase="mounted",
    since="",
    seconds=0.0,
    node=None,
    cause=None,
    path=None,
    size=None,
)


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("letters", Origin("letters")),
        ("letters@monday", Origin("letters", "monday")),
        ("a@b@monday", Origin("a@b", "monday")),
        ("", None),
    ],
)
def test_read(text: str, origin: Origin | None) -> None:
    """The snapshot is what follows on the last ``@``."""
    assert read_options({"from": text}).origin == origin


@pytest.mark.parametrize("text", ["@", "@monday", "letters@", "x" * 257, "a\nb"])
def test_misread(text: str) -> None:
    """What names no volume, or an empty snapshot, is refused with an example."""
    with pytest.raises(BadOption, match=r"^option from: .*-o from=letters@monday$"):
        read_options({"from": text})


@pytest.mark.parametrize("name", ["copy", "a" * 64, "été/1", "x" * 255])
def test_own_snapshot(name: str) -> None:
    """Its name is one that control takes, and no other attempt has the same."""
    found = own_snapshot(name, DATASET)
    assert found.startswith("docker-")
    assert found.endswith("-11111111")
    assert len(found) <= LONGEST_NAME
    assert found.isascii()
    assert "/" not in found


def test_made_from() -> None:
    """The same wish again is answered by what was made, any other is refused."""
    source = Source(DATASET, "docker-copy-11111111")
    kept = marks(Origin("letters"), source, LETTERS.metadata)
    assert kept[PROFILE] == "gold"
    assert made_from(kept) == "letters@docker-copy-11111111"
    assert taken_for(kept) == source
    check_made_from("copy", kept, Origin("letters"))
    check_made_from("copy", kept, Origin("letters", "docker-copy-11111111"))
    check_made_from("copy", kept, None)
    refused = (
        "volume copy exists already and was made from letters@docker-copy-11111111, so"
        " it cannot be made from letters@monday: choose another name"
    )
    with pytest.raises(MadeOtherwise, match=f"^{refused}$"):
        check_made_from("copy", kept, Origin("letters", "monday"))
    with pytest.raises(MadeOtherwise, match="was not made from another volume"):
        check_made_from("letters", LETTERS.metadata, Origin("other"))


def test_made_from_a_snapshot_that_was_there() -> None:
    """A snapshot of the user's is not noted as ours; one taken now is another wish."""
    kept = marks(Origin("letters", "monday"), Source(DATASET, "monday"), {})
    assert kept == {FROM: "letters@monday"}
    assert taken_for(kept) is None
    with pytest.raises(MadeOtherwise, match="was made from letters@monday, so"):
        check_made_from("copy", kept, Origin("letters"))


@pytest.mark.parametrize("text", ["", "nothing", "@x", "no-uuid@x", f"{DATASET}@"])
def test_taken_for_misread(text: str) -> None:
    """Metadata that somebody wrote himself names no snapshot that is ours."""
    assert taken_for({TAKEN: text}) is None


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (
            {"size": "1G"},
            (
                "option size: 1G is less than letters has, and what is made from it"
                " cannot be smaller; for example: -o size=10G"
            ),
        ),
        ({"profile": "silver"}, "option profile: letters has 'gold', and so has what"),
        ({"filesystem": "ext4"}, "option filesystem: letters has xfs, and so has what"),
    ],
)
def test_disagrees(options: dict[str, str], complaint: str) -> None:
    """What cannot be otherwise than in its source is refused."""
    with pytest.raises(BadOption, match=complaint):
        check_agrees(read_options(options), LETTERS)


@pytest.mark.parametrize(
    "options",
    [
        VolumeOptions(),
        VolumeOptions(size=10 * GIBIBYTE, profile="gold"),
        VolumeOptions(size=11 * GIBIBYTE, filesystem=FilesystemKind.XFS),
    ],
)
def test_agrees(options: VolumeOptions) -> None:
    """What is as the source, or larger, is granted."""
    check_agrees(options, LETTERS)


def test_disagrees_with_what_has_no_size() -> None:
    """A source of no size has the size of its volume, or the usual one."""
    unsized = evolve(LETTERS, maximum_size=None)
    with pytest.raises(BadOption, match="size=75G"):
        check_agrees(VolumeOptions(size=GIBIBYTE), unsized)
    check_agrees(VolumeOptions(size=GIBIBYTE), evolve(unsized, size=GIBIBYTE))


def a_snapshot(name: str, *, deleted: bool = False) -> SnapshotAnswer:
    """A snapshot of letters."""
    return SnapshotAnswer(DATASET, "1", name, "", None, deleted)


def test_pick() -> None:
    """A snapshot is found by its name, a deleted one is not."""
    there = [a_snapshot("monday", deleted=True), a_snapshot("tuesday")]
    assert pick(Origin("letters", "tuesday"), there) == there[1]
    complaint = (
        "option from=letters@monday: volume letters has no snapshot monday; the last"
        " that it has: tuesday"
    )
    with pytest.raises(NoSuchOrigin, match=f"^{complaint}$"):
        pick(Origin("letters", "monday"), there)
    with pytest.raises(NoSuchOrigin, match=r"it has none$"):
        pick(Origin("letters", "monday"), there[:1])
