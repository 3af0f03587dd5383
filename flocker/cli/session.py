"""One run of flockerctl: reaches the cluster, does one thing, ends with a status.

`flocker.cli.flockerctl` has the commands; each gives `Session.perform` what to do. The
reactor, the client and the clock come in through `World`.
"""

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from functools import wraps
from typing import Any

import click
from attrs import frozen
from twisted.internet.interfaces import IReactorTime
from twisted.python.runtime import seconds

from flocker.cli.choosing import NothingFits, SeveralFit
from flocker.cli.connecting import (
    BadAddress,
    BadFile,
    NoControlService,
    load_certificates,
    settle,
)
from flocker.cli.given import Options, given_options
from flocker.cli.instruments import Instruments
from flocker.cli.output import aside, print_sentence
from flocker.client.http import connect
from flocker.client.interface import (
    AnswerLost,
    IFlockerClient,
    NotFlocker,
    RequestRefused,
    TLSRefused,
    Unreachable,
)
from flocker.client.probing import probe
from flocker.client.snapshot_waiting import SnapshotLate
from flocker.client.waiting import WaitTimedOut
from flocker.model.errors import FlockerError
from flocker.runtime.era import read_era
from flocker.runtime.main import Command, command_status
from flocker.runtime.reactor import IReactor

FAILED = 1
USAGE = 2
UNREACHABLE = 3
NOT_FOUND = 4
REFUSED = 5
TIMED_OUT = 6

STATUS: tuple[tuple[type[FlockerError], int], ...] = (
    (BadAddress, USAGE),
    (BadFile, USAGE),
    (NoControlService, USAGE),
    (Unreachable, UNREACHABLE),
    (TLSRefused, UNREACHABLE),
    (NotFlocker, UNREACHABLE),
    (AnswerLost, UNREACHABLE),
    (NothingFits, NOT_FOUND),
    (SeveralFit, NOT_FOUND),
    (RequestRefused, REFUSED),
    (WaitTimedOut, TIMED_OUT),
    (SnapshotLate, TIMED_OUT),
)
"""The exit status of each error; `FAILED` for all others."""


@frozen
class CannotConnect(FlockerError):
    """What we need for a trusted connection is not in order."""

    why: FlockerError

    def words(self) -> str:
        """Say what its cause says."""
        return str(self.why)


@frozen
class World:
    """What a run needs from outside: the way to a cluster, and a reactor."""

    connect: Callable[[Options, IReactor], IFlockerClient]
    run: Callable[[Command], int]
    instruments: Callable[[IReactor], Instruments]


@frozen
class Work:
    """What a command's work is given."""

    client: IFlockerClient
    clock: IReactorTime


@frozen
class Session:
    """The options of this run, and the world it runs in."""

    options: Options
    world: World

    def perform(self, work: Callable[[Work], Coroutine[Any, Any, int | None]]) -> None:
        """Do the work and leave the program with its exit status, 0 for None."""

        async def command(reactor: IReactor) -> int:
            try:
                client = self.world.connect(self.options, reactor)
                return await work(Work(client, reactor)) or 0
            except FlockerError as error:
                print_sentence(f"Error: {error}", aside())
                return exit_status(error)

        click.get_current_context().exit(self.world.run(command))


def pass_session(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command of flockerctl its session as the first argument."""

    @wraps(command)
    def with_session(**given: object) -> None:
        context = click.get_current_context()
        options = given_options(context.find_root().params)
        world = context.find_object(World) or the_world()
        command(Session(options, world), **given)

    return with_session


def exit_status(error: FlockerError) -> int:
    """Give the exit status that tells a script what went wrong."""
    if isinstance(error, CannotConnect):
        return UNREACHABLE
    return next((code for kind, code in STATUS if isinstance(error, kind)), FAILED)


def the_world() -> World:
    """Give the real one: files, certificates, the reactor."""
    return World(_connect, command_status, _instruments)


def _instruments(reactor: IReactor) -> Instruments:
    return Instruments(
        client=lambda address, found: connect(
            [address], found.authority, found.own, reactor
        ),
        probe=lambda address, found: probe(
            address, found.authority, found.own, reactor
        ),
        now=_now,
        era=read_era,
    )


def _now() -> datetime:
    return datetime.fromtimestamp(seconds(), tz=UTC)


def _connect(options: Options, reactor: IReactor) -> IFlockerClient:
    destination = settle(options)
    try:
        found = load_certificates(destination, _now())
    except FlockerError as error:
        raise CannotConnect(error) from error
    return connect(destination.addresses, found.authority, found.own, reactor)
