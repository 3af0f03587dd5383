"""What this control service says of itself."""

from flocker.restapi.answers import Answer, answer
from flocker.restapi.endpoint import Call, endpoint


class About:
    """The endpoint by which users, and their probes, see that control lives."""

    def __init__(self, version: str) -> None:
        self._version = version

    @endpoint("GET", "/v1/version", {200: "version"})
    async def show_version(self, call: Call) -> Answer:
        """Give the version of Flocker."""
        return answer(200, {"flocker": self._version})
