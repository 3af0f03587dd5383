"""What a node says of how long nobody would serve a dataset that moves."""

import pytest

from flocker.convergence.outcome import Done
from flocker.dataset_agent.pool_minds import Mind, ended, followed
from flocker.dataset_agent.pool_planning import STEPS
from flocker.dataset_agent.pool_steps import TakeSnapshot
from flocker.dataset_agent.pool_work import Send
from flocker.model.forecasts import HAND_OVER
from flocker.model.ids import MoveNumber, SnapshotID
from flocker.testing.builders import node_id

MOVE = MoveNumber(1)


def test_a_slow_pool():
    """The hand-over takes longer where a snapshot does, whatever is sent."""
    mind = Mind()
    send = Send(MOVE, node_id(2), SnapshotID("first"))
    ended(mind, TakeSnapshot(), Done(), MOVE, 0.5)
    mind.following = followed(mind, send, size=100, seconds=7.0)
    assert mind.following.hand_over == pytest.approx(HAND_OVER + STEPS * 0.5)
    assert mind.following.downtime == pytest.approx(7.0 + mind.following.hand_over)
    ended(mind, TakeSnapshot(), Done(), MOVE, 0.1)
    after = followed(mind, send, size=10, seconds=1.0)
    assert after.downtime == pytest.approx(1.0 + HAND_OVER + STEPS * 0.1)
