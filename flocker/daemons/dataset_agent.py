"""flocker-dataset-agent's command line; `dataset_agent_service` is what it starts.

What it starts is loaded when the options are understood: --version costs no agent.
"""

from pathlib import Path

import click

from flocker.runtime.loading import load
from flocker.runtime.logging import Destination, start_logging
from flocker.runtime.settings import run_program, standard_options


@click.command()
@click.option(
    "-c",
    "--agent-config",
    type=click.Path(path_type=Path, dir_okay=False),
    default="/etc/flocker/agent.yml",
    show_default=True,
    help="The agent's file; cluster.crt, node.crt and node.key lie beside it.",
)
@standard_options
def dataset_agent(log: Destination, agent_config: Path) -> None:
    """Keep the storage of this node as the control service wants it."""
    start_logging(log)
    load("flocker.daemons.dataset_agent_service:keep")(agent_config)


def main() -> None:
    """Run the program (console script)."""
    run_program(dataset_agent, "flocker-dataset-agent")
