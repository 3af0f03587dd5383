"""`flockerctl`: look at a cluster and change what is wanted of its datasets.

The commands; what they do to a cluster is in `flocker.client`, how results look in
`flocker.cli.output`. Runs with the base install only, also on macOS.
"""

from pathlib import Path
from typing import Any

import click

from flocker import __version__
from flocker.cli.about_commands import ABOUT_COMMANDS
from flocker.cli.completing import given_options
from flocker.cli.connecting import CLUSTER_YML, DEFAULT_USER
from flocker.cli.dataset_commands import DATASET_COMMANDS
from flocker.cli.doctor_command import doctor
from flocker.cli.event_commands import EVENT_COMMANDS
from flocker.cli.lease_commands import LEASE_COMMANDS
from flocker.cli.node_commands import NODE_COMMANDS
from flocker.cli.session import Session, World, the_world

_EPILOG = """\b
Exit status:
  0  done
  1  failed; with --wait: the dataset cannot get there before somebody acts
  2  the command line or a configuration file is wrong
  3  no trusted connection, or no answer, from the control service
  4  no node or dataset fits, or several do
  5  the control service refused
  6  --wait: not there in time
  130  interrupted
"""
_ALIASES = {"status": "list-nodes", "ls": "list"}


class _WithAliases(click.Group):
    """Knows some commands by a second name."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return super().get_command(ctx, _ALIASES.get(cmd_name, cmd_name))


def main() -> None:
    """Run the command with the process's arguments, then exit."""
    flockerctl(prog_name="flockerctl", obj=the_world())


@click.group(cls=_WithAliases, epilog=_EPILOG)
@click.version_option(__version__, message="%(version)s")
@click.option(
    "--control-service",
    envvar="FLOCKER_CONTROL_SERVICE",
    metavar="HOST[:PORT],...",
    help="Where the control service is; several are tried in turn.  "
    "[default: what agent.yml beside the certificates says, then cluster.yml]",
)
@click.option(
    "--control-port",
    type=click.IntRange(1, 65535),
    default=4523,
    show_default=True,
    help="Its port.",
)
@click.option(
    "--certs-path",
    envvar="FLOCKER_CERTS_PATH",
    type=click.Path(path_type=Path),
    default=Path(),
    help="Directory of the certificates.  [default: the current directory]",
)
@click.option(
    "--user",
    envvar="FLOCKER_USER",
    help="Whose certificate to show: USER.crt and USER.key.  "
    f"[default: the first user in cluster.yml, or {DEFAULT_USER!r}]",
)
@click.option(
    "--cluster-crt",
    default="cluster.crt",
    show_default=True,
    help="The cluster's authority, in the directory of the certificates.",
)
@click.option(
    "--cluster-yml",
    type=click.Path(path_type=Path),
    help=f"A description of the cluster.  [default: {CLUSTER_YML}, if it is there]",
)
@click.option(
    "--containerized", envvar="CONTAINERIZED", default="", hidden=True, metavar="ANY"
)
@click.pass_context
def flockerctl(
    context: click.Context,
    /,
    containerized: str,
    **given: Any,  # noqa: ANN401
) -> None:
    """Look at a Flocker cluster and its datasets, and change them.

    The options here may also be given as environment variables:
    FLOCKER_CONTROL_SERVICE, FLOCKER_CERTS_PATH, FLOCKER_USER.
    """
    world = context.find_object(World)
    options = given_options({**given, "containerized": containerized})
    context.obj = Session(options, world or the_world())


for _command in (
    *ABOUT_COMMANDS,
    *DATASET_COMMANDS,
    *EVENT_COMMANDS,
    *LEASE_COMMANDS,
    *NODE_COMMANDS,
    doctor,
):
    flockerctl.add_command(_command)
