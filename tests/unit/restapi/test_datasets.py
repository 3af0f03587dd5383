"""The dataset endpoints: every row of the tables of Flocker 1.15's specification."""

from uuid import UUID

import pytest

from flocker.model.cluster import Condition, Fact, Want
from flocker.model.ids import DatasetID, NodeID

A = "5d7a0000-0000-4000-8000-00000000000a"
B = "5d7a0000-0000-4000-8000-00000000000b"
KNOWN = "11c50000-0000-4000-8000-00000000abcd"
DELETED = "11c50000-0000-4000-8000-00000000dead"
UNKNOWN = "11c50000-0000-4000-8000-00000000ffff"
CONFIGURED = "/v1/configuration/datasets"
STATE = "/v1/state/datasets"
MIB = 1024 * 1024


@pytest.fixture
def some(api):
    """A control service with one dataset on A, and a deleted one."""
    for dataset in (KNOWN, DELETED):
        assert api.post(CONFIGURED, {"primary": A, "dataset_id": dataset}).code == 201
    assert api.delete(f"{CONFIGURED}/{DELETED}").code == 200
    return api


def plain(dataset: str, primary: str = A, **fields: object) -> dict[str, object]:
    base = {"dataset_id": dataset, "primary": primary, "deleted": False, "metadata": {}}
    return {**base, **fields}


def listing(api) -> dict[str, dict[str, object]]:
    return {one["dataset_id"]: one for one in api.get(CONFIGURED).json}


RESULTS = [
    # method, path below configuration/datasets, body, status
    ("POST", "", {"primary": B}, 201),
    ("POST", "", {"primary": B, "dataset_id": UNKNOWN}, 201),
    ("POST", "", {"primary": B, "dataset_id": UNKNOWN.upper()}, 201),
    ("POST", "", {"primary": B, "deleted": False}, 201),
    ("POST", "", {"primary": B, "deleted": True}, 400),
    ("POST", "", b"{", 400),
    ("POST", "", b"", 400),
    ("POST", "", None, 400),
    ("POST", "", {}, 400),
    ("POST", "", {"primary": B, "maximum_size": 64 * MIB + 1}, 400),
    ("POST", "", {"primary": B, "metadata": {"a": 1}}, 400),
    ("POST", "", {"primary": B, "filesystem": "xfs"}, 201),
    ("POST", "", {"primary": B, "filesystem": "xfs", "maximum_size": 300 * MIB}, 201),
    ("POST", "", {"primary": B, "filesystem": "xfs", "maximum_size": 299 * MIB}, 400),
    ("POST", "", {"primary": B, "filesystem": "ntfs"}, 400),
    ("POST", "", {"primary": B, "dataset_id": KNOWN}, 409),
    ("POST", "", {"primary": B, "dataset_id": KNOWN.upper()}, 409),
    ("POST", "", {"primary": B, "dataset_id": DELETED}, 409),
    ("POST", f"/{KNOWN}", {"primary": B}, 200),
    ("POST", f"/{KNOWN}", {"primary": A}, 200),
    ("POST", f"/{KNOWN}", {}, 200),
    ("POST", f"/{KNOWN.upper()}", {"primary": B}, 200),
    ("POST", f"/{UNKNOWN}", {"primary": B}, 404),
    ("POST", f"/{UNKNOWN}", {}, 404),
    ("POST", "/junk", {"primary": B}, 404),
    ("POST", f"/{DELETED}", {"primary": B}, 405),
    ("POST", f"/{DELETED}", {}, 405),
    ("POST", f"/{KNOWN}", b"nope", 400),
    ("POST", f"/{KNOWN}", {"Primary": B}, 400),
    ("POST", f"/{KNOWN}", {"primary": B, "maximum_size": 64 * MIB}, 409),
    ("POST", f"/{KNOWN}", {"maximum_size": 75 * 1024 * MIB}, 200),
    ("POST", f"/{KNOWN}", {"maximum_size": 80 * 1024 * MIB}, 200),
    ("POST", f"/{KNOWN}", {"maximum_size": None}, 200),
    ("POST", f"/{KNOWN}", {"maximum_size": 64 * MIB + 1}, 400),
    ("POST", f"/{KNOWN}", {"metadata": {"name": "new"}}, 200),
    ("POST", f"/{KNOWN}", {"metadata": {"name": 1}}, 400),
    ("POST", f"/{KNOWN}", {"mount": "on-use"}, 400),
    ("POST", f"/{DELETED}", {"maximum_size": 80 * 1024 * MIB}, 405),
    ("POST", "", {"primary": B, "backend": "fast"}, 201),
    ("POST", "", {"primary": B, "backend": ""}, 400),
    ("POST", "", {"primary": B, "mount": "on-use", "filesystem": "xfs"}, 201),
    ("POST", "", {"primary": B, "mount": "never"}, 400),
    ("POST", "", {"primary": B, "filesystem": "ntfs"}, 400),
    ("POST", f"/{KNOWN}", {"primary": None}, 400),
    ("DELETE", f"/{KNOWN}", None, 200),
    ("DELETE", f"/{KNOWN.upper()}", None, 200),
    ("DELETE", f"/{DELETED}", None, 200),
    ("DELETE", f"/{KNOWN}?purge=false", None, 200),
    ("DELETE", f"/{KNOWN}?purge=true", None, 409),
    ("DELETE", f"/{DELETED}?purge=true", None, 409),
    ("DELETE", f"/{UNKNOWN}?purge=true", None, 404),
    ("DELETE", f"/{KNOWN}?purge=1", None, 400),
    ("DELETE", f"/{KNOWN}?if_unleased=true", None, 200),
    ("DELETE", f"/{DELETED}?if_unleased=true", None, 200),
    ("DELETE", f"/{UNKNOWN}?if_unleased=true", None, 404),
    ("DELETE", f"/{KNOWN}?if_unleased=yes", None, 400),
    ("DELETE", f"/{UNKNOWN}", None, 404),
    ("DELETE", "/junk", None, 404),
]
each_result = pytest.mark.parametrize(("method", "path", "body", "code"), RESULTS)


