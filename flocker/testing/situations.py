"""Every situation a dataset can be found in, for tests of what follows from them."""

from pathlib import Path

from hypothesis import strategies as st

from flocker.dataset_agent import states
from flocker.model.ids import InstanceID
from flocker.testing.builders import dataset_id, volume_id

DATASET = dataset_id(1)
VOLUME = volume_id(1)
DEVICE = Path("/dev/vdb")
PLACE = Path("/flocker") / str(DATASET)
OTHER = InstanceID("i-other")
SIZE = 2**30

EVERY: tuple[states.Discovered, ...] = (
    states.Unknown(DATASET),
    states.Missing(DATASET),
    states.Unregistered(DATASET, VOLUME, SIZE),
    states.Found(DATASET, VOLUME, SIZE),
    states.Unclaimed(DATASET, VOLUME, SIZE),
    states.Registered(DATASET, VOLUME),
    states.Destroyed(DATASET, VOLUME),
    states.Detached(DATASET, VOLUME, SIZE),
    states.Elsewhere(DATASET, VOLUME, SIZE, OTHER),
    states.OnDeadNode(DATASET, VOLUME, SIZE, OTHER, off=True),
    states.OnDeadNode(DATASET, VOLUME, SIZE, OTHER, off=False),
    states.Appearing(DATASET, VOLUME, SIZE),
    states.Unreadable(DATASET, VOLUME, SIZE, "I/O error"),
    states.Blank(DATASET, VOLUME, SIZE, DEVICE),
    states.Emptied(DATASET, VOLUME, SIZE, DEVICE),
    states.Foreign(DATASET, VOLUME, SIZE, DEVICE, "swap"),
    states.Attached(DATASET, VOLUME, SIZE, DEVICE, "ext4"),
    states.Mounted(DATASET, VOLUME, SIZE, DEVICE, PLACE),
    states.Stranded(DATASET, VOLUME, PLACE),
    states.Stranded(DATASET, None, PLACE),
)

situations = st.sampled_from(EVERY)
