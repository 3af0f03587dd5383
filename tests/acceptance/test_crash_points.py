"""Every daemon is killed at each of its points, once; nothing is lost or left over.

The points come from the code: a step that is new has its points from the beginning.
"""

from collections.abc import Iterator
from typing import get_args
from uuid import UUID, uuid4

import pytest

from flocker.backends.loopback.loop_devices import LoopDevices
from flocker.control import agents, operations  # noqa: F401  (they declare points)
from flocker.convergence import reporting  # noqa: F401
from flocker.dataset_agent import performing  # noqa: F401
from flocker.dataset_agent.steps import DropSnapshot, Step, TakeSnapshot
from flocker.model.ids import DatasetID
from flocker.model.sizes import MEBIBYTE
from flocker.runtime.crash_points import known
from flocker.sandbox.names import CONTROL, MachineName
from flocker.sandbox.reaching import Answer, NotReached
from flocker.sandbox.waiting import until
from flocker.testing.clusters import LiveCluster, live_cluster

OF_CONTROL = {"decided", "committed", "before telling", "told", "heard"}
SIZE = 300 * MEBIBYTE
LARGER = 400 * MEBIBYTE
OF_SNAPSHOTS = (TakeSnapshot, DropSnapshot)
"""Their driver is killed at every touch of a file in `test_volume_snapshots`."""
STEPS = tuple(step for step in get_args(Step) if step not in OF_SNAPSHOTS)
POINTS = [
    point
    for point in known
    if not point.endswith(" of pool")
    and "snap" not in point
    and not any(point.endswith(f" {step.__name__}") for step in OF_SNAPSHOTS)
]
"""Those of pools are tried in `test_pool_crash_points`."""
WITHIN = 60.0
"""Seconds, on a machine that is busy with other tests."""


@pytest.fixture(scope="module")
def live() -> Iterator[LiveCluster]:
    """Two nodes whose daemons can be killed at their points."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLOCKER_SANDBOX_CRASHES", "yes")
        with live_cluster(2) as made:
            yield made


def machine_of(live: LiveCluster, point: str) -> MachineName:
    """Where a point is reached."""
    return CONTROL if point in OF_CONTROL else live.nodes[0]


def insist(live: LiveCluster, method: str, path: str, body: object = None) -> Answer:
    """Ask until there is an answer, as clients do whose control dies."""
    answers: list[Answer] = []

    def answered() -> bool:
        try:
            answers.append(live.ask(method, f"/configuration/datasets{path}", body))
        except NotReached:
            return False
        return True

    until(answered, f"an answer to {method} {path}", WITHIN)
    return answers[0]


def is_wanted(
    live: LiveCluster, dataset: DatasetID, phase: str, **more: object
) -> bool:
    """Whether a dataset is in a phase, as far as control answers."""
    try:
        answer = live.ask("GET", f"/status/datasets/{dataset}")
    except NotReached:
        return False
    found = answer.json
    return found.get("phase") == phase and more.items() <= found.items()


def reached(live: LiveCluster, dataset: DatasetID, phase: str, **more: object) -> None:
    """Wait until a dataset is in a phase."""
    what = f"{phase} {more}"
    until(lambda: is_wanted(live, dataset, phase, **more), what, WITHIN)


def formatted(live: LiveCluster, dataset: DatasetID) -> int:
    """How often an agent began to make a filesystem for a dataset."""
    logs = live.sandbox.layout.data / "logs"
    lines = [
        line
        for file in logs.glob("node-*/*.log")
        for line in file.read_text().splitlines()
        if str(dataset) in line and '"step": "format"' in line
    ]
    return sum('"action_status": "started"' in line for line in lines)


def test_every_point_has_a_process() -> None:
    """Every point is of control or of the dataset agent, and is tried there."""
    steps = {
        f"{when} {step.__name__}" for when in ("before", "after") for step in STEPS
    }
    assert set(POINTS) == OF_CONTROL | steps | {"before report", "after report"}


@pytest.mark.parametrize("point", POINTS)
def test_killed_at(live: LiveCluster, point: str) -> None:
    """A dataset lives from its creation to its end, whoever dies at this point."""
    one, two = live.nodes
    volumes = live.sandbox.layout.volumes
    asked = live.sandbox.layout.machine(machine_of(live, point)) / "crash-at"
    asked.write_text(point)
    dataset = DatasetID(UUID(str(uuid4())))
    path = f"/{dataset}"
    new = {
        "dataset_id": str(dataset),
        "primary": str(live.id_of(one)),
        "maximum_size": SIZE,
        "filesystem": "xfs",
    }
    # Who gets no answer asks again: it was created then, or not.
    assert insist(live, "POST", "", new).status in {201, 409}
    reached(live, dataset, "mounted", node=str(live.id_of(one)), size=SIZE)
    place = live.mounted(dataset, one)
    live.write(one, place / "file", point)
    assert insist(live, "POST", path, {"maximum_size": LARGER}).status == 200
    reached(live, dataset, "mounted", node=str(live.id_of(one)), size=LARGER)
    for node in (two, one):
        to = {"primary": str(live.id_of(node))}
        assert insist(live, "POST", path, to).status == 200
        reached(live, dataset, "mounted", node=str(live.id_of(node)), size=LARGER)
        assert live.read(node, place / "file") == point
    listed = [each.name for each in volumes.glob(f"*/**/*_{dataset}*")]
    assert len(listed) == 1
    assert insist(live, "DELETE", path).status == 200
    reached(live, dataset, "destroyed")
    assert not asked.exists(), f"{point} was never reached"
    # Who dies before the step has begun it, and not more.
    assert formatted(live, dataset) == (2 if point == "before Format" else 1)
    assert list(volumes.glob(f"*/**/*_{dataset}*")) == []
    left = [bound for bound in bound_files() if str(dataset) in bound]
    assert left == []


def bound_files() -> list[str]:
    """The files of all loop devices, as the kernel names them."""
    loops = LoopDevices()
    return [loops.backing_name(device) for device, _ in loops.bound()]