@each_result
def test_result(some, method, path, body, code) -> None:
    """The status is the specification's; a refusal is an object that describes it."""
    reply = some.ask(method, CONFIGURED + path, body)
    assert reply.code == code
    assert reply.headers["content-type"] == ["application/json"]
    assert ("description" in reply.json) == (code >= 400)


@each_result
def test_refusal_changes_nothing(some, method, path, body, code) -> None:
    """After a refusal everything is as before."""
    before = some.store.stored
    some.ask(method, CONFIGURED + path, body)
    assert (some.store.stored == before) or code < 400


@each_result
@pytest.mark.parametrize("condition", [["0" * 32], ["", "*"], ["TAG"]])
def test_other_tag_comes_first(some, method, path, body, code, condition) -> None:
    """A request for another state of the datasets is 412 before anything is read."""
    before = some.store.stored
    headers = {"X-If-Configuration-Matches": condition}
    reply = some.ask(method, CONFIGURED + path, body, headers)
    assert (reply.code, list(reply.json)) == (412, ["description"])
    assert some.store.stored == before


@each_result
def test_same_tag_is_no_obstacle(some, method, path, body, code) -> None:
    """If any of the tags given is the present one all is as without."""
    tag = some.get(CONFIGURED).header("X-Configuration-Tag")
    headers = {"X-If-Configuration-Matches": ["0" * 32, tag]}
    assert some.ask(method, CONFIGURED + path, body, headers).code == code


def test_create_answers_the_dataset(api) -> None:
    """A creation answers what was made, with exactly the specification's keys."""
    assert api.post(CONFIGURED, {"primary": A}).json == plain(
        "d0000000-0000-4000-8000-000000000001"
    )
    body = {
        "primary": B.upper(),
        "dataset_id": KNOWN.upper(),
        "maximum_size": 64 * MIB,
        "metadata": {"name": "pg", "é": "\U0001f4be"},
    }
    expected = plain(KNOWN, B, maximum_size=64 * MIB, metadata=body["metadata"])
    assert api.post(CONFIGURED, body).json == expected
    assert listing(api)[KNOWN] == expected


def test_null_size_is_no_size(api) -> None:
    """A size of null is as if none was given, and none is shown."""
    body = {"primary": A, "dataset_id": KNOWN, "maximum_size": None}
    assert api.post(CONFIGURED, body).json == plain(KNOWN)


