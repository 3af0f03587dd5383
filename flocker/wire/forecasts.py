"""How control asks an agent how much a move would send: with `ListVolumes`.

Instead of a backend it names what is in a pool, as no backend is called. The list has
one entry, whose id says what its size is, and perhaps another. An agent that does not
know this says that it has no such backend. Pure.
"""

from enum import Enum

from flocker.model.cluster import Volume
from flocker.model.forecasts import FirstRound, Forecast
from flocker.model.ids import (
    BackendName,
    DatasetID,
    NotAnIdentifier,
    SnapshotID,
    VolumeID,
    parse_uuid,
)

_BETWEEN = "/"


class Entry(Enum):
    """What the size of an entry is."""

    ABOUT = "first round: about"
    AT_MOST = "first round: at most"
    EACH = "each round"


def ask(question: FirstRound) -> BackendName:
    """Put a question in place of the name of a backend."""
    base = question.base or ""
    return BackendName(_BETWEEN.join((question.pool, str(question.dataset), base)))


def understand(name: BackendName) -> FirstRound | None:
    """Read a question; None if it is the name of a backend."""
    parts = name.split(_BETWEEN, 2)
    try:
        pool, dataset, base = parts
        known = DatasetID(parse_uuid(dataset))
    except (ValueError, NotAnIdentifier):
        return None
    return FirstRound(BackendName(pool), known, SnapshotID(base) if base else None)


def tell(question: FirstRound, forecast: Forecast | None) -> tuple[Volume, ...]:
    """Put an answer in place of volumes; none if nobody knows."""
    if forecast is None:
        return ()
    entries = [Entry.AT_MOST if forecast.at_most else Entry.ABOUT]
    if forecast.sends_all:
        entries.append(Entry.EACH)
    return tuple(
        Volume(question.pool, VolumeID(each.value), question.dataset, forecast.size)
        for each in entries
    )


def hear(volumes: tuple[Volume, ...]) -> Forecast | None:
    """Read an answer; None if nobody knows."""
    sizes = {each.id: each.size for each in volumes}
    at_most = VolumeID(Entry.AT_MOST.value)
    first = sizes.get(VolumeID(Entry.ABOUT.value), sizes.get(at_most))
    if first is None:
        return None
    return Forecast(first, at_most in sizes, VolumeID(Entry.EACH.value) in sizes)
