"""Tests of what a volume is, and of what to do about one."""

from uuid import UUID

from attrs import evolve

from flocker.docker_plugin.volumes import (
    Decision,
    InUse,
    MountedHere,
    Move,
    NoSuchVolume,
    Refused,
    Waiting,
    choose,
    created_at,
    decide,
    named,
    status,
)
from flocker.model.ids import BackendName, DatasetID, NodeID
from flocker.model.sizes import GIBIBYTE
from flocker.wire.answers import (
    CauseAnswer,
    ConfiguredAnswer,
    DatasetAnswer,
    HolderAnswer,
    LeaseAnswer,
    NodeAnswer,
)

NODE = NodeID(UUID("aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"))
OTHER = NodeID(UUID("bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"))
FIRST, SECOND = DatasetID(UUID(int=1)), DatasetID(UUID(int=2))
PATH = "/flocker/x"
BUSY = CauseAnswer("busy", "it is used by postgres (pid 512)", "stop it")
MOUNTED = DatasetAnswer(
    dataset_id=FIRST,
    name="pg",
    metadata={"name": "pg"},
    primary=OTHER,
    backend=BackendName("default"),
    mount="on-use",
    filesystem="ext4",
    maximum_size=GIBIBYTE,
    deleted=False,
    phase="mounted",
    since="",
    seconds=0.0,
    node=NODE,
    cause=None,
    path=PATH,
    size=None,
)
LEASE = LeaseAnswer(FIRST, OTHER, None, (HolderAnswer("docker:ab web", None),))
ALONE = NodeAnswer(
    OTHER,
    "10.0.0.2",
    connected=True,
    since="12:00",
    last_seen="",
    seconds=0.0,
    era="",
    version="",
)


def decided(seen: DatasetAnswer, *mounts: str) -> Decision:
    """What is decided on the node, where these paths are mounts."""
    return decide(seen, NODE, lambda path: path in mounts)


def test_here() -> None:
    """What is mounted here is given to Docker."""
    assert decided(MOUNTED, PATH) == MountedHere(PATH)


def test_only_mounts_are_given() -> None:
    """A path at which nothing is mounted is never given to Docker."""
    assert decided(MOUNTED) == Waiting(
        "nothing is mounted at /flocker/x, where its agent has it"
    )


def test_coming() -> None:
    """What is on its way is waited for, with the cause."""
    leaving = evolve(MOUNTED, phase="unmounting", node=OTHER, cause=BUSY)
    assert decided(leaving, PATH) == Waiting(
        f"it is unmounting on node {OTHER}: it is used by postgres (pid 512)"
        " (to release it: stop it)"
    )
    assert decided(evolve(MOUNTED, node=OTHER), PATH) == Waiting(
        f"it is mounted on node {OTHER}"
    )


def test_always_mounted_is_moved() -> None:
    """A dataset that is always mounted, as flockerctl makes them, is moved here."""
    elsewhere = evolve(MOUNTED, mount="always", node=OTHER)
    assert decided(elsewhere, PATH) == Move()
    assert decided(evolve(elsewhere, phase="failed"), PATH) == Move()
    assert decided(evolve(elsewhere, primary=NODE), PATH) == Waiting(
        f"it is mounted on node {OTHER}"
    )


def test_hopeless() -> None:
    """What needs somebody to act, and what is deleted, is not waited for."""
    failed = evolve(MOUNTED, phase="failed", cause=BUSY)
    assert isinstance(decided(failed, PATH), Refused)
    deleted = evolve(MOUNTED, deleted=True)
    assert decided(deleted, PATH) == Refused("it was deleted meanwhile")


def configured(
    dataset: DatasetID, name: str, *, deleted: bool = False
) -> ConfiguredAnswer:
    """A dataset of a name."""
    return ConfiguredAnswer(dataset, NODE, deleted, {"name": name})


def test_named() -> None:
    """A volume is a dataset of exactly that name that is not deleted."""
    first, second = configured(FIRST, "pg"), configured(SECOND, "pg")
    others = [configured(FIRST, "PG"), configured(FIRST, "pg", deleted=True)]
    assert named([second, *others, first], "pg") == (first, second)


def test_choose() -> None:
    """Of several of a name the one that is here is taken, else the lowest id."""
    found = (configured(FIRST, "pg"), configured(SECOND, "pg"))
    assert choose(found, lambda dataset: dataset == SECOND) == found[1]
    assert choose(found, lambda dataset: False) == found[0]
    assert choose((), lambda dataset: True) is None


def test_in_use() -> None:
    """Who uses a volume is named, with the node."""
    assert str(InUse("pg", LEASE, ALONE)) == (
        f"volume pg is in use on node 10.0.0.2 ({OTHER}) by container web (docker)"
    )
    assert str(InUse("pg", LEASE, None)) == (
        f"volume pg is in use on node {OTHER} by container web (docker)"
    )


def test_in_use_on_a_silent_node() -> None:
    """Where that node is silent, the way out is named."""
    assert str(InUse("pg", LEASE, evolve(ALONE, connected=False))).endswith(
        "not connected since 12:00: bring it back; or make sure that the machine is"
        f" off, and say so with: flockerctl node dead {OTHER} --i-have-checked"
    )


def test_no_such_volume() -> None:
    """An unknown name is named."""
    assert str(NoSuchVolume("pg")) == (
        "no such volume: there is no dataset of the name 'pg'"
    )


def test_status() -> None:
    """What docker volume inspect shows has size, place, users and cause."""
    seen = evolve(MOUNTED, phase="unmounting", cause=BUSY)
    assert status(seen, LEASE, {NODE: "10.0.0.1", OTHER: "10.0.0.2"}) == {
        "dataset": str(FIRST),
        "phase": "unmounting",
        "size": "1G",
        "backend": "default",
        "filesystem": "ext4",
        "node": "10.0.0.1",
        "leased to": "10.0.0.2",
        "used by": ["container web (docker)"],
        "cause": "it is used by postgres (pid 512) (to release it: stop it)",
        "on_remove": "keep",
    }


def test_created_at() -> None:
    """When a volume was created is what its metadata has, if that is a time."""
    time = "2026-11-28T21:00:00+00:00"
    assert created_at({"flocker:docker:created": time}) == time
    assert created_at({"flocker:docker:created": "yesterday"}) is None
    assert created_at({}) is None
