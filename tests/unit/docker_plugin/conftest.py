"""A node with a plugin: real control in memory, an engine in memory, and a kernel."""

import json
from collections.abc import Coroutine, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from twisted.internet.defer import Deferred

from flocker.docker_engine.interface import Volume
from flocker.docker_plugin.plugin import Plugin, World
from flocker.docker_plugin.requests import read
from flocker.model.cluster import Condition, Fact, Want
from flocker.model.ids import DatasetID, Era, NodeID
from flocker.testing.fakes.memory_control import MemoryControl
from flocker.testing.fakes.memory_engine import MemoryEngine
from flocker.wire.agent_yaml import DockerConfig

NODE = NodeID(UUID("aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"))
OTHER = NodeID(UUID("bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"))
ERA = Era(UUID(int=7))
DATASET = DatasetID(UUID("11111111-1111-4111-8111-111111111111"))


class Rig:
    """The plugin of `NODE`, and all that it sees."""

    def __init__(self) -> None:
        self.control = MemoryControl()
        self.engine = MemoryEngine()
        self.paths: set[Path] = set()
        self.elsewhere: set[Path] = set()
        """Paths whose filesystem the kernel shows elsewhere, too."""
        self.new_ids = iter(
            UUID(f"{n:08x}-1111-4111-8111-111111111111")
            for n in range(0x11111111, 2**32)
        )
        self.control.connected(OTHER, "10.0.0.2")
        self.control.connected(NODE, "10.0.0.1", ERA)
        self.plugin = self.new_plugin()

    def new_plugin(self) -> Plugin:
        """A plugin that has just started."""
        world = World(
            clock=self.control.clock,
            now=lambda: datetime(2026, 11, 28, tzinfo=UTC),
            era=lambda: ERA,
            paths=lambda: frozenset(self.paths),
            in_use=self._in_use,
            chance=lambda: 0.5,
            engine=self.engine,
            new_id=lambda: next(self.new_ids),
        )
        plugin = Plugin(self.control.client(), world, DockerConfig())
        plugin.start()
        return plugin

    def restart(self) -> None:
        """The plugin is killed, and another one started."""
        self.plugin.stop()
        self.plugin = self.new_plugin()

    async def _in_use(self, path: Path) -> bool:
        return path in self.elsewhere

    # --- what Docker asks

    def begin(self, call: str, **fields: object) -> "Deferred[dict[str, Any]]":
        """Begin a call of the protocol."""
        method = getattr(self.plugin, call)
        work: Coroutine[Any, Any, dict[str, Any]] = method(
            read(json.dumps(fields).encode())
        )
        return Deferred.fromCoroutine(work)

    def begin_work(self, work: Coroutine[Any, Any, Any]) -> "Deferred[Any]":
        """Begin any work."""
        return Deferred.fromCoroutine(work)

    def call(self, call: str, **fields: object) -> dict[str, Any]:
        """Do a call of the protocol; raises what is wrong."""
        return self.wait(self.begin(call, **fields))

    def wait(self, doing: "Deferred[dict[str, Any]]") -> dict[str, Any]:
        """Wait for the answer of a call."""

        async def work() -> dict[str, Any]:
            return await doing

        return self.control.run(work())

    def passes(self, seconds: float) -> None:
        """Let time go by."""
        done: Deferred[None] = Deferred()
        self.control.clock.callLater(seconds, done.callback, None)

        async def work() -> None:
            await done

        self.control.run(work())

    # --- what happens in the cluster

    def mounted(self, node: NodeID = NODE, dataset: DatasetID = DATASET) -> Path:
        """A node's agent has a dataset mounted."""
        path = Path(f"/flocker/{dataset}")
        if node == NODE:
            self.paths.add(path)
        fact = Fact(dataset, Want.MOUNTED, Condition.MOUNTED, path=str(path))
        self.control.says(node, fact)
        return path

    def holders(self, dataset: DatasetID = DATASET) -> tuple[str, ...]:
        """Who holds the lease of a dataset."""
        lease = self.control.operations.configuration.leases.get(dataset)
        return () if lease is None else tuple(h.name for h in lease.holders)


def of(name: str) -> Volume:
    """A volume of ours."""
    return Volume(name, "flocker")


@pytest.fixture
def rig() -> Iterator[Rig]:
    """A node whose plugin knows itself."""
    found = Rig()
    found.passes(1.0)
    yield found
    found.plugin.stop()


@pytest.fixture
def volume(rig: Rig) -> Path:
    """The volume pg, mounted on the node; its path."""
    rig.call("create", Name="pg", Opts=None)
    return rig.mounted()
