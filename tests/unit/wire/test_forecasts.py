"""Questions for what a move would send, in place of those for volumes."""

from uuid import UUID

import pytest
import yaml

from flocker.model.cluster import Volume
from flocker.model.forecasts import FirstRound, Forecast
from flocker.model.ids import BackendName, DatasetID, SnapshotID, VolumeID
from flocker.wire.agent_yaml import BadAgentFile, parse
from flocker.wire.forecasts import ask, hear, tell, understand

DATASET = DatasetID(UUID("11c50000-0000-4000-8000-00000000abcd"))
POOL = BackendName("fast")
ALL = FirstRound(POOL, DATASET, None)


@pytest.mark.parametrize("base", [None, "8107439012345678900", "a-uuid+17", "a/b"])
def test_question(base):
    """What was asked is understood, whatever a pool calls its snapshots."""
    asked = FirstRound(POOL, DATASET, None if base is None else SnapshotID(base))
    assert understand(ask(asked)) == asked


@pytest.mark.parametrize(
    "name", ["fast", "default", "", "fast/slow/", f"fast/{DATASET}"]
)
def test_no_question(name):
    """A backend's name is none, nor is anything else."""
    assert understand(BackendName(name)) is None


def test_no_backend_is_called_so():
    """What asks cannot be the name of a backend in agent.yml."""
    agent_yml = {
        "version": 1,
        "control-service": {"hostname": "c"},
        "backends": {str(ask(ALL)): {"backend": "directory", "root_path": "/x"}},
    }
    with pytest.raises(BadAgentFile, match="is no name for a backend"):
        parse(yaml.safe_dump(agent_yml), "agent.yml")


@pytest.mark.parametrize(
    "forecast",
    [
        None,
        Forecast(0),
        Forecast(2**40, at_most=True),
        Forecast(7, sends_all=True),
        Forecast(7, at_most=True, sends_all=True),
    ],
)
def test_answer(forecast):
    """What was told is heard."""
    assert hear(tell(ALL, forecast)) == forecast


def test_volumes_are_no_answer():
    """Nothing is made of a list of volumes."""
    assert hear((Volume(POOL, VolumeID("v"), DATASET, 5),)) is None
