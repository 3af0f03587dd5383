"""How far a driver is that copies, asked while a step lasts. Called by `keeping`."""

from flocker.backends.block_interface import Copied, ITellingBlockDeviceAPI
from flocker.dataset_agent.rig import Rig
from flocker.dataset_agent.steps import Create, Step


def copied(step: Step, rig: Rig) -> Copied | None:
    """Ask the driver that makes a volume from a snapshot, if it tells."""
    if not isinstance(step, Create) or step.origin is None:
        return None
    api = rig.backends[step.backend].api
    telling: ITellingBlockDeviceAPI | None = ITellingBlockDeviceAPI(api, None)
    return None if telling is None else telling.copied(step.dataset)
