"""Tests of what each call does, against the real REST API and a clock."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import eliot
import pytest

from flocker.client.interface import NewDataset, NewLease, Unreachable
from flocker.docker_plugin.creating import TooBusy
from flocker.docker_plugin.mounting import NotMounted
from flocker.docker_plugin.options import BadOption
from flocker.docker_plugin.plugin import NotHere
from flocker.docker_plugin.startup import NodeNotKnown
from flocker.docker_plugin.volumes import InUse, NoSuchVolume
from flocker.model.cluster import Cause, Condition, Fact, Phase, Want
from flocker.model.datasets import DEFAULT_BACKEND
from flocker.model.ids import Era, InstanceID
from tests.unit.docker_plugin.conftest import DATASET, NODE, OTHER, Rig, of


def test_capabilities(rig: Rig) -> None:
    """A volume is the whole cluster's."""
    assert rig.call("capabilities") == {"Capabilities": {"Scope": "global"}}


def test_create(rig: Rig) -> None:
    """A created volume is a dataset that is mounted on use; again changes nothing."""
    rig.call("create", Name="pg", Opts={"size": "1G"})
    rig.call("create", Name="pg", Opts={"size": "2G"})
    (made,) = rig.control.operations.configuration.datasets.values()
    assert (made.id, made.primary, made.mount.value) == (DATASET, NODE, "on-use")
    assert (made.name, made.maximum_size) == ("pg", 2**30)


def test_create_with_a_bad_option(rig: Rig) -> None:
    """A bad option creates nothing."""
    with pytest.raises(BadOption):
        rig.call("create", Name="pg", Opts={"size": "much"})
    assert rig.control.operations.configuration.datasets == {}


def test_create_meets_another(rig: Rig) -> None:
    """What another node creates between look and create is found, not doubled."""
    done: list[object] = []
    twin = NewDataset(DATASET, OTHER, metadata={"name": "pg"})

    def meanwhile() -> None:
        rig.control.acts.clear()
        work = rig.control.client().create(twin)
        done.append(rig.begin_work(work))

    rig.control.before("POST", meanwhile)
    rig.call("create", Name="pg")
    datasets = rig.control.operations.configuration.datasets.values()
    assert [each.primary for each in datasets] == [OTHER]
    assert done


def test_create_never_comes_through(rig: Rig) -> None:
    """Where others change datasets all the time the end is an error, in time."""
    client = rig.control.client()

    def meanwhile() -> None:
        rig.control.acts.clear()
        other = NewDataset(next_id(rig), OTHER)
        _ = rig.begin_work(client.create(other)).addBoth(again)

    def again(_result: object) -> None:
        rig.control.before("POST", meanwhile)

    again(None)
    began = rig.control.clock.seconds()
    with pytest.raises(TooBusy, match="volume pg could not be created"):
        rig.call("create", Name="pg")
    assert 90 < rig.control.clock.seconds() - began < 105


def test_old_dockers(rig: Rig, volume: Path) -> None:
    """Before 1.8 there were no options, before 1.11 no ids; new keys may come."""
    assert rig.call("create", Name="old") == {}
    assert rig.call("mount", Name="pg", Future={"a": 1}) == {"Mountpoint": str(volume)}
    assert rig.call("unmount", Name="pg", Future=[]) == {}
    assert rig.holders() == ()


def test_unmount_of_what_is_not_mounted(rig: Rig, volume: Path) -> None:
    """An Unmount is never refused: of no volume, of no mount, a second time."""
    rig.call("mount", Name="pg", ID="m1")
    assert rig.call("unmount", Name="nosuch", ID="m1") == {}
    assert rig.call("unmount", Name="pg", ID="m2") == {}
    assert rig.holders() == ("docker:m1",)
    for _ in range(2):
        assert rig.call("unmount", Name="pg", ID="m1") == {}
    assert rig.holders() == ()


def test_unknown_volume(rig: Rig) -> None:
    """A name that no dataset of the cluster has is no volume."""
    for call in ("get", "path", "mount"):
        with pytest.raises(NoSuchVolume):
            rig.call(call, Name="nosuch", ID="x")


