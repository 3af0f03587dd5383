"""Numbers of this process, for Prometheus: counted where the actions are logged.

The only module that knows prometheus-client. Every count is declared here, with the
values its labels may have; what grows without bound (an id, a path as it was asked for)
is never a label. Read by `flocker.restapi.metrics` and `flocker.runtime.scraping`.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final, TypeVar

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

T = TypeVar("T")

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST.encode("ascii")
"""Of what `exposition` gives."""

OK: Final = "ok"
"""The outcome of what worked; other outcomes are classes of errors."""

_REGISTRY: Final = CollectorRegistry()
for _collector in (ProcessCollector, PlatformCollector, GCCollector):
    _ = _collector(registry=_REGISTRY)

_BUCKETS: Final = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
"""Seconds: from a list that is kept ready to a cloud that attaches a volume."""

_REQUESTS: Final = Counter(
    "flocker_requests",
    "Requests to the REST API that were answered.",
    ["method", "route", "status"],
    registry=_REGISTRY,
)
_REQUEST_SECONDS: Final = Histogram(
    "flocker_request_seconds",
    "From a request to its answer.",
    ["method", "route"],
    registry=_REGISTRY,
    buckets=_BUCKETS,
)
_COMMITS: Final = Counter(
    "flocker_commits",
    "Changes of the configuration that were to be stored, by what came of it.",
    ["outcome"],
    registry=_REGISTRY,
)
_COMMIT_SECONDS: Final = Histogram(
    "flocker_commit_seconds",
    "From a change to its being stored.",
    registry=_REGISTRY,
    buckets=_BUCKETS,
)
_STEPS: Final = Counter(
    "flocker_steps",
    "Steps of the agent, by what came of it: done, try-again or give-up.",
    ["step", "outcome"],
    registry=_REGISTRY,
)
_STEP_SECONDS: Final = Histogram(
    "flocker_step_seconds",
    "From the start of a step to its outcome.",
    ["step"],
    registry=_REGISTRY,
    buckets=_BUCKETS,
)
_BACKEND_CALLS: Final = Counter(
    "flocker_backend_calls",
    "Calls of a storage driver, by what came of it.",
    ["driver", "operation", "outcome"],
    registry=_REGISTRY,
)
_BACKEND_SECONDS: Final = Histogram(
    "flocker_backend_call_seconds",
    "From the call of a storage driver to its answer.",
    ["driver", "operation"],
    registry=_REGISTRY,
    buckets=_BUCKETS,
)


def exposition(*gauges: Collector) -> bytes:
    """Write all counts, and those of `gauges`, as Prometheus reads them."""
    parts = [generate_latest(_REGISTRY)]
    for gauge in gauges:
        registry = CollectorRegistry()
        registry.register(gauge)
        parts.append(generate_latest(registry))
    return b"".join(parts)


class Gauge(Collector):
    """What is read at the moment it is asked for: a number a label's value."""

    def __init__(
        self, name: str, words: str, label: str, read: Callable[[], Mapping[str, float]]
    ) -> None:
        self._name = name
        self._words = words
        self._label = label
        self._read = read

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Read it (`prometheus_client.registry.Collector`)."""
        family = GaugeMetricFamily(self._name, self._words, labels=[self._label])
        for value, number in self._read().items():
            family.add_metric([value], number)
        yield family


class Route:
    """Measures the requests to one route; looks its counts up once."""

    def __init__(self, method: str, route: str) -> None:
        self._labels = method, route
        self._seconds = _REQUEST_SECONDS.labels(method, route)
        self._answered: dict[int, Counter] = {}

    @contextmanager
    def request(self) -> Iterator[Callable[[int], None]]:
        """Measure a request; call what it gives with the status of the answer."""
        with self._seconds.time():
            yield self._answer

    def _answer(self, status: int) -> None:
        counter = self._answered.get(status)
        if counter is None:
            counter = _REQUESTS.labels(*self._labels, str(status))
            self._answered[status] = counter
        counter.inc()


def unrouted(method: str, status: int) -> None:
    """Count a request that no route is for; methods may be any word."""
    known = method if method in {"GET", "HEAD", "POST", "DELETE"} else "other"
    _REQUESTS.labels(known, "", str(status)).inc()


@contextmanager
def commit() -> Iterator[None]:
    """Measure a commit."""
    with _counted(_COMMITS), _COMMIT_SECONDS.time():
        yield


@contextmanager
def step(name: str) -> Iterator[Callable[[str], None]]:
    """Measure a step; call what it gives with the outcome."""

    def ended(outcome: str) -> None:
        _STEPS.labels(name, outcome).inc()

    with _STEP_SECONDS.labels(name).time():
        yield ended


def backend_call(driver: str, operation: str, call: Callable[[], T]) -> T:
    """Measure a call of a driver."""
    counted = _counted(_BACKEND_CALLS, driver, operation)
    with counted, _BACKEND_SECONDS.labels(driver, operation).time():
        return call()


@contextmanager
def _counted(counter: Counter, *labels: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        counter.labels(*labels, type(error).__name__).inc()
        raise
    counter.labels(*labels, OK).inc()
