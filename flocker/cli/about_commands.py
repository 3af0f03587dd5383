"""flockerctl's commands about the control service and about flockerctl itself."""

import click

from flocker import __version__
from flocker.cli.completing import SHELLS, script
from flocker.cli.options import as_json
from flocker.cli.output import print_json, screen
from flocker.cli.session import FAILED, Session, Work, pass_session
from flocker.cli.tables import HEALTH_COLUMNS, OK, health_row
from flocker.cli.terminal import print_table


@click.command("health")
@as_json
@pass_session
def show_health(session: Session, *, json: bool) -> None:
    """Show how the parts of the control service are.

    Exits with 1 if one is not well.
    """

    async def show(work: Work) -> int:
        parts = await work.client.health()
        if json:
            print_json(parts, screen())
        else:
            rows = [health_row(part, state) for part, state in parts.items()]
            print_table(HEALTH_COLUMNS, rows, screen())
        return 0 if all(state == OK for state in parts.values()) else FAILED

    session.perform(show)


@click.command("version")
@click.option("--server", is_flag=True, help="Ask for the control service's too.")
@as_json
@pass_session
def show_version(session: Session, *, server: bool, json: bool) -> None:
    """Show the version of this client."""
    if not server:
        _show_versions({"client": __version__}, json=json)
        return

    async def ask(work: Work) -> None:
        found = {"client": __version__, "server": await work.client.version()}
        _show_versions(found, json=json)

    session.perform(ask)


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def print_completion(context: click.Context, /, *, shell: str) -> None:
    """Print the script that lets SHELL complete flockerctl's command lines.

    For bash: eval "$(flockerctl completion bash)", in ~/.bashrc for good. It completes
    names and ids from the cluster, as far as options or the environment say where it
    is.
    """
    click.echo(script(shell, context.find_root().command))


def _show_versions(versions: dict[str, str], *, json: bool) -> None:
    if json:
        print_json(versions, screen())
    elif len(versions) == 1:
        click.echo(__version__)
    else:
        click.echo("\n".join(f"{who}: {what}" for who, what in versions.items()))
