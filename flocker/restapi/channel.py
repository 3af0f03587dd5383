"""A connection of the REST API that a slow sender cannot hold for ever.

Twisted ends a connection that is silent for its time-out. Here the time-out also runs
from the first byte of a request to its last, however steadily they trickle.
"""

from twisted.web.http import HTTPChannel

from flocker.runtime import logging

LONGEST_WHY = 200
"""Characters that are logged of what the other side did wrong."""


class Channel(HTTPChannel):
    """HTTP/1.1; a request is complete within the time-out, or the connection ends."""

    def __init__(self) -> None:
        super().__init__()
        self._begun = False

    def dataReceived(self, data: bytes) -> None:
        """Take data; the first of a request starts its time."""
        self.resetTimeout()
        self._begun = True
        try:
            super().dataReceived(data)
        except Exception as error:  # noqa: BLE001  (whatever Twisted makes of garbage)
            why = f"what came is no HTTP: {type(error).__name__}: {error}"
            logging.message("flocker:api:not-http", why=why[:LONGEST_WHY])
            self.forceAbortClient()

    def resetTimeout(self) -> None:
        """Do not start anew in the middle of a request."""
        if not self._begun:
            super().resetTimeout()

    def allContentReceived(self) -> None:
        """A request is complete."""
        self._begun = False
        super().allContentReceived()
