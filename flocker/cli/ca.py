"""`flocker-ca`: make the certificates of a cluster, in files.

Run by administrators, also on macOS, with the base install only. What it prints is read
by programs (the first line of `create-node-certificate`): spec/cli-and-config.md §2.
"""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import click
from twisted.python.runtime import seconds

from flocker import __version__
from flocker.ca.authority import Authority
from flocker.ca.credentials import Credential, KeyType
from flocker.ca.files import write_credential
from flocker.ca.names import CLUSTER, control_file, parse_host
from flocker.cli.ca_bundle import bundle
from flocker.cli.ca_existing import inspect, renew, verify
from flocker.cli.ca_options import authority_path, key_type, output_path, verbose
from flocker.model.errors import FlockerError
from flocker.model.ids import ClusterID, NodeID


def main() -> None:
    """Run the command with the process's arguments and clock, then exit."""
    sys.exit(run(sys.argv[1:], datetime.fromtimestamp(seconds(), UTC)))


def run(arguments: Sequence[str], now: datetime) -> int:
    """Run the command; returns its exit status, 0 or 1."""
    try:
        status: int | None = flocker_ca.main(
            list(arguments), prog_name="flocker-ca", standalone_mode=False, obj=now
        )
    except click.UsageError as error:
        click.echo(f"ERROR: {error.format_message()}", err=True)
        if error.ctx is not None:
            click.echo(error.ctx.get_usage(), err=True)
        return 1
    except FlockerError as error:
        click.echo(f"Error: {error}", err=True)
        return 1
    except click.Abort:
        click.echo("Error: interrupted", err=True)
        return 1
    return status or 0


@click.group(no_args_is_help=False)
@click.version_option(__version__, message="%(version)s")
@verbose
def flocker_ca() -> None:
    """Make the certificates of a Flocker cluster.

    `bundle` makes all files of a new cluster at once. Or one by one: first
    `initialize`, once a cluster; then one control certificate, one node certificate
    for each node, and one API certificate for each user and for the Docker plugin.
    Keep cluster.key in a safe place.

    `verify` finds what is wrong with a directory, `inspect` shows what a file is,
    `renew` makes a certificate again before it expires.
    """


@flocker_ca.command(short_help="Found a cluster.")
@click.argument("name")
@output_path
@key_type
@verbose
@click.pass_obj
def initialize(now: datetime, name: str, output: Path, kind: KeyType) -> None:
    """Found a cluster called NAME: make its certificate authority."""
    authority = Authority.found(name, ClusterID(uuid4()), kind, now)
    write_credential(output, CLUSTER, authority.credential)
    click.echo(
        "Created cluster.crt and cluster.key. Keep cluster.key secret: "
        "whoever holds it controls the cluster."
    )


@flocker_ca.command(short_help="Make the control service's certificate.")
@click.argument("hosts", metavar="HOST...", nargs=-1, required=True)
@authority_path
@output_path
@key_type
@verbose
@click.pass_obj
def create_control_certificate(
    now: datetime,
    hosts: tuple[str, ...],
    source: Path,
    output: Path,
    kind: KeyType,
) -> None:
    """Make the certificate of the control service.

    HOST... are all DNS names and IP addresses under which clients will reach it; the
    files are named after the first.
    """
    names = [parse_host(host) for host in hosts]
    credential = Authority.load(source).control(names, kind, now)
    _store(
        output,
        control_file(hosts[0]),
        credential,
        "Copy them to the control host's /etc/flocker and rename them to "
        "control-service.crt and control-service.key.",
    )


@flocker_ca.command(short_help="Make the certificate of one node.")
@authority_path
@output_path
@key_type
@verbose
@click.pass_obj
def create_node_certificate(
    now: datetime, source: Path, output: Path, kind: KeyType
) -> None:
    """Make the certificate of one node; each node needs its own."""
    node = NodeID(uuid4())
    _store(
        output,
        str(node),
        Authority.load(source).node(node, kind, now),
        "Copy them to one node's /etc/flocker and rename them to node.crt and "
        "node.key; never use them on a second node.",
    )


@flocker_ca.command(short_help="Make the certificate of one user.")
@click.argument("name")
@authority_path
@output_path
@key_type
@verbose
@click.pass_obj
def create_api_certificate(
    now: datetime, name: str, source: Path, output: Path, kind: KeyType
) -> None:
    """Make the certificate of the API user NAME (`plugin`: the Docker plugin)."""
    _store(
        output,
        name,
        Authority.load(source).user(name, kind, now),
        "Use them with cluster.crt to reach the control service.",
    )


def _store(output: Path, name: str, credential: Credential, then: str) -> None:
    write_credential(output, name, credential)
    click.echo(f"Created {name}.crt and {name}.key. {then}")


for _command in (bundle, inspect, renew, verify):
    flocker_ca.add_command(_command)
