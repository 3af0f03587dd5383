"""`flockerctl`: look at a cluster and change what is wanted of its datasets.

Which commands there are; each is in a module of its kind, which a run loads that calls
it. What they do to a cluster is in `flocker.client`, how results look in
`flocker.cli.output`. Runs with the base install only, also on macOS.
"""

from pathlib import Path

import click

from flocker import __version__
from flocker.cli.given import CLUSTER_YML, DEFAULT_USER
from flocker.runtime.loading import LaterCommand, LaterGroup

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


class _WithAliases(LaterGroup):
    """Knows some commands by a second name."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return super().get_command(ctx, _ALIASES.get(cmd_name, cmd_name))


def main() -> None:
    """Run the command with the process's arguments, then exit."""
    flockerctl(prog_name="flockerctl")


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
def flockerctl(**_given: object) -> None:
    """Look at a Flocker cluster and its datasets, and change them.

    The options here may also be given as environment variables:
    FLOCKER_CONTROL_SERVICE, FLOCKER_CERTS_PATH, FLOCKER_USER.
    """


_COMMANDS = (
    LaterCommand(
        "adopt",
        "flocker.cli.dataset_commands:adopt_volume",
        "Make a volume that no dataset is the one it was.",
    ),
    LaterCommand(
        "clone",
        "flocker.cli.clone_command:clone_dataset",
        "Make a dataset that begins as SNAPSHOT of DATASET.",
    ),
    LaterCommand(
        "completion",
        "flocker.cli.about_commands:print_completion",
        "Print the script that lets SHELL complete flockerctl's command lines.",
    ),
    LaterCommand(
        "copies",
        "flocker.cli.moving_commands:list_copies",
        "List which node has which copy of DATASET, if it is in a pool.",
    ),
    LaterCommand(
        "create",
        "flocker.cli.dataset_commands:create_dataset",
        "Create a dataset on a node.",
    ),
    LaterCommand(
        "destroy",
        "flocker.cli.dataset_commands:destroy_dataset",
        "Destroy a dataset and its data.",
    ),
    LaterCommand(
        "doctor",
        "flocker.cli.doctor_command:doctor",
        "Look for what is wrong, from this machine, and say what to do.",
    ),
    LaterCommand(
        "drop-copy",
        "flocker.cli.moving_commands:drop",
        "Destroy the copy that a node has kept of a dataset.",
    ),
    LaterCommand(
        "events",
        "flocker.cli.event_commands:show_events",
        "Show what has happened to datasets, leases and nodes.",
    ),
    LaterCommand(
        "health",
        "flocker.cli.about_commands:show_health",
        "Show how the parts of the control service are.",
    ),
    LaterCommand(
        "lease",
        "flocker.cli.lease_commands:lease_group",
        "Keep datasets where they are used.",
    ),
    LaterCommand(
        "list",
        "flocker.cli.dataset_commands:list_datasets",
        "List the datasets (also: ls).",
    ),
    LaterCommand(
        "list-nodes",
        "flocker.cli.node_commands:list_nodes",
        "List the nodes of the cluster (also: status, node list).",
    ),
    LaterCommand(
        "metadata",
        "flocker.cli.dataset_commands:metadata_group",
        "Change words about a dataset; `name` is what it is called here.",
    ),
    LaterCommand(
        "move",
        "flocker.cli.moving_commands:move_dataset",
        "Move a dataset, with its data, to another node.",
    ),
    LaterCommand(
        "node",
        "flocker.cli.node_commands:node_group",
        "Look at the nodes, and say what is known of them.",
    ),
    LaterCommand(
        "purge",
        "flocker.cli.dataset_commands:purge_dataset",
        "Forget a destroyed DATASET: its id and name are free again.",
    ),
    LaterCommand(
        "resize",
        "flocker.cli.dataset_commands:resize_dataset",
        "Make DATASET larger, or smaller in a pool, while it is in use.",
    ),
    LaterCommand(
        "rollback",
        "flocker.cli.rollback_command:rollback",
        "Make DATASET again what its SNAPSHOT was; for datasets in pools.",
    ),
    LaterCommand(
        "snapshot",
        "flocker.cli.snapshot_commands:snapshot_group",
        "Keep what a dataset holds now, as it is.",
    ),
    LaterCommand(
        "version",
        "flocker.cli.about_commands:show_version",
        "Show the version of this client.",
    ),
    LaterCommand(
        "volumes",
        "flocker.cli.dataset_commands:list_volumes",
        "List volumes that no dataset is, and why; and copies in pools.",
    ),
    LaterCommand(
        "why",
        "flocker.cli.dataset_commands:explain",
        "Say what happens to DATASET, and what it waits for.",
    ),
)

for _command in _COMMANDS:
    flockerctl.add_command(_command)
