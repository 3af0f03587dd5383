"""Tests of what is offered when a user presses Tab."""

from collections.abc import Callable
from uuid import UUID

import pytest
from click.shell_completion import ShellComplete
from twisted.internet.defer import Deferred

from flocker.cli.completing import VARIABLE, WITHIN
from flocker.cli.flockerctl import flockerctl
from flocker.cli.session import World
from flocker.client.interface import NewDataset
from flocker.model.ids import DatasetID
from flocker.testing.fakes.memory_control import MemoryControl

Offers = Callable[..., list[str]]


@pytest.fixture
def offers(world: World) -> Offers:
    """What is offered after some words for an incomplete one."""

    def offers(*words: str) -> list[str]:
        completion = ShellComplete(flockerctl, {"obj": world}, "flockerctl", VARIABLE)
        found = completion.get_completions(list(words[:-1]), words[-1])
        return [each.value for each in found]

    return offers


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("why", ""), ["pg"]),
        (("why", "p"), ["pg"]),
        (("why", "11"), ["11111111-1111-4111-8111-111111111111"]),
        (("why", "x"), []),
        (("move", "-d", "p"), ["pg"]),
        (("move", "--to", ""), ["10.0.0.1", "10.0.0.2"]),
        (("move", "--to", "bb"), ["bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"]),
        (("node", "show", "10.0.0.2"), ["10.0.0.2"]),
        (("lease", "acquire", "-n", "a"), ["aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"]),
        (("create", "--filesystem", ""), ["ext4", "xfs"]),
        (("lease", "a"), ["acquire"]),
    ],
)
def test_offered(
    offers: Offers, dataset: DatasetID, words: tuple[str, ...], offered: list[str]
) -> None:
    """Names and addresses are offered, ids once they are begun."""
    assert offers(*words) == offered


def test_odd_names_are_not_offered(offers: Offers, control: MemoryControl) -> None:
    """What a shell would take for something else is left out."""
    (node, _) = control.run(control.client().nodes())
    for number, name in enumerate(("$(reboot)", "a b", "fine")):
        identifier = DatasetID(UUID(f"{number:08}-1111-4111-8111-111111111111"))
        new = NewDataset(identifier, node.uuid, metadata={"name": name})
        control.run(control.client().create(new))
    assert offers("why", "") == ["fine"]


def test_away(offers: Offers, control: MemoryControl) -> None:
    """A cluster that is not there offers nothing, and nothing is said."""
    control.reachable = False
    assert offers("why", "") == []


def test_slow(control: MemoryControl, world: World) -> None:
    """A cluster that takes its time offers nothing, in time."""

    class Slow:
        """Never answers."""

        async def datasets(self) -> object:
            """Wait for ever."""
            return await Deferred()

    slow = World(
        connect=lambda _options, _reactor: Slow(),
        run=world.run,
        instruments=world.instruments,
    )
    completion = ShellComplete(flockerctl, {"obj": slow}, "flockerctl", VARIABLE)
    assert completion.get_completions(["why"], "") == []
    assert control.clock.seconds() == pytest.approx(WITHIN, abs=0.2)
