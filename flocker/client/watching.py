"""Events for as long as one likes: connects again and goes on where it was.

Used by `flockerctl events --follow` and by `flocker.client.waiting`.
"""

from collections.abc import Callable

from attrs import frozen
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from flocker.client.interface import Event, IFlockerClient, Unreachable

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 5.0
"""Seconds between attempts to connect; each waits twice as long as the one before."""
_GROWTH = 2.0


@frozen
class Connected:
    """Events come from here on."""


@frozen
class Interrupted:
    """No events come for now; what was missed will come, or ``reset``."""

    why: Unreachable


Heard = Event | Connected | Interrupted
Hear = Callable[[Heard], None]


async def watch(
    client: IFlockerClient, clock: IReactorTime, hear: Hear, after: str | None = None
) -> None:
    """Tell `hear` of every event after the id `after`, until cancelled.

    Raises what the client raises but `Unreachable`: `RequestRefused` with 404 is an
    older server, which has no events.
    """
    last, pause = after, FIRST_PAUSE
    while True:
        try:
            stream = await client.events(last)
        except Unreachable as error:
            hear(Interrupted(error))
        else:
            hear(Connected())
            pause = FIRST_PAUSE
            try:
                while True:
                    event = await stream.next()
                    last = event.id or last
                    hear(event)
            except Unreachable as error:
                hear(Interrupted(error))
            finally:
                stream.close()
        await deferLater(clock, pause)
        pause = min(pause * _GROWTH, LONGEST_PAUSE)
