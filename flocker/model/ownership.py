"""The record that says which volume *is* a dataset.

A backend may come to hold several volumes of one dataset: a create that was answered
too late, a copy somebody made by hand. Only the one in this record is ever attached,
formatted, mounted or destroyed.
"""

from attrs import frozen

from flocker.model.ids import BackendName, DatasetID, NodeID, VolumeID


@frozen
class Ownership:
    """Dataset `dataset` is volume `volume` of backend `backend`, and no other.

    `acquired` is set when it was first seen mounted: from then on it holds data, and
    finding it blank is an error, never a reason to format it.

    `epoch`, `top`, `base`, `candidate` and `pinned` belong to the protocol by which
    ownership changes hands (architecture.md, Pool storage). On shared block storage the
    epoch stays 1 and every dataset counts as pinned until failover exists.
    """

    dataset: DatasetID
    backend: BackendName
    volume: VolumeID
    acquired: bool = False
    epoch: int = 1
    top: int = 1
    base: str | None = None
    candidate: NodeID | None = None
    pinned: bool = True
