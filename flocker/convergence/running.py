"""The steps under way: side by side for different keys, one at a time for each.

The one place where an exception becomes an outcome and where retries are timed. A
step that fails, or that succeeds without effect, is tried again with back-off; failures
of either sort are one row, until another step is due or nothing is.
"""

import re
from collections.abc import Awaitable, Callable, Hashable, Mapping
from typing import Generic, TypeVar

from attrs import evolve, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from flocker.convergence.outcome import Done, GiveUp, Outcome, TryAgain
from flocker.model.cluster import Cause
from flocker.model.errors import FlockerError
from flocker.runtime import logging, metrics
from flocker.runtime.backoff import Chance, delay

GIVEN_UP_FOR = 300.0
"""Seconds after which even what was given up is tried once more."""

SEE_TO_IT = "see to what it names; it is tried again by itself"
"""What to do about an error of a driver or a program."""

SEE_TO_A_FAULT = "see the traceback in the agent's log; it is tried again by itself"
"""What to do about a fault of a driver or of ours."""

_OUTCOMES: Mapping[type[Outcome], str] = {
    Done: "done",
    TryAgain: "try-again",
    GiveUp: "give-up",
}

K = TypeVar("K", bound=Hashable)
S = TypeVar("S")


@frozen
class Trouble(Generic[S]):
    """A step that did not work: how often in a row, why, and when to try again.

    `not_before` is on the reactor's clock, in seconds.
    """

    step: S
    attempts: int
    cause: Cause
    not_before: float


class Running(Generic[K, S]):
    """Runs steps; `woken` is called whenever a step has ended or may be tried again."""

    def __init__(
        self,
        perform: Callable[[K, S], Awaitable[Outcome]],
        clock: IReactorTime,
        chance: Chance,
        woken: Callable[[], None],
    ) -> None:
        self._perform = perform
        self._clock = clock
        self._chance = chance
        self._woken = woken
        self._running: dict[K, S] = {}
        self._unobserved: dict[K, S] = {}
        self._observing: dict[K, S] = {}
        self._worked: dict[K, S] = {}
        self._troubles: dict[K, Trouble[S]] = {}
        self._failures: dict[K, tuple[S, int]] = {}

    def doing(self, key: K) -> S | None:
        """Give the step under way, or whose effect was not observed yet."""
        return self._running.get(key) or self._unobserved.get(key)

    def trouble(self, key: K) -> Cause | None:
        """Say why the last step did not work."""
        trouble = self._troubles.get(key)
        return None if trouble is None else trouble.cause

    def observe(self) -> frozenset[K]:
        """An observation begins; give the keys of which it tells nothing certain."""
        self._observing = dict(self._unobserved)
        return frozenset(self._running)

    def observed(self) -> None:
        """The observation has ended: what had ended before it is seen now."""
        for key, step in self._observing.items():
            if self._unobserved.get(key) is step and key not in self._running:
                del self._unobserved[key]
        self._observing = {}

    def settle(self, key: K) -> None:
        """Nothing is to be done for `key`: its earlier troubles are over."""
        self._worked.pop(key, None)
        self._troubles.pop(key, None)
        self._failures.pop(key, None)

    def hurry(self, key: K) -> None:
        """Something changed for `key`: do not wait for the back-off."""
        trouble = self._troubles.get(key)
        if trouble is not None:
            self._troubles[key] = evolve(trouble, not_before=self._clock.seconds())

    def start(self, key: K, step: S) -> float | None:
        """Start a step, unless it must wait; then give the seconds until it may start.

        The keys of `observe` and what runs already are passed over.
        """
        if key in self._running or key in self._unobserved:
            return None
        if self._troubles.get(key) is None and self._worked.get(key) == step:
            self._failed(key, step, TryAgain(_no_effect(step)))
        failed = self._failures.get(key)
        if failed is not None and failed[0] != step:
            self.settle(key)
        trouble = self._troubles.get(key)
        if trouble is not None and trouble.not_before > self._clock.seconds():
            return trouble.not_before - self._clock.seconds()
        self._running[key] = step
        _ = Deferred.fromCoroutine(self._run(key, step))
        return None

    async def _run(self, key: K, step: S) -> None:
        with metrics.step(type(step).__name__.lower()) as end:
            outcome = await self._logged(key, step)
            end(_OUTCOMES[type(outcome)])
        del self._running[key]
        self._unobserved[key] = step
        match outcome:
            case Done():
                self._worked[key] = step
                if self._no_effect_before(key, step):
                    self._failed(key, step, TryAgain(_no_effect(step)))
                else:
                    self._troubles.pop(key, None)
            case TryAgain() | GiveUp():
                self._failed(key, step, outcome)
        self._woken()

    async def _logged(self, key: K, step: S) -> Outcome:
        """Perform a step as an action; one that is tried again as a message only.

        What fails for hours would fill the log; a message is counted instead.
        """
        before = self._troubles.get(key)
        name = type(step).__name__.lower()
        said = {"step": name, "dataset": str(key), **logging.fields_of(step)}
        if before is None:
            with logging.action("flocker:step", **said):
                outcome = await self._counted(name, key, step)
                logging.message("flocker:step:outcome", **_said_of(outcome))
            return outcome
        outcome = await self._counted(name, key, step)
        again = {**said, **_said_of(outcome), "attempts": before.attempts + 1}
        logging.message("flocker:step:again", **again)
        return outcome

    async def _counted(self, name: str, key: K, step: S) -> Outcome:
        with metrics.step(name) as end:
            outcome = await self._outcome(key, step)
            end(_OUTCOMES[type(outcome)])
        return outcome

    def _no_effect_before(self, key: K, step: S) -> bool:
        trouble = self._troubles.get(key)
        return trouble is not None and trouble.cause == _no_effect(step)

    async def _outcome(self, key: K, step: S) -> Outcome:
        try:
            return await self._perform(key, step)
        except FlockerError as error:
            return TryAgain(Cause(_code(error), str(error), SEE_TO_IT))
        except Exception:  # noqa: BLE001  (a fault of ours or a driver's: say so, go on)
            failure = Failure()
            logging.failure("flocker:step:failed", failure)
            kind = failure.type.__name__ if failure.type else "Exception"
            words = f"unexpected {kind}: {failure.getErrorMessage()}"
            return TryAgain(Cause("unexpected", words, SEE_TO_A_FAULT))

    def _failed(self, key: K, step: S, outcome: TryAgain | GiveUp) -> None:
        before, attempts = self._failures.get(key, (step, 0))
        attempts = attempts + 1 if before == step else 1
        self._failures[key] = step, attempts
        cause, wait = outcome.cause, delay(attempts, self._chance)
        if isinstance(outcome, GiveUp):
            cause, wait = evolve(cause, permanent=True), GIVEN_UP_FOR
        elif outcome.after is not None:
            wait = outcome.after
        not_before = self._clock.seconds() + wait
        self._troubles[key] = Trouble(step, attempts, cause, not_before)


def _said_of(outcome: Outcome) -> dict[str, object]:
    match outcome:
        case Done():
            return {"outcome": "done"}
        case TryAgain(cause) | GiveUp(cause):
            name = "given up" if isinstance(outcome, GiveUp) else "failed"
            return {"outcome": name, "code": cause.code, "why": cause.words}


def _no_effect(step: object) -> Cause:
    name = type(step).__name__.lower()
    return Cause("no-effect", f"the last {name} reported success and changed nothing")


def _code(error: FlockerError) -> str:
    """Make a code of the error's class: ``VolumeBusy`` becomes ``volume-busy``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", type(error).__name__).lower()
