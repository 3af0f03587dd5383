"""The numbers of control: what is counted, and what is so now."""

from uuid import UUID

import pytest
from prometheus_client.parser import text_string_to_metric_families

from flocker.model.cluster import Condition, Phase
from flocker.model.ids import NodeID

A = NodeID(UUID("5d7a0000-0000-4000-8000-00000000000a"))
DATASET = "11c50000-0000-4000-8000-00000000abcd"
DATASETS = "/v1/configuration/datasets"


def numbers(api, name: str) -> dict[tuple[str, ...], float]:
    """The samples of a metric, by the values of its labels."""
    reply = api.get("/metrics")
    assert reply.header("Content-Type").startswith("text/plain")
    return {
        tuple(sample.labels.values()): sample.value
        for family in text_string_to_metric_families(reply.content.decode())
        for sample in family.samples
        if sample.name == name
    }


def growth(api, name: str, act) -> dict[tuple[str, ...], float]:
    """By how much the samples of a metric grow while something is done."""
    before = numbers(api, name)
    act()
    after = numbers(api, name)
    grown = {labels: after[labels] - before.get(labels, 0.0) for labels in after}
    return {labels: by for labels, by in grown.items() if by}


def test_requests(api) -> None:
    """Requests are counted by method, route and status; ids are no labels."""

    def act() -> None:
        api.post(DATASETS, {"primary": str(A), "dataset_id": DATASET})
        api.post(DATASETS, {"primary": str(A), "dataset_id": DATASET})
        api.delete(f"{DATASETS}/{DATASET}")

    expected = {
        ("POST", DATASETS, "201"): 1.0,
        ("POST", DATASETS, "409"): 1.0,
        ("DELETE", f"{DATASETS}/<dataset_id>", "200"): 1.0,
        ("GET", "/metrics", "200"): 1.0,
    }
    assert growth(api, "flocker_requests_total", act) == expected


def test_durations(api) -> None:
    """The duration of each request is measured by its route."""
    found = growth(api, "flocker_request_seconds_count", lambda: api.get("/v1/version"))
    assert found[("GET", "/v1/version")] == 1.0


@pytest.mark.parametrize(
    ("method", "path", "labels"),
    [
        ("GET", "/nowhere", ("GET", "", "404")),
        ("PATCH", DATASETS, ("other", "", "405")),
        ("BREW", "/pot", ("other", "", "404")),
    ],
)
def test_unrouted(api, method, path, labels) -> None:
    """What no route is for is counted without what was asked for."""
    found = growth(api, "flocker_requests_total", lambda: api.ask(method, path))
    assert found[labels] == 1.0


def test_commits(api) -> None:
    """Commits are counted by what came of them."""

    def act() -> None:
        api.post(DATASETS, {"primary": str(A)})
        api.store.broken = "disk full"
        api.post(DATASETS, {"primary": str(A)})

    assert growth(api, "flocker_commits_total", act) == {
        ("ok",): 1.0,
        ("StoreUnavailable",): 1.0,
    }


def test_datasets_by_phase(api, fact) -> None:
    """Datasets are counted by phase, as their status is now."""
    none = {(phase.value,): 0.0 for phase in Phase}
    assert numbers(api, "flocker_datasets") == none
    api.connect(A)
    api.post(DATASETS, {"primary": str(A), "dataset_id": DATASET})
    assert numbers(api, "flocker_datasets") == {**none, ("waiting",): 1.0}
    api.report(A, fact(UUID(DATASET), Condition.MOUNTED))
    assert numbers(api, "flocker_datasets") == {**none, ("mounted",): 1.0}
    api.observations.disconnected(A, api.clock.seconds())
    assert numbers(api, "flocker_datasets") == {**none, ("unknown",): 1.0}


def test_agents(api) -> None:
    """Agents are counted, connected and silent ones."""
    api.connect(A)
    api.connect(NodeID(UUID(int=1)))
    api.observations.disconnected(A, api.clock.seconds())
    assert numbers(api, "flocker_agents") == {("connected",): 1.0, ("silent",): 1.0}


def test_process(api) -> None:
    """The process itself is measured too."""
    assert numbers(api, "process_open_fds")[()] > 0
