"""Options that several sub-commands of `flocker-ca` share."""

from pathlib import Path

import click

from flocker.ca.credentials import KeyType

key_type = click.option(
    "--key-type",
    "kind",
    type=click.Choice([kind.value for kind in KeyType]),
    default=KeyType.ECDSA.value,
    show_default=True,
    callback=lambda _context, _parameter, value: KeyType(value),
    help="Kind of key: ECDSA P-256, or RSA for clients that know nothing newer.",
)
verbose = click.option(
    "-v",
    "--verbose",
    count=True,
    expose_value=False,
    help="Accepted for the sake of scripts; changes nothing.",
)
output_path = click.option(
    "-o",
    "--outputpath",
    "output",
    type=click.Path(path_type=Path),
    default=Path(),
    help="Directory to write to.  [default: the current directory]",
)
authority_path = click.option(
    "-i",
    "--inputpath",
    "source",
    type=click.Path(path_type=Path),
    default=Path(),
    help="Directory of cluster.crt and cluster.key.  [default: the current directory]",
)