def test_get(rig: Rig, volume: Path) -> None:
    """A volume is shown with its path, its age and its status."""
    rig.call("mount", Name="pg", ID="m1")
    (told,) = rig.call("get", Name="pg").values()
    assert (told["Name"], told["Mountpoint"]) == ("pg", str(volume))
    assert told["CreatedAt"] == "2026-11-28T00:00:00+00:00"
    assert told["Status"]["node"] == "10.0.0.1"
    assert told["Status"]["used by"] == ["a container (docker mount m1)"]


def test_only_mounts_are_shown(rig: Rig, volume: Path) -> None:
    """A mount point without its filesystem is no place of a volume."""
    assert rig.call("path", Name="pg") == {"Mountpoint": str(volume)}
    rig.paths.clear()
    assert rig.call("get", Name="pg")["Volume"]["Mountpoint"] == ""
    with pytest.raises(NotHere):
        rig.call("path", Name="pg")


def test_list(rig: Rig, volume: Path) -> None:
    """Every dataset with a name is listed, with its path where it is mounted here."""
    client = rig.control.client()
    other = NewDataset(next_id(rig), OTHER, metadata={"name": "abc"})
    rig.control.run(client.create(other))
    rig.control.run(client.create(NewDataset(next_id(rig), OTHER)))
    assert rig.call("list")["Volumes"] == [
        {"Name": "abc", "Mountpoint": ""},
        {"Name": "pg", "Mountpoint": str(volume)},
    ]


@pytest.fixture
def logged() -> Iterator[list[dict[str, Any]]]:
    """What is logged."""
    found: list[dict[str, Any]] = []
    eliot.add_destinations(found.append)
    found.clear()  # the first destination is given what was logged before
    yield found
    eliot.remove_destination(found.append)


def test_ignored_options(rig: Rig, logged: list[dict[str, Any]]) -> None:
    """Options that nobody knows are ignored, as they always were, and logged."""
    rig.call("create", Name="pg", Opts={"size": "1G", "colour": "red"})
    (told,) = [m for m in logged if m.get("message_type", "").endswith(":ignored")]
    assert (told["name"], told["options"]) == ("pg", ["colour"])


def test_several_of_a_name(
    rig: Rig, volume: Path, logged: list[dict[str, Any]]
) -> None:
    """Each is listed, but for deleted ones; the one that is mounted here is used."""
    client, twins = rig.control.client(), [next_id(rig) for _ in range(3)]
    for twin in twins:
        new = NewDataset(twin, OTHER, metadata={"name": "pg"})
        rig.control.run(client.create(new))
    rig.control.run(client.destroy(twins[2]))
    listed = rig.call("list")["Volumes"]
    assert {each["Name"] for each in listed} == {"pg"}
    assert sorted(each["Mountpoint"] for each in listed) == ["", "", str(volume)]
    assert rig.call("mount", Name="pg", ID="m1") == {"Mountpoint": str(volume)}
    kind = "flocker:docker-plugin:several-of-a-name"
    (told,) = [m for m in logged if m.get("message_type") == kind]
    assert str(told["taken"]) == str(DATASET)


def next_id(rig: Rig):
    """An id that no dataset has."""
    return next(rig.new_ids)


def test_mount_leases_first(rig: Rig) -> None:
    """A mount takes the lease, waits for its agent, and answers when it came."""
    rig.call("create", Name="pg")
    mounting = rig.begin("mount", Name="pg", ID="m1")
    rig.passes(1.0)
    assert rig.holders() == ("docker:m1",)
    assert not mounting.called
    path = rig.mounted()
    assert rig.wait(mounting) == {"Mountpoint": str(path)}


def test_mount_and_unmount(rig: Rig, volume: Path) -> None:
    """Ids are a multiset: the lease goes with the last unmount."""
    for mount in ("m1", "m1", "m2"):
        rig.call("mount", Name="pg", ID=mount)
    assert rig.holders() == ("docker:m1", "docker:m1#2", "docker:m2")
    rig.call("unmount", Name="pg", ID="m1")
    rig.call("unmount", Name="pg", ID="m2")
    assert rig.holders() == ("docker:m1",)
    rig.call("unmount", Name="pg", ID="m1")
    assert rig.holders() == ()


