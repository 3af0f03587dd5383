"""How a step ended; the caller's next move is the return type."""

from attrs import frozen

from flocker.model.cluster import Cause


@frozen
class Done:
    """The step did what it should."""


@frozen
class TryAgain:
    """It did not work now; `after` is in seconds, None for the runner's back-off."""

    cause: Cause
    after: float | None = None


@frozen
class GiveUp:
    """Trying again is of no use before something else changes."""

    cause: Cause


Outcome = Done | TryAgain | GiveUp
