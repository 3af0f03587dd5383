"""The lease endpoints: the tables of Flocker 1.15's specification, and holders."""

from urllib.parse import quote
from uuid import UUID

import pytest

from flocker.model.ids import DatasetID, NodeID

A = "5d7a0000-0000-4000-8000-00000000000a"
B = "5d7a0000-0000-4000-8000-00000000000b"
HELD = "11c50000-0000-4000-8000-00000000abcd"
FREE = "11c50000-0000-4000-8000-00000000ffff"
ODD = "11c50000-0000-1000-0000-00000000ffff"
LEASES = "/v1/configuration/leases"


def wish(dataset: str, node: str = A, expires: object = None, **more: object):
    """The body that asks for a lease."""
    return {"dataset_id": dataset, "node_uuid": node, "expires": expires, **more}


def plain(dataset: str, expires: float | None = None, **holders: float | None):
    """What is answered of a lease of node A."""
    held = holders or {"user": expires}
    return {
        "dataset_id": dataset,
        "node_uuid": A,
        "expires": expires,
        "holders": [
            {"holder": h, "expires": held[h], "era": None} for h in sorted(held)
        ],
    }


@pytest.fixture
def some(api):
    """A control service where A leases a dataset that nobody created."""
    assert api.post(LEASES, wish(HELD)).code == 201
    return api


def test_refused(some):
    """Who is refused has the backend asked about who has it; see witnesses."""
    dataset, node = DatasetID(UUID(HELD)), NodeID(UUID(B))
    assert some.post(LEASES, wish(HELD)).code == 200
    assert some.listers.looked == []
    assert some.post(LEASES, wish(HELD, B)).code == 409
    assert some.listers.looked == [(node, dataset)]


RESULTS = [
    # method, path below configuration/leases, body, status
    ("POST", "", wish(FREE), 201),
    ("POST", "", wish(FREE.upper(), A.upper()), 201),
    ("POST", "", wish(ODD), 201),
    ("POST", "", wish(FREE, expires=1.5), 201),
    ("POST", "", wish(FREE, expires=-1), 201),
    ("POST", "", wish(FREE, expires=0), 201),
    ("POST", "", wish(HELD), 200),
    ("POST", "", wish(HELD.upper(), A.upper(), 60), 200),
    ("POST", "", wish(HELD, holder="docker"), 200),
    ("POST", "", wish(FREE, era=A), 201),
    ("POST", "", wish(FREE, era="x" * 36), 400),
    ("POST", "", wish(HELD, B), 409),
    ("POST", "", wish(HELD, B, holder="docker"), 409),
    ("POST", "", b"{", 400),
    ("POST", "", {}, 400),
    ("POST", "", {"dataset_id": FREE, "node_uuid": A}, 400),
    ("POST", "", {"dataset_id": FREE, "expires": None}, 400),
    ("POST", "", {"node_uuid": A, "expires": None}, 400),
    ("POST", "", wish("x" * 36), 400),
    ("POST", "", wish(FREE.replace("-", "0")), 400),
    ("POST", "", wish(FREE, ODD), 400),
    ("POST", "", wish(FREE, expires="60"), 400),
    ("POST", "", wish(FREE, expires=True), 400),
    ("POST", "", wish(FREE, expires=1e11), 400),
    ("POST", "", wish(FREE, holder=""), 400),
    ("POST", "", wish(FREE, holder="a\nb"), 400),
    ("POST", "", wish(FREE, holder="x" * 257), 400),
    ("POST", "", wish(FREE, more=1), 400),
    ("DELETE", f"/{HELD}", None, 200),
    ("DELETE", f"/{HELD.upper()}", None, 200),
    ("DELETE", f"/{HELD}?holder=user", None, 200),
    ("DELETE", f"/{HELD}?holder=docker", None, 404),
    ("DELETE", f"/{HELD}?holder=", None, 404),
    ("DELETE", f"/{FREE}", None, 404),
    ("DELETE", f"/{FREE}?holder=user", None, 404),
    ("DELETE", "/junk", None, 404),
    ("DELETE", f"/{'x' * 36}", None, 404),
]
each_result = pytest.mark.parametrize(("method", "path", "body", "code"), RESULTS)


