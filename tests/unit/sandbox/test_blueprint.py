"""What a machine is told to be."""

from pathlib import Path
from uuid import UUID

from attrs import evolve

from flocker.sandbox.blueprint import (
    Blueprint,
    Program,
    engine_programs,
    flocker_programs,
    read_blueprint,
    write_blueprint,
)
from flocker.sandbox.layout import Layout
from flocker.sandbox.names import CONTROL, SandboxName, node_name
from flocker.sandbox.pools import Disk

LAYOUT = Layout(SandboxName("s"), Path("/s"), Path("/d"))


def test_comes_back(tmp_path: Path) -> None:
    """A blueprint is read as it was written."""
    blueprint = Blueprint(
        machine=CONTROL,
        hostname="h",
        era=UUID(int=1),
        disk=Path("/d"),
        record=Path("/r"),
        programs=(
            Program("p", ("/bin/p", "--x")),
            Program("q", (), Path("/s"), {"A": "b"}),
        ),
        private=(Path("/etc/q"),),
    )
    disk = Disk(Path("/i"), Path("/p"), "btrfs")
    other = evolve(disk, kind="zfs", name="n", programs=Path("/z"))
    pools = (None, disk, other)
    for each in (evolve(blueprint, pool=pool) for pool in pools):
        write_blueprint(tmp_path / "b", each)
        assert read_blueprint(tmp_path / "b") == each


def options(machine: str) -> list[str]:
    """The options of the only program of a machine."""
    (program,) = flocker_programs(LAYOUT, machine)
    return [Path(program.argv[0]).name, *program.argv[1:]]


def test_control() -> None:
    """Control listens on its address in the private network only."""
    assert options(CONTROL) == [
        "flocker-control",
        "--data-path=/d/control/data",
        "--port=tcp:4523:interface=10.77.0.1",
        "--agent-port=tcp:4524:interface=10.77.0.1",
        "--certificates-directory=/d/control",
        "--logfile=/d/logs/control/flocker-control.log",
    ]


def test_node() -> None:
    """A node runs a dataset agent with the node's own settings."""
    assert options(node_name(1)) == [
        "flocker-dataset-agent",
        "--agent-config=/d/node-1/agent.yml",
        "--logfile=/d/logs/node-1/flocker-dataset-agent.log",
    ]


def test_node_with_docker() -> None:
    """A node with Docker runs it beside its agent, after the plugin listens."""
    names = [program.name for program in engine_programs(LAYOUT, node_name(1))]
    assert names == ["flocker-dataset-agent", "flocker-docker-plugin", "dockerd"]
    *_, plugin, engine = engine_programs(LAYOUT, node_name(1))
    assert f"--socket={engine.after}" in plugin.argv
    assert engine_programs(LAYOUT, CONTROL) == flocker_programs(LAYOUT, CONTROL)
