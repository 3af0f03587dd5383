"""How far a copy is, asked of a driver that tells."""

from attrs import evolve
from zope.interface import implementer

from flocker.backends.block_interface import Copied, ITellingBlockDeviceAPI
from flocker.dataset_agent.causes import under_way
from flocker.dataset_agent.copying import copied
from flocker.dataset_agent.steps import Attach, Create
from flocker.model.datasets import DEFAULT_BACKEND
from flocker.model.ids import SnapshotID, VolumeID
from flocker.model.sizes import GIBIBYTE
from flocker.testing.rigs import FakeRig
from tests.unit.dataset_agent.test_agent import ONE, TWO

CLONE = Create(ONE, DEFAULT_BACKEND, GIBIBYTE, None, SnapshotID("s"))


@implementer(ITellingBlockDeviceAPI)
class Telling:
    """A driver that is half done with one dataset."""

    def copied(self, dataset_id):
        """Say so."""
        return Copied(1, 2) if dataset_id == ONE else None


def test_asked():
    """Only who makes a volume from a snapshot is asked, if he tells."""
    fakes = FakeRig()
    assert copied(CLONE, fakes.rig) is None
    backend = evolve(fakes.backend, api=Telling())
    fakes.rig.backends[DEFAULT_BACKEND] = backend
    assert copied(CLONE, fakes.rig) == Copied(1, 2)
    assert copied(evolve(CLONE, dataset=TWO), fakes.rig) is None
    assert copied(evolve(CLONE, origin=None), fakes.rig) is None
    assert copied(Attach(ONE, DEFAULT_BACKEND, VolumeID("v")), fakes.rig) is None


def test_in_words():
    """It is said with the time that it has taken."""
    far = Copied(GIBIBYTE, 3 * GIBIBYTE)
    assert under_way(CLONE, 30.0, far).words == (
        "to create it has taken 30 seconds until now, in which 1G of about 3G were"
        " copied"
    )
