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
from cryptography.x509 import Certificate
from twisted.python.runtime import seconds

from flocker import __version__
from flocker.ca.authority import Authority
from flocker.ca.checking import common_name_of, server_names
from flocker.ca.credentials import Credential, KeyType
from flocker.ca.files import write_credential
from flocker.ca.names import CLUSTER, control_file, parse_host
from flocker.ca.services import Fit, Unfit, verify_directory
from flocker.model.errors import FlockerError
from flocker.model.ids import ClusterID, NodeID

_key_type = click.option(
    "--key-type",
    "kind",
    type=click.Choice([kind.value for kind in KeyType]),
    default=KeyType.ECDSA.value,
    show_default=True,
    callback=lambda _context, _parameter, value: KeyType(value),
    help="Kind of key: ECDSA P-256, or RSA for clients that know nothing newer.",
)
_verbose = click.option(
    "-v",
    "--verbose",
    count=True,
    expose_value=False,
    help="Accepted for the sake of scripts; changes nothing.",
)
_output = click.option(
    "-o",
    "--outputpath",
    "output",
    type=click.Path(path_type=Path),
    default=Path(),
    help="Directory to write to.  [default: the current directory]",
)
_input = click.option(
    "-i",
    "--inputpath",
    "source",
    type=click.Path(path_type=Path),
    default=Path(),
    help="Directory of cluster.crt and cluster.key.  [default: the current directory]",
)


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
@_verbose
def flocker_ca() -> None:
    """Make the certificates of a Flocker cluster.

    First `initialize`, once a cluster. Then one control certificate, one node
    certificate for each node, and one API certificate for each user and for the
    Docker plugin. Keep cluster.key in a safe place.
    """


@flocker_ca.command()
@click.argument("name")
@_output
@_key_type
@_verbose
@click.pass_obj
def initialize(now: datetime, name: str, output: Path, kind: KeyType) -> None:
    """Found a cluster called NAME: make its certificate authority."""
    authority = Authority.found(name, ClusterID(uuid4()), kind, now)
    write_credential(output, CLUSTER, authority.credential)
    click.echo(
        "Created cluster.crt and cluster.key. Keep cluster.key secret: "
        "whoever holds it controls the cluster."
    )


@flocker_ca.command()
@click.argument("hosts", metavar="HOST...", nargs=-1, required=True)
@_input
@_output
@_key_type
@_verbose
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


@flocker_ca.command()
@_input
@_output
@_key_type
@_verbose
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


@flocker_ca.command()
@click.argument("name")
@_input
@_output
@_key_type
@_verbose
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


@flocker_ca.command()
@click.argument("directory", type=click.Path(path_type=Path), default=Path())
@_verbose
@click.pass_context
def verify(context: click.Context, directory: Path) -> None:
    """Check every certificate and key in DIRECTORY against its cluster.crt.

    Right pairs, roles of the services' files, signatures, cluster and dates.
    Exits with 1 if anything is wrong.
    """
    now: datetime = context.obj
    wrong = False
    for found in verify_directory(directory, now):
        match found:
            case Fit(path, certificate):
                click.echo(f"{path.name}: {_summary(certificate)}")
            case Unfit(why):
                wrong = True
                click.echo(f"Error: {why}", err=True)
    if wrong:
        context.exit(1)


def _summary(certificate: Certificate) -> str:
    name = common_name_of(certificate.subject)
    servers = ", ".join(server_names(certificate))
    served = f", serves as {servers}" if servers else ""
    return f"{name}{served}, until {certificate.not_valid_after_utc:%Y-%m-%d}"


def _store(output: Path, name: str, credential: Credential, then: str) -> None:
    write_credential(output, name, credential)
    click.echo(f"Created {name}.crt and {name}.key. {then}")
