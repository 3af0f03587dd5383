"""What is happening, as users ask for it."""

from uuid import UUID

from attrs import evolve

from flocker.model.cluster import Condition, Want
from flocker.model.ids import NodeID

NODE = NodeID(UUID("5d7a0000-0000-4000-8000-000000000001"))
OTHER = NodeID(UUID("5d7a0000-0000-4000-8000-000000000002"))
DATASET = UUID("11c50000-0000-4000-8000-000000000001")
DATASETS = "/v1/status/datasets"
NODES = "/v1/status/nodes"


def create(api) -> None:
    body = {"primary": str(NODE), "dataset_id": str(DATASET), "metadata": {"name": "x"}}
    assert api.post("/v1/configuration/datasets", body).code == 201


def test_no_datasets(api) -> None:
    """A new cluster has an empty list."""
    assert (api.get(DATASETS).code, api.get(DATASETS).json) == (200, [])


def test_dataset_waits_for_its_node(api) -> None:
    """A dataset says its phase, since when, the cause, and what would release it."""
    create(api)
    api.clock.advance(2.5)
    (plain,) = api.get(DATASETS).json
    assert plain["dataset_id"] == str(DATASET)
    assert (plain["phase"], plain["seconds"]) == ("waiting", 2.5)
    assert plain["cause"]["code"] == "node-unknown"
    assert plain["cause"]["release"]


def test_dataset_in_full(api, fact) -> None:
    """One dataset alone also says what each node knows of it; its id in any case."""
    create(api)
    api.connect(NODE)
    api.report(NODE, fact(DATASET, Condition.MOUNTED, path="/flocker/x", size=5))
    plain = api.get(f"{DATASETS}/{str(DATASET).upper()}").json
    assert (plain["phase"], plain["path"], plain["size"]) == (
        "mounted",
        "/flocker/x",
        5,
    )
    assert plain["nodes"][str(NODE)]["condition"] == "mounted"
    (brief,) = api.get(DATASETS).json
    assert brief.items() <= plain.items()


CONFIGURED = "/v1/configuration/datasets"
SECOND = UUID("11c50000-0000-4000-8000-000000000002")


def check_list(api) -> None:
    """See that the list says of each dataset what is said of it alone."""
    api.clock.advance(1.25)
    for plain in api.get(DATASETS).json:
        alone = api.get(f"{DATASETS}/{plain['dataset_id']}").json
        assert plain.items() <= alone.items()


def test_list_follows_what_nodes_say(api, fact) -> None:
    """Whatever a node has said since the last list, the next one is true."""
    create(api)
    check_list(api)
    api.connect(NODE)
    check_list(api)
    api.report(NODE, fact(DATASET, Condition.MOUNTED, path='/"seconds":0.0,', size=5))
    check_list(api)
    api.post(f"{CONFIGURED}/{DATASET}", {"primary": str(OTHER)})
    check_list(api)
    api.connect(OTHER, "10.0.0.8")
    check_list(api)
    api.report(NODE)
    check_list(api)
    for node in (NODE, OTHER):
        touched = api.observations.disconnected(node, api.clock.seconds())
        api.operations.heard_of(touched, (node,))
        check_list(api)
    assert api.delete(f"/v1/configuration/nodes/{NODE}").code == 200
    check_list(api)


def test_list_follows_the_configuration(api, fact) -> None:
    """What was created, deleted or purged since the last list is so in the next."""
    create(api)
    check_list(api)
    api.post(CONFIGURED, {"primary": str(NODE), "dataset_id": str(SECOND)})
    check_list(api)
    assert len(api.get(DATASETS).json) == 2
    api.connect(NODE)
    api.delete(f"{CONFIGURED}/{SECOND}")
    check_list(api)
    gone = evolve(fact(SECOND, Condition.MISSING), want=Want.DELETED)
    api.report(NODE, gone)
    api.operations.heard_of([SECOND], [NODE])
    check_list(api)
    assert api.delete(f"{CONFIGURED}/{SECOND}?purge=true").code == 200
    assert [plain["dataset_id"] for plain in api.get(DATASETS).json] == [str(DATASET)]


def timeless(reply) -> list[dict[str, object]]:
    """Give a list of statuses without what changes by itself."""
    return [
        {key: value for key, value in each.items() if key != "seconds"}
        for each in reply.json
    ]


def test_not_modified(api, fact) -> None:
    """Who has the list is told so for as long as no status is another."""
    mounted = fact(DATASET, Condition.MOUNTED, path="/x", size=5)
    happenings = [
        lambda: create(api),
        lambda: api.connect(NODE),
        lambda: api.connect(NODE),
        lambda: api.report(NODE, mounted),
        lambda: api.report(NODE, mounted),
        lambda: api.connect(OTHER, "10.0.0.8"),
        lambda: api.post(f"{CONFIGURED}/{DATASET}", {"metadata": {"name": "y"}}),
        lambda: api.report(NODE),
        lambda: api.operations.heard_of(
            api.observations.disconnected(NODE, api.clock.seconds()), (NODE,)
        ),
    ]
    last, codes = api.get(DATASETS), []
    for happens in happenings:
        happens()
        api.clock.advance(1.5)
        asked = api.get(DATASETS, {"If-None-Match": [last.header("ETag")]})
        now = api.get(DATASETS)
        assert asked.header("ETag") == now.header("ETag")
        assert asked.code == (304 if timeless(now) == timeless(last) else 200)
        codes.append(asked.code)
        last = now
    assert codes == [200, 200, 304, 200, 304, 304, 200, 200, 200]


def test_other_process(api) -> None:
    """What another process of control has said is not taken for the same."""
    assert str(api.events.boot) in api.get(DATASETS).header("ETag")


def test_unknown_dataset(api) -> None:
    """No dataset of that id, or no id at all, is 404."""
    for segment in (DATASET, "x", "%00", "%F0%9F%92%BE"):
        reply = api.get(f"{DATASETS}/{segment}")
        assert (reply.code, list(reply.json)) == (404, ["description"])


def test_nodes(api) -> None:
    """Every node that has connected is listed, also when it is silent."""
    api.connect(NODE, "10.0.0.7")
    api.clock.advance(500.0)
    (plain,) = api.get(NODES).json
    assert (plain["uuid"], plain["host"]) == (str(NODE), "10.0.0.7")
    assert (plain["connected"], plain["seconds"]) == (True, 500.0)
    assert api.get(f"{NODES}/{str(NODE).upper()}").json == plain


def test_unknown_node(api) -> None:
    """No node of that id, or no id at all, is 404."""
    for segment in (NODE, "x"):
        assert api.get(f"{NODES}/{segment}").code == 404
