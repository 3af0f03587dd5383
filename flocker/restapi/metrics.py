"""GET /metrics: the numbers of control, for Prometheus with a user's certificate."""

from collections.abc import Mapping

from flocker.control.events import Events
from flocker.control.observations import Observations
from flocker.model.cluster import Phase
from flocker.restapi.answers import Answer
from flocker.restapi.endpoint import Call, endpoint
from flocker.runtime import metrics
from flocker.runtime.metrics import Gauge


class Metrics:
    """The endpoint about numbers; what is so now is read when it is asked for."""

    def __init__(self, events: Events, observations: Observations) -> None:
        self._events = events
        self._observations = observations
        self._gauges = (
            Gauge("flocker_datasets", "Datasets by phase.", "phase", self._datasets),
            Gauge(
                "flocker_agents",
                "Agents of the nodes that control knows.",
                "state",
                self._agents,
            ),
        )

    @endpoint("GET", "/metrics", {200: "exposition"})
    async def show_metrics(self, call: Call) -> Answer:
        """Give all counts of this control service."""
        content_type = (b"Content-Type", metrics.CONTENT_TYPE)
        return Answer(200, metrics.exposition(*self._gauges), (content_type,))

    def _datasets(self) -> Mapping[str, float]:
        return {phase.value: self._events.phases[phase] for phase in Phase}

    def _agents(self) -> Mapping[str, float]:
        sights = self._observations.nodes.values()
        connected = sum(sight.connected for sight in sights)
        return {"connected": connected, "silent": len(sights) - connected}
