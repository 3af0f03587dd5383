"""`flocker-ca inspect`, `renew` and `verify`: for certificates that are there."""

import json
from datetime import datetime
from pathlib import Path

import click
from click.shell_completion import CompletionItem
from cryptography.x509 import Certificate

from flocker.ca.authority import Authority
from flocker.ca.checking import common_name_of, server_names
from flocker.ca.credentials import KeyType, key_like, new_key
from flocker.ca.describing import Description, describe, paragraph
from flocker.ca.files import load_all
from flocker.ca.names import CLUSTER
from flocker.ca.renewing import Finished, KeyFor, Renewed
from flocker.ca.renewing import renew as renew_pair
from flocker.ca.verifying import Doubtful, Fit, Unfit, verify_directory
from flocker.cli.ca_options import authority_path, verbose
from flocker.model.errors import FlockerError

_SUFFIXES = (".crt", ".key")


@click.command(short_help="Show what certificates and keys are.")
@click.argument(
    "files",
    metavar="FILE...",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path),
)
@click.option(
    "-o",
    "--output",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How to print: a paragraph each, or a JSON list.",
)
@verbose
@click.pass_context
def inspect(context: click.Context, files: tuple[Path, ...], form: str) -> None:
    """Show what each FILE is: a certificate or a key.

    Role, subject, names, cluster, issuer, dates, kind of key and fingerprints. The
    SHA-256 of the key is the same in a certificate and in the key that belongs to it.
    Secrets are never shown. Exits with 1 if a file cannot be read.
    """
    now: datetime = context.obj
    found: list[Description] = []
    wrong = False
    for file in files:
        try:
            found += [describe(thing, str(file), now) for thing in load_all(file)]
        except FlockerError as error:
            wrong = True
            click.echo(f"Error: {error}", err=True)
    if form == "json":
        click.echo(json.dumps(found, indent=2, default=_plain, ensure_ascii=False))
    else:
        for number, description in enumerate(found):
            click.echo("\n" * bool(number) + paragraph(description))
    if wrong:
        context.exit(1)


def _pairs(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    directory: Path = context.params.get("directory") or Path()
    names = sorted(path.stem for path in directory.glob("*.crt"))
    return [
        CompletionItem(name)
        for name in names
        if name.startswith(incomplete) and name != CLUSTER
    ]


@click.command(short_help="Make a certificate anew.")
@click.argument("name", shell_complete=_pairs)
@authority_path
@click.option(
    "-o",
    "--outputpath",
    "directory",
    type=click.Path(path_type=Path),
    default=Path(),
    help="Directory of NAME.crt and NAME.key.  [default: the current directory]",
)
@click.option(
    "--key-type",
    "kind",
    type=click.Choice([kind.value for kind in KeyType]),
    help="Kind of the new key.  [default: the old key's]",
)
@click.option("--same-key", is_flag=True, help="Keep the key: a new certificate only.")
@verbose
@click.pass_obj
def renew(
    now: datetime,
    name: str,
    source: Path,
    directory: Path,
    *,
    kind: str | None,
    same_key: bool,
) -> None:
    """Make the pair NAME.crt and NAME.key anew, for the same subject and names.

    The old pair is kept beside it, with the date in its names, and works until it
    expires: replace it where it is used when it suits you. cluster.crt is not renewed.
    """
    if same_key and kind is not None:
        raise click.UsageError("--same-key and --key-type contradict each other.")
    name = _without_suffix(name)
    result = renew_pair(
        directory, name, Authority.load(source), _key_for(kind, same_key=same_key), now
    )
    click.echo(_told(name, result))


@click.command(short_help="Find what is wrong in a directory.")
@click.argument("directory", type=click.Path(path_type=Path), default=Path())
@verbose
@click.pass_context
def verify(context: click.Context, directory: Path) -> None:
    """Check every certificate and key in DIRECTORY against its cluster.crt.

    Pairs, roles and names, signatures, dates (a warning in the last 30 days), who may
    read the keys, and the control hosts of an agent.yml beside them. One line a
    finding. Exits with 1 if there is an error, with 0 if there are only warnings.
    """
    now: datetime = context.obj
    wrong = False
    for found in verify_directory(directory, now):
        match found:
            case Fit(path, certificate):
                click.echo(f"{path.name}: {_summary(certificate)}")
            case Doubtful():
                click.echo(f"Warning: {found}", err=True)
            case Unfit():
                wrong = True
                click.echo(f"Error: {found}", err=True)
    if wrong:
        context.exit(1)


def _key_for(kind: str | None, *, same_key: bool) -> KeyFor:
    if same_key:
        return lambda old: old
    if kind is None:
        return key_like
    return lambda _old: new_key(KeyType(kind))


def _told(name: str, result: Renewed | Finished) -> str:
    ends = result.credential.certificate.not_valid_after_utc
    match result:
        case Renewed(_, (certificate, key)):
            return (
                f"Renewed {name}.crt and {name}.key, good until {ends:%Y-%m-%d}. The "
                f"old pair is kept as {certificate.name} and {key.name}. Copy the new "
                "pair to where the old one is used and restart what uses it there."
            )
        case Finished():
            return (
                f"An interrupted renewal of {name}.crt and {name}.key is now complete; "
                f"they are good until {ends:%Y-%m-%d}. The old pair is kept beside "
                "them, with the date of that renewal in its names."
            )


def _without_suffix(name: str) -> str:
    path = Path(name)
    return path.stem if path.suffix in _SUFFIXES else name


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{value!r} has no place in JSON")


def _summary(certificate: Certificate) -> str:
    name = common_name_of(certificate.subject)
    servers = ", ".join(server_names(certificate))
    served = f", serves as {servers}" if servers else ""
    return f"{name}{served}, until {certificate.not_valid_after_utc:%Y-%m-%d}"
