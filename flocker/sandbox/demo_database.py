"""The second act of the demonstration: a database in a container moves with its rows.

`demo` plays it where Docker can be had.
"""

from attrs import frozen
from rich.console import Console

from flocker.model.errors import FlockerError
from flocker.runtime.process import ProcessFailed, ProcessTimedOut
from flocker.sandbox import images
from flocker.sandbox.engines import await_engines
from flocker.sandbox.names import MachineName, node_name
from flocker.sandbox.requirements import (
    CannotMakeSandbox,
    require_docker,
    require_image_tools,
)
from flocker.sandbox.showing import Demonstration
from flocker.sandbox.waiting import Waited, until

ONE, TWO = node_name(1), node_name(2)
VOLUME = "pgdata"
_READY_WITHIN = 120.0
"""Seconds."""
_RUN = (
    *("run", "--detach", "--name", "db", "--volume-driver", "flocker"),
    *("--volume", f"{VOLUME}:/var/lib/postgresql/data", "postgres"),
)
_ROWS = ("psql", "-tAc", "SELECT count(*) FROM pgbench_history")


@frozen
class RowsDiffer(FlockerError):
    """Rows were lost, or came from nowhere."""

    before: str
    after: str

    def words(self) -> str:
        """Give both numbers."""
        return f"{self.before} rows were written, but {self.after} were found"


def can_show_database(console: Console) -> bool:
    """Make the image, or say why no database is shown."""
    try:
        require_docker()
        require_image_tools()
        console.print("· making an image of PostgreSQL, once, of Debian's packages")
        images.image("postgres")
    except (CannotMakeSandbox, ProcessFailed, ProcessTimedOut) as error:
        console.print(f"· no database in a container is shown: {error}")
        return False
    return True


def does_docker_answer(demo: Demonstration, nodes: tuple[MachineName, ...]) -> bool:
    """Wait for the Dockers of the nodes, or say why no database is shown."""
    try:
        await_engines(demo.sandbox.layout, nodes, _READY_WITHIN)
    except Waited as error:
        demo.tell(f"· no database in a container is shown: {error}")
        return False
    return True


def show_database(demo: Demonstration, *, keep: bool) -> None:
    """Show it; raises what goes wrong on the way."""
    before = _fill(demo)
    demo.begin("node-2 cannot have the volume while the container runs", TWO)
    demo.docker(TWO, *_RUN, fails=True)
    demo.begin("The database moves to node-2", TWO)
    demo.docker(ONE, "stop", "db")
    demo.docker(TWO, *_RUN)
    _await_ready(demo, TWO)
    after = demo.docker(TWO, "exec", "db", *_ROWS)
    if before != after:
        raise RowsDiffer(before, after)
    demo.compared += 1
    demo.tell(f"All {after} rows are there.")
    if not keep:
        demo.docker(TWO, "rm", "--force", "db")
        demo.flockerctl("destroy", "--dataset", VOLUME, "--wait")


def _fill(demo: Demonstration) -> str:
    demo.begin("PostgreSQL in a container on node-1, with a volume of Flocker", ONE)
    demo.sandboxed("load", "postgres")
    size = ("--opt", "size=1G")
    demo.docker(ONE, "volume", "create", "--driver", "flocker", *size, VOLUME)
    demo.docker(ONE, *_RUN)
    _await_ready(demo, ONE)
    demo.docker(ONE, "exec", "db", "pgbench", "--initialize", "--quiet")
    demo.docker(ONE, "exec", "db", "pgbench", "--client", "4", "--time", "3")
    return demo.docker(ONE, "exec", "db", *_ROWS)


def _await_ready(demo: Demonstration, node: MachineName) -> None:
    def ready() -> bool:
        try:
            demo.on(node, "docker", "exec", "db", "pg_isready", "--quiet")
        except ProcessFailed:
            return False
        return True

    until(ready, f"the database on {node} to answer", _READY_WITHIN)
