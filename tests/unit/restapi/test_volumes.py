"""Volumes that no dataset is, over HTTP."""

from uuid import UUID

import pytest
from attrs import evolve

from flocker.model.cluster import Volume
from flocker.model.datasets import DEFAULT_BACKEND
from flocker.model.ids import DatasetID, NodeID, VolumeID

NODE = NodeID(UUID("5d7a0000-0000-4000-8000-000000000001"))
DATASET = DatasetID(UUID("11c50000-0000-4000-8000-000000000001"))
VOLUME = Volume(DEFAULT_BACKEND, VolumeID("v-1"), DATASET, 1024)
ADOPT = f"/v1/configuration/datasets/{DATASET}/adopt"
PRIMARY = {"primary": str(NODE)}
BODY = {"primary": str(NODE), "volume": "v-1"}


@pytest.fixture
def listing(api):
    """Let backends list volumes, as one connected node tells."""

    def listing(*volumes: Volume) -> None:
        api.connect(NODE)
        api.lists(NODE, *volumes)

    return listing


def test_list(api, listing) -> None:
    """A volume is shown with why it is nobody's, and who has it attached."""
    listing(evolve(VOLUME, instance="i-1"))
    reply = api.get("/v1/status/volumes")
    assert reply.code == 200
    assert reply.json == {
        "volumes": [
            {
                "backend": "default",
                "volume": "v-1",
                "dataset_id": str(DATASET),
                "size": 1024,
                "attached_to": "i-1",
                "node": str(NODE),
                "cause": {
                    "code": "no-such-dataset",
                    "words": f"it is a volume of dataset {DATASET}, which is not"
                    " configured",
                    "release": "adopt it, or destroy it in the backend",
                },
            }
        ],
        "unanswered": [],
        "copies": [],
    }


def test_unanswered(api) -> None:
    """A backend that nobody can speak for does not hide the others."""
    api.post("/v1/configuration/datasets", {"primary": str(NODE)})
    assert api.get("/v1/status/volumes").json == {
        "volumes": [],
        "unanswered": [
            {"backend": "default", "why": "no node that has it is connected"}
        ],
        "copies": [],
    }


def test_adopt(api, listing) -> None:
    """What is adopted is a dataset like any other, and not listed any more."""
    listing(VOLUME)
    reply = api.post(ADOPT, {**BODY, "metadata": {"name": "pg"}})
    expected = {
        "dataset_id": str(DATASET),
        "primary": str(NODE),
        "deleted": False,
        "metadata": {"name": "pg"},
    }
    assert (reply.code, reply.json) == (201, expected)
    assert api.get("/v1/configuration/datasets").json == [expected]
    assert api.get("/v1/status/volumes").json["volumes"] == []
    assert api.operations.configuration.ownership[DATASET].acquired


def test_adopt_for_a_dataset(api, listing) -> None:
    """A dataset that found another life's volume becomes it when somebody says so."""
    api.post("/v1/configuration/datasets", {**PRIMARY, "dataset_id": str(DATASET)})
    listing(VOLUME)
    (found,) = api.get("/v1/status/volumes").json["volumes"]
    assert found["cause"]["code"] == "other-life"
    reply = api.post(ADOPT, {**BODY, "empty": True})
    assert reply.code == 201
    assert api.get("/v1/status/volumes").json["volumes"] == []
    assert not api.operations.configuration.ownership[DATASET].acquired


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        (ADOPT, {**BODY, "volume": "v-2"}, 404),
        (ADOPT.replace("0001/", "0002/"), BODY, 409),
        (ADOPT, {**BODY, "backend": "other"}, 503),
        (ADOPT.replace("11c5", "xxxx"), BODY, 404),
        (ADOPT, {"volume": "v-1"}, 400),
        (ADOPT, {"primary": str(NODE)}, 400),
        (ADOPT, {**BODY, "size": 1}, 400),
    ],
)
def test_refusals(api, listing, path: str, body: object, code: int) -> None:
    """What cannot be adopted changes nothing."""
    listing(VOLUME)
    reply = api.post(path, body)
    assert reply.code == code
    assert reply.json["description"]
    assert api.get("/v1/configuration/datasets").json == []


def test_adopt_on_a_condition(api, listing) -> None:
    """Adopting respects the tag that creating does."""
    listing(VOLUME)
    stale = {"X-If-Configuration-Matches": ["0" * 32]}
    assert api.post(ADOPT, BODY, stale).code == 412
