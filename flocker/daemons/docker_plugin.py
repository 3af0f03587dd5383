"""flocker-docker-plugin's command line; `docker_plugin_service` is what it starts.

What it starts is loaded when the options are understood: --version costs no plugin.
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
    help="The agent's file; cluster.crt, plugin.crt and plugin.key lie beside it.",
)
@click.option(
    "-p",
    "--rest-api-port",
    type=click.IntRange(1, 2**16 - 1),
    default=4523,
    show_default=True,
    help="Port of the control service's REST API.",
)
@click.option(
    "--socket",
    type=click.Path(path_type=Path, dir_okay=False),
    default="/run/docker/plugins/flocker/flocker.sock",
    show_default=True,
    help="Where Docker finds the plugin.",
)
@click.option(
    "--docker-socket",
    type=click.Path(path_type=Path, dir_okay=False),
    default="/var/run/docker.sock",
    show_default=True,
    help="Where Docker is asked which containers use volumes.",
)
@standard_options
def docker_plugin(
    log: Destination,
    agent_config: Path,
    rest_api_port: int,
    socket: Path,
    docker_socket: Path,
) -> None:
    """Let this node's Docker use the cluster's datasets as volumes."""
    start_logging(log)
    plug = load("flocker.daemons.docker_plugin_service:plug")
    plug(agent_config, rest_api_port, socket, docker_socket)


def main() -> None:
    """Run the program (console script)."""
    run_program(docker_plugin, "flocker-docker-plugin")