def test_key_stands_before_its_colon(api) -> None:
    """A client that searches the text finds the key directly followed by its colon."""
    assert b'"dataset_id":"' in api.post(CONFIGURED, {"primary": A}).content
    assert b'"dataset_id":"' in api.get(CONFIGURED).content


def test_created_is_durable(some) -> None:
    """What was answered stands in the store."""
    assert {str(dataset) for dataset in some.store.stored.datasets} == {KNOWN, DELETED}


def test_move_answers_the_new_primary(some) -> None:
    """A move answers the dataset with its new node, which nobody has to know."""
    assert some.post(f"{CONFIGURED}/{KNOWN}", {"primary": B}).json == plain(KNOWN, B)
    assert listing(some)[KNOWN] == plain(KNOWN, B)


def test_empty_update_changes_nothing(some) -> None:
    """An update of nothing answers the dataset and makes no revision."""
    before = some.store.stored
    assert some.post(f"{CONFIGURED}/{KNOWN}", {}).json == plain(KNOWN)
    assert some.store.stored == before


def test_delete_marks(some) -> None:
    """A deleted dataset stays listed with its mark; deleting again is the same."""
    expected = plain(KNOWN, deleted=True)
    assert some.delete(f"{CONFIGURED}/{KNOWN}").json == expected
    assert some.delete(f"{CONFIGURED}/{KNOWN}").json == expected
    assert listing(some)[KNOWN] == expected


def test_tag_follows_the_datasets(some) -> None:
    """Each change of a dataset makes a new tag; what changes nothing keeps it."""

    def tag() -> str | None:
        return some.get(CONFIGURED).header("X-Configuration-Tag")

    first = tag()
    some.post(f"{CONFIGURED}/{KNOWN}", {})
    some.delete(f"{CONFIGURED}/{DELETED}")
    assert tag() == first
    some.post(f"{CONFIGURED}/{KNOWN}", {"primary": B})
    assert tag() != first


def test_tag_is_on_the_listing_only(some) -> None:
    """No other answer has the tag."""
    replies = [
        some.post(CONFIGURED, {"primary": A}),
        some.get(STATE),
        some.delete(f"{CONFIGURED}/{KNOWN}"),
    ]
    assert [reply.header("X-Configuration-Tag") for reply in replies] == [None] * 3


def test_condition_elsewhere_is_ignored(some) -> None:
    """A client may send its condition with every request."""
    headers = {"X-If-Configuration-Matches": ["0" * 32]}
    for path in (CONFIGURED, STATE, "/v1/version", "/v1/status/datasets"):
        assert some.get(path, headers).code == 200


def test_listing_is_not_sent_twice(some) -> None:
    """Who has the listing is told so, until a dataset changes."""
    etag = some.get(CONFIGURED).header("ETag")
    headers = {"If-None-Match": [etag]}
    reply = some.get(CONFIGURED, headers)
    assert (reply.code, reply.content, reply.header("ETag")) == (304, b"", etag)
    some.delete(f"{CONFIGURED}/{KNOWN}")
    assert some.get(CONFIGURED, headers).code == 200


def test_no_state(some) -> None:
    """Without a report the state is a list of nothing."""
    reply = some.get(STATE)
    assert (reply.code, reply.content) == (200, b"[]")


def test_state(some, fact) -> None:
    """A mounted dataset has a node and a path; another has neither."""
    node = NodeID(UUID(A))
    some.connect(node)
    path = f"/flocker/{KNOWN}"
    some.report(
        node,
        fact(UUID(KNOWN), Condition.MOUNTED, path=path, size=5),
        fact(UUID(UNKNOWN), Condition.ATTACHED, size=6),
    )
    mounted = {"dataset_id": KNOWN, "primary": A, "path": path, "maximum_size": 5}
    attached = {"dataset_id": UNKNOWN, "maximum_size": 6}
    by_id = sorted(some.get(STATE).json, key=lambda one: one["dataset_id"])
    assert by_id == [mounted, attached]
    some.clock.advance(120.0)
    assert some.get(STATE).json == [attached]


def test_state_follows_reports(some, fact) -> None:
    """A new fact replaces what was encoded of the old one."""
    node = NodeID(UUID(A))
    some.connect(node)
    some.report(node, fact(UUID(KNOWN), Condition.ATTACHED, size=5))
    assert some.get(STATE).json == [{"dataset_id": KNOWN, "maximum_size": 5}]
    some.report(node, fact(UUID(KNOWN), Condition.ATTACHED, size=6))
    assert some.get(STATE).json == [{"dataset_id": KNOWN, "maximum_size": 6}]
    some.report(node)
    assert some.get(STATE).json == []


