"""Logs as people read them."""

from pathlib import Path

from flocker.sandbox.layout import Layout
from flocker.sandbox.logs import show, tail
from flocker.sandbox.names import CONTROL, SandboxName, node_name


def test_tail(tmp_path: Path) -> None:
    """The last lines of a log are asked for by number; a missing log has none."""
    log = tmp_path / "x.log"
    log.write_text("1\n2\n3\n")
    assert [tail(log, 2), tail(log), tail(tmp_path / "y.log")] == [
        ["2", "3"],
        ["1", "2", "3"],
        [],
    ]


def test_readable(tmp_path: Path) -> None:
    """Messages of eliot are lines for people, in a log of anything."""
    log = tmp_path / "x.log"
    log.write_text('{"timestamp": 1.5, "message_type": "flocker:x"}\nTraceback:\n')
    assert tail(log) == ["00:00:01.500Z x", "Traceback:"]


def test_show(tmp_path: Path) -> None:
    """Each line says of which machine and which log it is."""
    layout = Layout(SandboxName("s"), tmp_path, tmp_path)
    for machine in (CONTROL, node_name(1)):
        layout.logs(machine).mkdir(parents=True)
        (layout.logs(machine) / "agent.log").write_text("hello\n")
    written: list[str] = []
    show(layout, [node_name(1)], written.append)
    assert written == ["node-1 agent: hello"]
