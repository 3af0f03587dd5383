"""`flockerctl doctor`: what is wrong between here and the cluster, and what to do."""

from collections.abc import Sequence

import click

from flocker.cli.connecting import settle
from flocker.cli.doctoring import Examined, Patient, examine
from flocker.cli.findings import Finding, Level
from flocker.cli.options import as_json
from flocker.cli.output import aside, print_json, print_sentence, screen
from flocker.cli.session import FAILED, Session, exit_status, pass_session
from flocker.cli.terminal import Column, Style, Text, print_table, printable, styled
from flocker.model.errors import FlockerError
from flocker.runtime.reactor import IReactor

_COLUMNS = (Column(""), Column("WHAT"), Column("FOUND", folds=True))
_STYLES = {Level.OK: Style.GREEN, Level.WARN: Style.YELLOW, Level.FAIL: Style.BOLD_RED}


@click.command("doctor")
@click.option(
    "--agent-port",
    type=click.IntRange(1, 65535),
    metavar="PORT",
    help="The port for agents.  [default: agent.yml's, or 4524]",
)
@click.option("-q", "--quiet", is_flag=True, help="Leave out what is well.")
@as_json
@pass_session
def doctor(
    session: Session, *, agent_port: int | None, quiet: bool, json: bool
) -> None:
    """Look for what is wrong, from this machine, and say what to do.

    Certificates and keys, ports, names, clocks, the parts of the control service,
    agents and their versions, backends, datasets; on a node also its own files. Exits
    with 1 if anything FAILs; a warning alone is no failure.
    """

    async def work(reactor: IReactor) -> int:
        try:
            destination = settle(session.options)
        except FlockerError as error:
            print_sentence(f"Error: {error}", aside())
            return exit_status(error)
        tools = session.world.instruments(reactor)
        found = await examine(Patient(destination, agent_port), tools)
        shown = [each for each in found if not quiet or each.level is not Level.OK]
        if json:
            print_json(shown, screen())
        else:
            _show(shown, found)
        return FAILED if _count(found, Level.FAIL) else 0

    click.get_current_context().exit(session.world.run(work))


def _show(shown: Sequence[Finding], found: Examined) -> None:
    if shown:
        print_table(_COLUMNS, [_row(each) for each in shown], screen())
    print_sentence(_summary(found), screen())


def _row(found: Finding) -> list[str | Text]:
    advice = "" if found.advice is None else f". What to do: {found.advice}"
    level = styled(found.level.value, _STYLES[found.level])
    return [level, found.about, printable(f"{found.words}{advice}")]


def _summary(found: Examined) -> str:
    failures, warnings = _count(found, Level.FAIL), _count(found, Level.WARN)
    if not failures and not warnings:
        return f"{len(found)} things looked at, all well."
    return f"{len(found)} things looked at: {failures} FAIL, {warnings} warn."


def _count(found: Examined, level: Level) -> int:
    return sum(each.level is level for each in found)
