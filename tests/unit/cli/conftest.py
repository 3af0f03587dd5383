"""flockerctl against the real REST API in memory, with two nodes; and flocker-ca.

flocker-ca runs in the test's own directory, at the time its certificates are made.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from click.testing import CliRunner, Result
from pyrsistent import pmap

from flocker.cli import ca
from flocker.cli.flockerctl import flockerctl
from flocker.cli.instruments import Instruments
from flocker.cli.session import World
from flocker.client.interface import NewDataset
from flocker.model.ids import DatasetID, Era, NodeID
from flocker.model.sizes import GIBIBYTE
from flocker.testing.certificates import MADE, a_cluster
from flocker.testing.fakes.memory_control import MemoryControl

NODE = NodeID(UUID("aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"))
OTHER = NodeID(UUID("bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"))
DATASET = DatasetID(UUID("11111111-1111-4111-8111-111111111111"))
CLUSTER = a_cluster()

Run = Callable[..., Result]


class Ran(NamedTuple):
    """What a run of the command left behind."""

    status: int
    out: str
    err: str


Command = Callable[..., Ran]


@pytest.fixture
def flocker_ca(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Command:
    """Run the command in an empty working directory."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str) -> Ran:
        status = ca.run(arguments, MADE)
        return Ran(status, *capsys.readouterr())

    return command


@pytest.fixture
def in_cluster(flocker_ca: Command) -> Command:
    """Run the command where a cluster was founded."""
    assert flocker_ca("initialize", "mine").status == 0
    return flocker_ca


@pytest.fixture
def control() -> MemoryControl:
    """A control service with two nodes."""
    control = MemoryControl()
    control.connected(NODE, "10.0.0.1")
    control.connected(OTHER, "10.0.0.2")
    return control


@pytest.fixture
def dataset(control: MemoryControl) -> DatasetID:
    """A dataset called pg, wanted on the first node."""
    new = NewDataset(DATASET, NODE, GIBIBYTE, pmap({"name": "pg", "owner": "al"}))
    return control.run(control.client().create(new)).dataset_id


@pytest.fixture
def world(control: MemoryControl) -> World:
    """A world in which that control service is everywhere."""

    def work(command: Any) -> int:
        return control.run(command(control.clock))

    async def probe(_address: object, _own: object) -> object:
        return CLUSTER.control.certificate

    tools = Instruments(
        client=lambda address, _own: control.client(str(address)),
        probe=probe,
        now=lambda: datetime.now(UTC),
        era=lambda: Era(UUID(int=7)),
    )
    return World(
        connect=lambda _options, _reactor: control.client(),
        run=work,
        instruments=lambda _reactor: tools,
    )


@pytest.fixture
def run(world: World) -> Run:
    """Runs flockerctl with some arguments."""

    def run(*arguments: str, **env: str) -> Result:
        return CliRunner(env={"COLUMNS": "80", **env}).invoke(
            flockerctl, list(arguments), prog_name="flockerctl", obj=world
        )

    return run
