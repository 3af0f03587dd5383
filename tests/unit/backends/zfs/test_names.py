"""Where things are in a ZFS pool."""

from uuid import UUID

import pytest

from flocker.backends.zfs.names import (
    Names,
    dataset_of_entry,
    entry,
    is_pool_name,
)
from flocker.model.ids import DatasetID

DATASET = DatasetID(UUID("7a0aa9ee-4f11-4bd7-b30a-9f0f6a0e3a6b"))
NAMES = Names("tank/data")


@pytest.mark.parametrize("name", ["tank", "tank/data", "a", "rpool/x_y.z:1-2/b"])
def test_pools(name):
    """A pool, or a filesystem of one."""
    assert is_pool_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "1tank",
        "tank/",
        "/tank",
        "tank//a",
        "tank@s",
        "-f",
        "a b",
        "tank/" + "x" * 60,
    ],
)
def test_no_pools(name):
    """What ZFS would not take, or take for an option, or what is too long."""
    assert not is_pool_name(name)


def test_copies():
    """A copy is known by its name, at its place only."""
    name = NAMES.copy(DATASET)
    assert name == f"tank/data/flocker/copies/{DATASET}"
    assert NAMES.dataset_of(name) == DATASET
    for other in (
        f"tank/flocker/copies/{DATASET}",
        f"{NAMES.asides}/{DATASET}",
        f"{name}/inside",
        f"{NAMES.copies}/{str(DATASET).upper()}",
        NAMES.copies,
    ):
        assert NAMES.dataset_of(other) is None


def test_asides():
    """A copy set aside is known by its place."""
    assert NAMES.aside_of(NAMES.aside("a.b.1")) == "a.b.1"
    assert NAMES.aside_of(NAMES.copy(DATASET)) is None


def test_stage():
    """What is half made never has the name of anything else."""
    assert len({NAMES.stage() for _ in range(10)}) == 10
    assert NAMES.stage().startswith(f"{NAMES.staging}/")


def test_ledger():
    """The ledger has a property for each dataset, and may have others."""
    assert dataset_of_entry(entry(DATASET)) == DATASET
    assert entry(DATASET) == entry(DATASET).lower()
    assert len(entry(DATASET)) <= 255
    for other in ("flocker:synced", "canmount", "flocker:record-of-x"):
        assert dataset_of_entry(other) is None