def test_too_small_for_xfs(api):
    """The rule that a size breaks is named with both sizes."""
    body = {"primary": A, "filesystem": "xfs", "maximum_size": 299 * MIB}
    refused = api.post(CONFIGURED, body)
    assert (refused.code, refused.json) == (
        400,
        {
            "description": "maximum_size must be at least 314572800 (300M) with"
            " filesystem xfs, and is 313524224"
        },
    )


def test_new_keys_are_for_new_clients(api) -> None:
    """How a dataset is mounted and formatted the status says; old lists do not."""
    body = {"primary": A, "dataset_id": KNOWN, "mount": "on-use", "filesystem": "xfs"}
    assert api.post(CONFIGURED, {**body, "backend": "fast"}).json == plain(KNOWN)
    status = api.get(f"/v1/status/datasets/{KNOWN}").json
    assert (status["mount"], status["filesystem"], status["backend"]) == (
        "on-use",
        "xfs",
        "fast",
    )


def test_update_answers_what_was_wished(some) -> None:
    """Several wishes are one change, and answered."""
    body = {"primary": B, "maximum_size": 80 * 1024 * MIB, "metadata": {"name": "pg"}}
    reply = some.post(f"{CONFIGURED}/{KNOWN}", body)
    expected = {key: value for key, value in body.items() if key != "primary"}
    assert reply.json == plain(KNOWN, B, **expected)
    assert listing(some)[KNOWN] == reply.json


def destroy(api, dataset: str) -> None:
    """Let the node of a deleted dataset say that there is none."""
    node = NodeID(UUID(A))
    api.connect(node)
    missing = Fact(DatasetID(UUID(dataset)), Want.DELETED, Condition.MISSING)
    api.operations.heard_of(
        api.observations.edit(node, [(missing, 0.0)], [], api.clock.seconds())
    )
    api.operations.heard_of([DatasetID(UUID(dataset))])


def test_purge(some) -> None:
    """A destroyed dataset is forgotten; its id is free again, then there is none."""
    destroy(some, DELETED)
    tag = some.get(CONFIGURED).header("X-Configuration-Tag")
    reply = some.delete(f"{CONFIGURED}/{DELETED}?purge=true")
    assert (reply.code, reply.json) == (200, plain(DELETED, deleted=True))
    assert set(listing(some)) == {KNOWN}
    assert some.get(CONFIGURED).header("X-Configuration-Tag") != tag
    assert some.delete(f"{CONFIGURED}/{DELETED}?purge=true").code == 404
    assert some.post(CONFIGURED, {"primary": B, "dataset_id": DELETED}).code == 201


def test_purge_respects_the_tag(some) -> None:
    """A purge can be made conditional as any change."""
    destroy(some, DELETED)
    headers = {"X-If-Configuration-Matches": ["0" * 32]}
    purge = f"{CONFIGURED}/{DELETED}?purge=true"
    assert some.delete(purge, headers).code == 412
    tag = some.get(CONFIGURED).header("X-Configuration-Tag")
    assert some.delete(purge, {"X-If-Configuration-Matches": [tag]}).code == 200


def test_delete_if_unleased(some) -> None:
    """What somebody leases is not deleted where that was the condition."""
    lease = {"dataset_id": KNOWN, "node_uuid": B, "expires": None, "holder": "backup"}
    assert some.post("/v1/configuration/leases", lease).code == 201
    carefully = f"{CONFIGURED}/{KNOWN}?if_unleased=true"
    reply = some.delete(carefully)
    words = f"dataset {KNOWN} is leased to node {B} by backup"
    assert (reply.code, reply.json) == (409, {"description": words})
    assert not listing(some)[KNOWN]["deleted"]
    assert some.delete(f"{CONFIGURED}/{KNOWN}").code == 200
    assert some.delete(carefully).code == 200


def test_purged_in_time(some) -> None:
    """After 30 days a destroyed dataset is forgotten by itself."""
    destroy(some, DELETED)
    for _ in range(30 * 24):
        assert DELETED in listing(some)
        some.clock.advance(3600.0)
    assert set(listing(some)) == {KNOWN}
