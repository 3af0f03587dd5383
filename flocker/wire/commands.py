"""The AMP commands between agents and control.

An agent says `Hello`, is sent `Update` after `Update`, and sends `Report` after
`Report`; each side has at most one of its own unanswered. Both sides `Ping`. Now and
then control asks for the volumes of a backend with `ListVolumes`, and how much a move
would send with `ForecastMove`.
"""

from twisted.protocols.amp import Boolean, Command, Integer, String, Unicode

from flocker.model.errors import FlockerError


class ProtocolMismatch(FlockerError):
    """The two sides speak protocols of different numbers."""

    def words(self) -> str:
        """Give both numbers, as the other side put it."""
        return str(self.args[0]) if self.args else "protocols differ"


class AgentRefused(FlockerError):
    """Control does not take this agent; the words say why."""

    def words(self) -> str:
        """Give control's reason."""
        return str(self.args[0]) if self.args else "refused"


class BadPayload(FlockerError):
    """A payload could not be understood."""

    def words(self) -> str:
        """Give the receiver's reason."""
        return str(self.args[0]) if self.args else "bad payload"


class ListingFailed(FlockerError):
    """An agent cannot list the volumes of a backend; the words say why."""

    def words(self) -> str:
        """Give the agent's reason."""
        return str(self.args[0]) if self.args else "the volumes cannot be listed"


class ForecastFailed(FlockerError):
    """An agent cannot say how much a move would send; the words say why."""

    def words(self) -> str:
        """Give the agent's reason."""
        return str(self.args[0]) if self.args else "it cannot be said"


class Hello(Command):
    """An agent says who it is and which slice it has: the first command of all.

    `identity` is an `AgentIdentity`; (`boot`, `number`) are those of the last update
    that the agent applied, ``("", 0)`` if none.
    """

    arguments = [
        (b"protocol", Integer()),
        (b"identity", String()),
        (b"boot", Unicode()),
        (b"number", Integer()),
    ]
    response = [(b"protocol", Integer()), (b"version", Unicode())]
    errors = {
        ProtocolMismatch: b"PROTOCOL_MISMATCH",
        AgentRefused: b"AGENT_REFUSED",
        BadPayload: b"BAD_PAYLOAD",
    }


class Update(Command):
    """Control sends (a part of) a `Slice`; it makes update `number` of `boot`.

    The answer to the last part comes when the agent has applied the slice and reported
    what it was doing then. ``applied`` is False when the edits do not follow on what
    the agent has: then it wants a full slice.
    """

    arguments = [
        (b"boot", Unicode()),
        (b"number", Integer()),
        (b"part", Integer()),
        (b"parts", Integer()),
        (b"payload", String()),
        (b"task", Unicode()),
    ]
    response = [(b"applied", Boolean())]
    errors = {BadPayload: b"BAD_PAYLOAD"}


class ReportFacts(Command):
    """An agent sends (a part of) a `Report`."""

    arguments = [
        (b"part", Integer()),
        (b"parts", Integer()),
        (b"payload", String()),
        (b"task", Unicode()),
    ]
    errors = {BadPayload: b"BAD_PAYLOAD"}


class ListVolumes(Command):
    """Control wants to know all volumes of a backend; rarely, for somebody waits.

    The agent sends `VolumesListed` with this `request`, then it answers.
    """

    arguments = [(b"request", Integer()), (b"backend", Unicode())]
    errors = {ListingFailed: b"LISTING_FAILED"}


class VolumesListed(Command):
    """An agent sends (a part of) a `Listing`."""

    arguments = [
        (b"request", Integer()),
        (b"part", Integer()),
        (b"parts", Integer()),
        (b"payload", String()),
    ]
    errors = {BadPayload: b"BAD_PAYLOAD"}


class ForecastMove(Command):
    """Control wants to know how much the first round of a move would send.

    Rarely, for somebody waits. It goes to who has `base`, or nothing. Without `size`
    (bytes) the pool cannot say, or not in time.
    """

    arguments = [
        (b"pool", Unicode()),
        (b"dataset", Unicode()),
        (b"base", Unicode(optional=True)),
    ]
    response = [
        (b"size", Integer(optional=True)),
        (b"at_most", Boolean(optional=True)),
        (b"sends_all", Boolean(optional=True)),
    ]
    errors = {ForecastFailed: b"FORECAST_FAILED", BadPayload: b"BAD_PAYLOAD"}


class Ping(Command):
    """Either side asks whether the other lives."""