def test_without_ids(rig: Rig, volume: Path) -> None:
    """A Docker that gives no ids is counted."""
    rig.call("mount", Name="pg")
    rig.call("mount", Name="pg")
    rig.call("unmount", Name="pg")
    assert rig.holders() == ("docker:",)


def test_multiset_outlives_the_plugin(rig: Rig, volume: Path) -> None:
    """A plugin that was killed knows the mounts of the one before."""
    rig.call("mount", Name="pg", ID="m1")
    rig.call("mount", Name="pg", ID="m1")
    rig.restart()
    rig.call("unmount", Name="pg", ID="m1")
    rig.passes(1.0)
    assert rig.holders() == ("docker:m1",)


def test_container_is_named(rig: Rig, volume: Path) -> None:
    """Where only one container can be meant, its name is in the lease."""
    rig.engine.create("web", of("pg"))
    rig.call("mount", Name="pg", ID="m1")
    assert rig.holders() == ("docker:m1 web",)


def test_in_use_elsewhere(rig: Rig, volume: Path) -> None:
    """What another node has leased is refused at once, with its host; as is a rm."""
    lease = NewLease(DATASET, OTHER, "docker:m9 db")
    rig.control.run(rig.control.client().acquire(lease))
    with pytest.raises(InUse) as raised:
        rig.call("mount", Name="pg", ID="m1")
    assert str(raised.value) == (
        f"volume pg is in use on node 10.0.0.2 ({OTHER}) by container db (docker)"
    )
    assert rig.holders() == ("docker:m9 db",)


def test_in_use_on_a_silent_node(rig: Rig, volume: Path) -> None:
    """What a silent node uses is refused, unless it proves to be off in a moment."""
    lease = NewLease(DATASET, OTHER, "docker:m9 db")
    rig.control.run(rig.control.client().acquire(lease))
    rig.control.connected(OTHER, "10.0.0.2", instance=InstanceID("i-2"))
    rig.control.disconnected(OTHER)
    with pytest.raises(InUse, match=f"flockerctl node dead {OTHER}"):
        rig.call("mount", Name="pg", ID="m1")
    assert rig.control.listers.looked == [(NODE, DATASET)]
    mounting = rig.begin("mount", Name="pg", ID="m1")
    rig.passes(1.0)
    off = Fact(
        DATASET,
        Want.AWAY,
        Condition.ON_DEAD_NODE,
        backend=DEFAULT_BACKEND,
        instance=InstanceID("i-2"),
        off=True,
    )
    rig.control.says(NODE, off)
    rig.passes(0.5)
    assert rig.holders() == ("docker:m1",)
    rig.mounted()
    assert rig.wait(mounting) == {"Mountpoint": str(volume)}


def test_failed_mount_gives_back(rig: Rig) -> None:
    """A mount that cannot be says why and gives its lease back."""
    rig.call("create", Name="pg")
    stuck = Cause("foreign", "it holds a swap signature", "wipe it", permanent=True)
    rig.control.says(NODE, Fact(DATASET, Want.MOUNTED, Condition.FOREIGN, cause=stuck))
    with pytest.raises(NotMounted, match="it holds a swap signature"):
        rig.call("mount", Name="pg", ID="m1")
    assert rig.holders() == ()


def test_slow_mount_says_why(rig: Rig) -> None:
    """A mount that does not come in time says what it waited for, and gives back."""
    rig.call("create", Name="pg")
    began = rig.control.clock.seconds()
    with pytest.raises(NotMounted, match="reported"):
        rig.call("mount", Name="pg", ID="m1")
    assert 100 < rig.control.clock.seconds() - began < 110
    assert rig.holders() == ()


def test_mount_given_up(rig: Rig) -> None:
    """When Docker hangs up the lease is given back."""
    rig.call("create", Name="pg")
    mounting = rig.begin("mount", Name="pg", ID="m1")
    _ = mounting.addErrback(lambda _: {})
    rig.passes(1.0)
    assert rig.holders() == ("docker:m1",)
    mounting.cancel()
    rig.passes(1.0)
    assert rig.holders() == ()