@each_result
def test_result(some, method, path, body, code) -> None:
    """The status is the specification's; a refusal is an object that describes it."""
    reply = some.ask(method, LEASES + path, body)
    assert reply.code == code
    assert reply.headers["content-type"] == ["application/json"]
    assert ("description" in reply.json) == (code >= 400)


@each_result
def test_refusal_changes_nothing(some, method, path, body, code) -> None:
    """After a refusal everything is as before."""
    before = some.store.stored
    some.ask(method, LEASES + path, body)
    assert (some.store.stored == before) or code < 400


@each_result
def test_condition_is_ignored(some, method, path, body, code) -> None:
    """A client may send its condition with every request."""
    headers = {"X-If-Configuration-Matches": ["0" * 32]}
    assert some.ask(method, LEASES + path, body, headers).code == code


def test_list(some) -> None:
    """The list has every lease, with the seconds that are left."""
    some.post(LEASES, wish(FREE, expires=60))
    some.clock.advance(1.25)
    by_id = sorted(some.get(LEASES).json, key=lambda one: one["dataset_id"])
    assert by_id == [plain(HELD), plain(FREE, 58.75)]


def test_no_leases(api) -> None:
    """Without leases the list is one of nothing."""
    assert api.get(LEASES).json == []


def test_leases_leave_the_tag(some) -> None:
    """A lease is no change of a dataset: it stops no conditional request."""

    def tag() -> str | None:
        return some.get("/v1/configuration/datasets").header("X-Configuration-Tag")

    before = tag()
    some.post(LEASES, wish(FREE))
    some.delete(f"{LEASES}/{HELD}")
    assert tag() == before


def test_renewal_replaces(some) -> None:
    """A renewal replaces the time, by a shorter one too, or by none."""
    for expires in (600, 5, None):
        assert some.post(LEASES, wish(HELD, expires=expires)).json == plain(
            HELD, expires
        )


def test_holders(some) -> None:
    """Each holder has a time of its own; the lease goes with the last one."""
    reply = some.post(LEASES, wish(HELD, expires=60, holder="docker"))
    assert reply.json == plain(HELD, None, user=None, docker=60.0)
    left = some.delete(f"{LEASES}/{HELD}?holder=user").json
    assert left == plain(HELD, 60.0, docker=60.0)
    assert some.get(LEASES).json == [left]
    assert some.delete(f"{LEASES}/{HELD}?holder=docker").json == left
    assert some.get(LEASES).json == []


def test_release_without_holder(some) -> None:
    """As in Flocker 1.15, a release without a name ends all of the lease."""
    before = some.post(LEASES, wish(HELD, expires=60, holder="docker")).json
    assert some.delete(f"{LEASES}/{HELD}").json == before
    assert some.get(LEASES).json == []


def test_odd_holder(api) -> None:
    """Any name that a body can have a path can have too."""
    name = "é &=?/\N{FLOPPY DISK}"
    assert api.post(LEASES, wish(FREE, holder=name)).code == 201
    assert api.delete(f"{LEASES}/{FREE}?holder={quote(name, safe='')}").code == 200


def test_time_goes_by(api) -> None:
    """A lease is gone when its time is over, but never in control's first minute."""
    api.post(LEASES, wish(HELD, expires=10))
    api.post(LEASES, wish(FREE, expires=61))
    api.clock.advance(59.0)
    assert {one["dataset_id"]: one["expires"] for one in api.get(LEASES).json} == {
        HELD: 0.0,
        FREE: 2.0,
    }
    api.clock.advance(1.0)
    assert [one["dataset_id"] for one in api.get(LEASES).json] == [FREE]
    api.clock.advance(1.0)
    assert api.get(LEASES).json == []


def test_free_again(some) -> None:
    """What was released another node can lease."""
    some.delete(f"{LEASES}/{HELD}")
    reply = some.post(LEASES, wish(HELD, B))
    assert (reply.code, reply.json["node_uuid"]) == (201, B)


def test_is_stored(some) -> None:
    """What was answered stands in the store."""
    assert set(some.store.stored.leases) == {UUID(HELD)}


def test_holder_of_a_life(api) -> None:
    """A holder may be one in one life of the node only, and is shown so."""
    assert api.post(LEASES, wish(FREE, era=B)).code == 201
    (found,) = api.get(LEASES).json
    assert found["holders"] == [{"holder": "user", "expires": None, "era": B}]
