"""`flockerctl events`: what has happened, and what happens."""

import os
import sys

import click
from attrs import frozen

from flocker.cli.changing import by_id
from flocker.cli.options import as_json
from flocker.cli.output import aside, print_json_line, print_sentence, screen
from flocker.cli.session import Session, Work, pass_session
from flocker.cli.telling import name_of, tell
from flocker.client.interface import RESET, Event
from flocker.client.watching import Connected, Heard, Interrupted, watch

LAST = 20
"""Events of the past that are shown if nobody says how many."""
KEPT = 10_000
"""Events that control keeps, if it is not configured otherwise."""


@frozen
class Place:
    """A point in the stream of events: which life of control, and how far in it."""

    boot: str
    number: int

    @classmethod
    def parse(cls, text: str) -> "Place | None":
        """Read an event's id; None where it is not one of today's."""
        boot, dot, number = text.rpartition(".")
        if not dot or not (number.isascii() and number.isdigit()):
            return None
        return cls(boot, int(number))

    def back(self, events: int) -> str:
        """Write the id so many events before, or of the beginning."""
        return f"{self.boot}.{max(0, self.number - events)}"


@click.command("events")
@click.option("-f", "--follow", is_flag=True, help="Go on as they happen.")
@click.option(
    "-n",
    "--last",
    type=click.IntRange(0, KEPT),
    default=LAST,
    show_default=True,
    help="How many of the past.",
)
@click.option(
    "--after", metavar="ID", help="Those after this event instead; ids are in JSON."
)
@as_json
@pass_session
def show_events(
    session: Session, *, follow: bool, last: int, after: str | None, json: bool
) -> None:
    """Show what has happened to datasets, leases and nodes.

    With -o json an event is a line.
    """

    async def show(work: Work) -> None:
        writer = _Writer(json=json)
        try:
            await writer.learn(work)
            start, end = await _range(work, last, after)
            if follow:
                await watch(work.client, work.clock, writer.hear, start)
            else:
                await _past(work, start, end, writer)
        except BrokenPipeError:
            # Whoever read has seen enough; nothing is left to write to at the exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    session.perform(show)


async def _range(work: Work, last: int, after: str | None) -> tuple[str, str]:
    """Give the id to begin after, and that of the newest event."""
    stream = await work.client.events(None)
    try:
        newest = (await stream.next()).id
    finally:
        stream.close()
    place = Place.parse(newest)
    if after is not None or place is None:
        return after or newest, newest
    return place.back(last), newest


async def _past(work: Work, start: str, end: str, writer: "_Writer") -> None:
    """Show what lies between two ids."""
    last = Place.parse(end)
    if start == end or last is None:
        return
    stream = await work.client.events(start)
    try:
        while True:
            event = await stream.next()
            writer.hear(event)
            place = Place.parse(event.id)
            if place is None or place.number >= last.number:
                return
    finally:
        stream.close()


class _Writer:
    """Writes events as they are heard."""

    def __init__(self, *, json: bool) -> None:
        self._json = json
        self._names: dict[str, str] = {}
        self._work: Work | None = None

    async def learn(self, work: Work) -> None:
        """Ask how things are called."""
        self._nodes = by_id(await work.client.nodes())
        for each in await work.client.datasets():
            if each.name:
                self._names[str(each.dataset_id)] = each.name

    def hear(self, heard: Heard) -> None:
        """Write one event, or aside that there are none for now."""
        match heard:
            case Event():
                self._write(heard)
            case Interrupted(why):
                print_sentence(f"Interrupted, trying again: {why}", aside())
            case Connected():
                pass

    def _write(self, event: Event) -> None:
        called = name_of(event.value)
        if called is not None:
            self._names[called[0]] = called[1]
        if self._json:
            print_json_line(event, screen())
        elif event.kind == RESET:
            print_sentence(tell(event, self._nodes, self._names), aside())
        else:
            print_sentence(tell(event, self._nodes, self._names), screen())