def test_always_mounted_is_moved(rig: Rig) -> None:
    """A dataset of flockerctl, mounted elsewhere for good, is moved after the lease."""
    client = rig.control.client()
    new = NewDataset(DATASET, OTHER, metadata={"name": "old"})
    rig.control.run(client.create(new))
    rig.mounted(OTHER)
    mounting = rig.begin("mount", Name="old", ID="m1")
    rig.passes(1.0)
    wanted = rig.control.operations.configuration.datasets[DATASET]
    assert wanted.primary == NODE
    rig.control.says(OTHER, Fact(DATASET, Want.AWAY, Condition.DETACHED))
    path = rig.mounted()
    assert rig.wait(mounting) == {"Mountpoint": str(path)}


def test_moved_away_meanwhile(rig: Rig) -> None:
    """Who moves it elsewhere while it is waited for ends the wait."""
    client = rig.control.client()
    new = NewDataset(DATASET, OTHER, metadata={"name": "old"})
    rig.control.run(client.create(new))
    mounting = rig.begin("mount", Name="old", ID="m1")
    rig.passes(1.0)
    rig.control.run(client.move(DATASET, OTHER))
    with pytest.raises(NotMounted, match="moved to node"):
        rig.wait(mounting)
    assert rig.holders() == ()


def test_deleted_meanwhile(rig: Rig, volume: Path) -> None:
    """What is deleted between look and lease is not mounted, and not leased."""
    client = rig.control.client()

    def meanwhile() -> None:
        rig.control.acts.clear()
        _ = rig.begin_work(client.destroy(DATASET))

    rig.control.before("POST", meanwhile)
    with pytest.raises(NotMounted, match="it was deleted meanwhile"):
        rig.call("mount", Name="pg", ID="m1")
    assert rig.holders() == ()


def test_node_not_known(rig: Rig) -> None:
    """A call before the node knows itself waits, then says why."""
    rig.control.disconnected(NODE)
    rig.control.connected(NODE, "10.0.0.1", Era(OTHER))
    rig.restart()
    creating = rig.begin("create", Name="pg")
    rig.passes(50.0)
    assert not creating.called
    with pytest.raises(NodeNotKnown):
        rig.wait(creating)


def test_unmount_before_the_node_knows_itself(rig: Rig, volume: Path) -> None:
    """What is unmounted before the plugin knows anything ends when it does."""
    rig.call("mount", Name="pg", ID="m1")
    rig.control.reachable = False
    rig.restart()
    assert rig.call("unmount", Name="pg", ID="m1") == {}
    rig.control.reachable = True
    rig.passes(10.0)
    assert rig.holders() == ()


def test_control_is_away(rig: Rig, volume: Path) -> None:
    """Without control what is known is shown, containers stop, and share volumes."""
    rig.call("mount", Name="pg", ID="m1")
    rig.control.reachable = False
    (told,) = rig.call("get", Name="pg").values()
    assert told["Mountpoint"] == str(volume)
    assert "cannot be reached" in told["Status"]["cause"]
    assert rig.call("path", Name="pg") == {"Mountpoint": str(volume)}
    assert rig.call("mount", Name="pg", ID="m2") == {"Mountpoint": str(volume)}
    assert rig.call("unmount", Name="pg", ID="m1") == {}
    with pytest.raises(Unreachable):
        rig.call("create", Name="other")
    rig.control.reachable = True
    rig.passes(5.0)
    assert rig.holders() == ("docker:m2",)


def test_borrowed_and_ended(rig: Rig, volume: Path) -> None:
    """What was mounted and unmounted while control was away is over when it is back."""
    rig.call("mount", Name="pg", ID="m1")
    rig.control.reachable = False
    rig.call("mount", Name="pg", ID="m2")
    rig.call("unmount", Name="pg", ID="m2")
    rig.control.reachable = True
    rig.passes(5.0)
    assert rig.holders() == ("docker:m1",)


def test_not_shared_without_its_mount(rig: Rig, volume: Path) -> None:
    """Without control nothing is given out that is not mounted here and leased."""
    rig.control.reachable = False
    with pytest.raises(Unreachable):
        rig.call("mount", Name="pg", ID="m2")


