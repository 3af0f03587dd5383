"""When to look again: rounds one after the other, merged wake-ups, rest in between.

A round observes, plans, starts steps and reports; it gives the seconds until the next
is due of its own accord. A step that ends, an update, a retry that is due: each *wakes*
the loop. Used by both agents.
"""

from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from attrs import Factory, define
from automat import TypeMachineBuilder
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from flocker.runtime import logging

Round = Callable[[], Coroutine[Any, Any, float]]
"""Does one round; gives the seconds after which to look again if nothing wakes."""

AFTER_A_FAULT = 10.0
"""Seconds until the next round after one that ended in a fault of ours."""


class Loop(Protocol):
    """What may happen to a loop."""

    def start(self) -> None:
        """Begin, or go on, with a round at once, or right after the present one."""

    def stop(self) -> None:
        """Start no further round; one under way is finished."""

    def wake(self) -> None:
        """Something has changed: do a round now, or right after the present one."""

    def ended(self, rest: float) -> None:
        """The round is over; the next is due in `rest` seconds."""

    def due(self) -> None:
        """The rest is over."""


@define
class Core:
    """What a loop knows."""

    round: Round
    clock: IReactorTime
    loop: Loop | None = None
    timer: IDelayedCall | None = None
    idle: list[Deferred[None]] = Factory(list)


def make_loop(do_round: Round, clock: IReactorTime) -> Loop:
    """Make a loop that is stopped."""
    core = Core(do_round, clock)
    core.loop = _machine(core)
    return core.loop


def _run(core: Core) -> None:
    _ = Deferred.fromCoroutine(_one_round(core))


async def _one_round(core: Core) -> None:
    try:
        rest = await core.round()
    except Exception:  # noqa: BLE001  (a fault of ours must not end the loop)
        logging.failure("flocker:loop:fault", Failure())
        rest = AFTER_A_FAULT
    assert core.loop is not None  # noqa: S101  (set by make_loop)
    core.loop.ended(rest)


_builder = TypeMachineBuilder(Loop, Core)
_stopped = _builder.state("stopped")
_resting = _builder.state("resting")
_working = _builder.state("working")
_woken = _builder.state("woken while working")
_stopping = _builder.state("stopping")


@_stopped.upon(Loop.start).to(_working)
def _begin(loop: Loop, core: Core) -> None:
    _run(core)


@_resting.upon(Loop.start).to(_working)
@_resting.upon(Loop.wake).to(_working)
def _interrupt_rest(loop: Loop, core: Core) -> None:
    if core.timer is not None:
        core.timer.cancel()
        core.timer = None
    _run(core)


@_resting.upon(Loop.due).to(_working)
def _rest_over(loop: Loop, core: Core) -> None:
    core.timer = None
    _run(core)


@_resting.upon(Loop.stop).to(_stopped)
def _stop_resting(loop: Loop, core: Core) -> None:
    if core.timer is not None:
        core.timer.cancel()
        core.timer = None


@_working.upon(Loop.ended).to(_resting)
def _rest(loop: Loop, core: Core, rest: float) -> None:
    core.timer = core.clock.callLater(rest, loop.due)


@_woken.upon(Loop.ended).to(_working)
def _again(loop: Loop, core: Core, rest: float) -> None:
    _run(core)


@_stopping.upon(Loop.ended).to(_stopped)
def _last_round_over(loop: Loop, core: Core, rest: float) -> None:
    """Nothing more."""


_working.upon(Loop.start).to(_woken).returns(None)
_working.upon(Loop.wake).to(_woken).returns(None)
_working.upon(Loop.stop).to(_stopping).returns(None)
_woken.upon(Loop.stop).to(_stopping).returns(None)
_stopping.upon(Loop.start).to(_woken).returns(None)
for _state in (_stopped, _stopping):
    _state.upon(Loop.wake).loop().returns(None)
    _state.upon(Loop.stop).loop().returns(None)
_woken.upon(Loop.start).loop().returns(None)
_woken.upon(Loop.wake).loop().returns(None)

_machine = _builder.build()
