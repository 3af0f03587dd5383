"""A connection of the REST API that a slow sender cannot hold for ever.

Twisted ends a connection that is silent for its time-out. Here the time-out also runs
from the first byte of a request to its last, however steadily they trickle.
"""

from twisted.web.http import HTTPChannel


class Channel(HTTPChannel):
    """HTTP/1.1; a request is complete within the time-out, or the connection ends."""

    def __init__(self) -> None:
        super().__init__()
        self._begun = False

    def dataReceived(self, data: bytes) -> None:
        """Take data; the first of a request starts its time."""
        self.resetTimeout()
        self._begun = True
        super().dataReceived(data)

    def resetTimeout(self) -> None:
        """Do not start anew in the middle of a request."""
        if not self._begun:
            super().resetTimeout()

    def allContentReceived(self) -> None:
        """A request is complete."""
        self._begun = False
        super().allContentReceived()