def test_remove_keeps(rig: Rig, volume: Path) -> None:
    """By default removing keeps the data; of an unknown volume it does nothing."""
    assert rig.call("remove", Name="pg") == {}
    assert rig.call("remove", Name="nosuch") == {}
    assert not rig.control.operations.configuration.datasets[DATASET].deleted


def test_remove_while_control_is_away(rig: Rig, volume: Path) -> None:
    """What only keeps needs nobody; what deletes needs control, and says so."""
    rig.call("create", Name="tmp", Opts={"on_remove": "delete"})
    rig.call("list")
    rig.control.reachable = False
    assert rig.call("remove", Name="pg") == {}
    with pytest.raises(Unreachable):
        rig.call("remove", Name="tmp")


def test_remove_deletes(rig: Rig) -> None:
    """Where that was asked for removing deletes, and the name is free again."""
    rig.call("create", Name="pg", Opts={"on_remove": "delete"})
    assert rig.call("remove", Name="pg") == {}
    assert rig.control.operations.configuration.datasets[DATASET].deleted
    with pytest.raises(NoSuchVolume):
        rig.call("get", Name="pg")
    rig.call("create", Name="pg")
    assert len(rig.control.operations.configuration.datasets) == 2


def test_remove_of_what_is_used(rig: Rig, volume: Path) -> None:
    """What anybody uses is not removed."""
    rig.call("create", Name="tmp", Opts={"on_remove": "delete"})
    tmp = max(rig.control.operations.configuration.datasets)
    rig.control.run(rig.control.client().acquire(NewLease(tmp, OTHER, "backup")))
    with pytest.raises(InUse, match="by backup"):
        rig.call("remove", Name="tmp")
    assert not rig.control.operations.configuration.datasets[tmp].deleted


def test_remove_meets_a_mount(rig: Rig) -> None:
    """Of a removal and a mount elsewhere at one instant one is refused."""
    rig.call("create", Name="pg", Opts={"on_remove": "delete"})
    control = rig.control.client()
    taking = rig.begin_work(control.acquire(NewLease(DATASET, OTHER, "docker:m9 web")))
    with pytest.raises(InUse, match=r"10\.0\.0\.2 .* by container web"):
        rig.wait(rig.begin("remove", Name="pg"))
    assert rig.wait(taking) is not None
    assert not rig.control.operations.configuration.datasets[DATASET].deleted


def test_anonymous(rig: Rig) -> None:
    """A volume that no one named goes when Docker removes it."""
    name = "ab" * 32
    rig.call("create", Name=name, Opts=None)
    rig.call("remove", Name=name)
    (made,) = rig.control.operations.configuration.datasets.values()
    assert (made.maximum_size, made.deleted) == (2**30, True)


def test_rebooted_node_uses_nothing(rig: Rig, volume: Path) -> None:
    """When its node is in another life the leases of its containers end."""
    rig.call("mount", Name="pg", ID="m1")
    rig.plugin.stop()
    rig.control.disconnected(NODE)
    rig.passes(1.0)
    assert rig.holders() == ("docker:m1",)
    rig.control.connected(NODE, "10.0.0.1", Era(OTHER))
    rig.passes(1.0)
    assert rig.holders() == ()


def test_busy_cause_is_told(rig: Rig) -> None:
    """While another node lets go, inspect shows why it does not."""
    rig.call("create", Name="pg")
    busy = Cause("busy", "it is used by postgres (pid 512)")
    leaving = Fact(
        DATASET,
        Want.AWAY,
        Condition.MOUNTED,
        path="/flocker/x",
        doing=Phase.UNMOUNTING,
        cause=busy,
    )
    rig.control.says(OTHER, leaving)
    mounting = rig.begin("mount", Name="pg", ID="m1")
    rig.passes(1.0)
    (told,) = rig.call("get", Name="pg").values()
    assert told["Status"]["cause"] == "it is used by postgres (pid 512)"
    why = r"unmounting on node 10.0.0.2 \(.*\): it is used by postgres \(pid 512\)"
    with pytest.raises(NotMounted, match=why):
        rig.wait(mounting)
