"""flocker-node-era: prints the boot id, by which control tells a node's lives apart.

Scripts read it: 36 characters, no end of line, and no log ever (spec/cli-and-config.md
§1).
"""

import sys
from pathlib import Path

import click

from flocker import __version__
from flocker.runtime.era import BOOT_ID, read_era
from flocker.runtime.settings import run_program

_NO_LOG = "Accepted for the sake of scripts; this program does not log."


@click.command()
@click.version_option(__version__, message="%(version)s")
@click.option("-v", "--verbose", count=True, expose_value=False, help=_NO_LOG)
@click.option("--logfile", type=Path, expose_value=False, help=_NO_LOG)
@click.option("--journald", is_flag=True, expose_value=False, help=_NO_LOG)
@click.option("--boot-id", type=Path, default=BOOT_ID, hidden=True)
def node_era(boot_id: Path) -> None:
    """Print this machine's era: a UUID that is another one after each boot.

    Linux only.
    """
    sys.stdout.write(str(read_era(boot_id)))


def main() -> None:
    """Run the program (console script)."""
    run_program(node_era, "flocker-node-era")
