"""How the loopback driver is made; what it does is tested on real loop devices."""

from uuid import UUID

import pytest

from flocker.backends.block_interface import UnknownInstanceID, UnknownVolume
from flocker.backends.loopback.api import (
    BadFreeze,
    NotThisInstance,
    WrongSize,
    make_loopback,
    stable_instance_id,
)
from flocker.backends.loopback.directory import StorageFailed
from flocker.backends.loopback.translate import ForeignDirectory, format_text
from flocker.model.ids import ClusterID, DatasetID, InstanceID, VolumeID
from flocker.testing.builders import a_life

CLUSTER = ClusterID(UUID("5b0aa9ee-4f11-4bd7-b30a-9f0f6a0e3a6b"))
DATASET = DatasetID(UUID("6a0e3a6b-4f11-4bd7-b30a-9f0f6a0e3a6b"))
MACHINE = "3d1219c7c4c5404aaa1f6d2a48adfda4"


def made(tmp_path, **config):
    config = {"root_path": str(tmp_path), "compute_instance_id": "a", **config}
    return make_loopback(CLUSTER, **config)


def test_machine_id(tmp_path):
    """A machine without a configured name is called by its machine id."""
    (tmp_path / "machine-id").write_text(f"{MACHINE}\n")
    assert stable_instance_id(tmp_path / "machine-id") == MACHINE


@pytest.mark.parametrize("content", [None, "", "uninitialized\n"])
def test_no_machine_id(tmp_path, content):
    """A machine without an id gets no random one: the error names file and key."""
    path = tmp_path / "machine-id"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UnknownInstanceID, match=f"{path}.*compute_instance_id"):
        stable_instance_id(path)


def test_configured_name(tmp_path):
    """A configured name wins."""
    assert made(tmp_path).compute_instance_id() == "a"


def test_impossible_name(tmp_path):
    """A name that cannot be a directory's is refused."""
    with pytest.raises(UnknownInstanceID, match="a/b"):
        made(tmp_path, compute_instance_id="a/b")


@pytest.mark.parametrize("unit", [0, 1, 513])
def test_impossible_unit(tmp_path, unit):
    """An allocation unit is a number of whole sectors."""
    with pytest.raises(WrongSize):
        made(tmp_path, allocation_unit=unit)


def test_impossible_freeze(tmp_path):
    """Nothing can be frozen for less than no time."""
    with pytest.raises(BadFreeze, match="-1"):
        made(tmp_path, freeze_seconds=-1)


@pytest.mark.parametrize("size", [0, -512, 1000])
def test_impossible_size(tmp_path, size):
    """A size that the device could not have is refused."""
    api = made(tmp_path)
    with pytest.raises(WrongSize):
        api.create_volume(DATASET, size)


def test_other_instance(tmp_path):
    """A volume is attached to the machine that asks, to no other."""
    api = made(tmp_path)
    volume = api.create_volume(DATASET, 512)
    with pytest.raises(NotThisInstance):
        api.attach_volume(volume.blockdevice_id, InstanceID("b"))
    assert api.list_volumes() == [volume]


def test_clusters_are_apart(tmp_path):
    """Clusters may share a directory and see nothing of each other."""
    made(tmp_path).create_volume(DATASET, 512)
    other = make_loopback(
        ClusterID(UUID(int=1)), root_path=str(tmp_path), compute_instance_id="a"
    )
    assert other.list_volumes() == []


def test_strangers_are_no_volumes(tmp_path):
    """Files that are no volumes are not listed."""
    api = made(tmp_path)
    (tmp_path / str(CLUSTER) / "unattached" / "notes.txt").touch()
    (tmp_path / str(CLUSTER) / "attached" / "notes.txt").touch()
    assert api.list_volumes() == []


def test_newer_directory(tmp_path):
    """A directory that a newer Flocker made is refused, with the file's name."""
    made(tmp_path)
    path = tmp_path / str(CLUSTER) / "format.json"
    path.write_text('{"format": 3}')
    with pytest.raises(ForeignDirectory, match=f"{path}: has format 3"):
        made(tmp_path)


def test_older_directory(tmp_path):
    """What was made before names had a life is taken along, and says so from then."""
    old = made(tmp_path).create_volume(DATASET, 512)
    path = tmp_path / str(CLUSTER) / "format.json"
    path.write_text('{"format": 1}')
    api = made(tmp_path)
    assert path.read_text() == format_text()
    marked = api.create_marked_volume(DATASET, 512, a_life())
    assert (old.life, marked.life) == (None, a_life())
    assert sorted(api.list_volumes(), key=str) == sorted([old, marked], key=str)


def test_directory_without_format(tmp_path):
    """A directory with volumes that does not say its format is refused."""
    made(tmp_path)
    path = tmp_path / str(CLUSTER) / "format.json"
    path.unlink()
    with pytest.raises(ForeignDirectory, match=f"{path}: is missing"):
        made(tmp_path)


def test_root_is_a_file(tmp_path):
    """A root that cannot be a directory is an error that names it."""
    (tmp_path / "file").touch()
    with pytest.raises(StorageFailed, match="file"):
        made(tmp_path / "file")


def test_unknown_volume_has_no_directory(tmp_path):
    """A volume's id is never used as a path."""
    api = made(tmp_path)
    with pytest.raises(UnknownVolume):
        api.destroy_volume(VolumeID("../../etc/passwd"))
