"""The one decision of a dataset agent: what to do about a dataset, as one table.

Every wish meets every situation; a test proves that the table is total. A step is an
effect to have; `Rest` means all is well or not this node's turn; `Wait` and `Refuse`
name their cause, which `flocker.dataset_agent.planning` puts in words.
"""

from collections.abc import Mapping

from attrs import frozen

from flocker.dataset_agent.steps import (
    Attach,
    Create,
    Destroy,
    Detach,
    Format,
    Mount,
    Unmount,
)
from flocker.model.cluster import Condition, Want


@frozen
class Rest:
    """Nothing is to be done."""


@frozen
class Wait:
    """Something must happen elsewhere; look again after `poll` seconds, if any.

    While another node says that it has the volume, control tells when that ends.
    """

    code: str
    poll: float | None = None


@frozen
class Refuse:
    """Nothing must be done, and somebody has to see to it; look whether they did."""

    code: str
    poll: float = 10.0


Next = (
    type[Create]
    | type[Attach]
    | type[Format]
    | type[Mount]
    | type[Unmount]
    | type[Detach]
    | type[Destroy]
    | Rest
    | Wait
    | Refuse
)

REST = Rest()
TOLD = Wait("registering")
ELSEWHERE = Wait("attached-elsewhere", poll=10.0)
UNANSWERED = Wait("backend-unanswered")
UNLISTED = Wait("not-listed", poll=3.0)
UNCLAIMED = Wait("unclaimed")
UNREADABLE = Wait("device-unreadable", poll=10.0)

NEXT: Mapping[tuple[Want, Condition], Next] = {
    (Want.MOUNTED, Condition.UNKNOWN): UNANSWERED,
    (Want.MOUNTED, Condition.MISSING): Create,
    (Want.MOUNTED, Condition.UNREGISTERED): TOLD,
    (Want.MOUNTED, Condition.FOUND): TOLD,
    (Want.MOUNTED, Condition.UNCLAIMED): Refuse("unclaimed-volume-exists"),
    (Want.MOUNTED, Condition.REGISTERED): UNLISTED,
    (Want.MOUNTED, Condition.DESTROYED): Refuse("volume-destroyed"),
    (Want.MOUNTED, Condition.DETACHED): Attach,
    (Want.MOUNTED, Condition.ELSEWHERE): ELSEWHERE,
    (Want.MOUNTED, Condition.ON_DEAD_NODE): Detach,
    (Want.MOUNTED, Condition.APPEARING): Attach,
    (Want.MOUNTED, Condition.UNREADABLE): UNREADABLE,
    (Want.MOUNTED, Condition.BLANK): Format,
    (Want.MOUNTED, Condition.EMPTIED): Refuse("volume-blank"),
    (Want.MOUNTED, Condition.FOREIGN): Refuse("foreign-signature"),
    (Want.MOUNTED, Condition.ATTACHED): Mount,
    (Want.MOUNTED, Condition.MOUNTED): REST,
    (Want.MOUNTED, Condition.STRANDED): Refuse("stranded"),
    (Want.AWAY, Condition.UNKNOWN): UNANSWERED,
    (Want.AWAY, Condition.MISSING): REST,
    (Want.AWAY, Condition.UNREGISTERED): REST,
    (Want.AWAY, Condition.FOUND): REST,
    (Want.AWAY, Condition.UNCLAIMED): REST,
    (Want.AWAY, Condition.REGISTERED): REST,
    (Want.AWAY, Condition.DESTROYED): REST,
    (Want.AWAY, Condition.DETACHED): REST,
    (Want.AWAY, Condition.ELSEWHERE): REST,
    (Want.AWAY, Condition.ON_DEAD_NODE): REST,
    (Want.AWAY, Condition.APPEARING): Detach,
    (Want.AWAY, Condition.UNREADABLE): Detach,
    (Want.AWAY, Condition.BLANK): Detach,
    (Want.AWAY, Condition.EMPTIED): Detach,
    (Want.AWAY, Condition.FOREIGN): Detach,
    (Want.AWAY, Condition.ATTACHED): Detach,
    (Want.AWAY, Condition.MOUNTED): Unmount,
    (Want.AWAY, Condition.STRANDED): Unmount,
    (Want.DELETED, Condition.UNKNOWN): UNANSWERED,
    (Want.DELETED, Condition.MISSING): REST,
    (Want.DELETED, Condition.UNREGISTERED): TOLD,
    (Want.DELETED, Condition.FOUND): TOLD,
    (Want.DELETED, Condition.UNCLAIMED): REST,
    (Want.DELETED, Condition.REGISTERED): Destroy,
    (Want.DELETED, Condition.DESTROYED): REST,
    (Want.DELETED, Condition.DETACHED): Destroy,
    (Want.DELETED, Condition.ELSEWHERE): ELSEWHERE,
    (Want.DELETED, Condition.ON_DEAD_NODE): Detach,
    (Want.DELETED, Condition.APPEARING): Detach,
    (Want.DELETED, Condition.UNREADABLE): Detach,
    (Want.DELETED, Condition.BLANK): Detach,
    (Want.DELETED, Condition.EMPTIED): Detach,
    (Want.DELETED, Condition.FOREIGN): Detach,
    (Want.DELETED, Condition.ATTACHED): Detach,
    (Want.DELETED, Condition.MOUNTED): Unmount,
    (Want.DELETED, Condition.STRANDED): Unmount,
    (Want.KEPT, Condition.UNKNOWN): REST,
    (Want.KEPT, Condition.MISSING): REST,
    (Want.KEPT, Condition.UNREGISTERED): REST,
    (Want.KEPT, Condition.FOUND): REST,
    (Want.KEPT, Condition.UNCLAIMED): REST,
    (Want.KEPT, Condition.REGISTERED): REST,
    (Want.KEPT, Condition.DESTROYED): REST,
    (Want.KEPT, Condition.DETACHED): REST,
    (Want.KEPT, Condition.ELSEWHERE): REST,
    (Want.KEPT, Condition.ON_DEAD_NODE): REST,
    (Want.KEPT, Condition.APPEARING): REST,
    (Want.KEPT, Condition.UNREADABLE): REST,
    (Want.KEPT, Condition.BLANK): REST,
    (Want.KEPT, Condition.EMPTIED): REST,
    (Want.KEPT, Condition.FOREIGN): REST,
    (Want.KEPT, Condition.ATTACHED): REST,
    (Want.KEPT, Condition.MOUNTED): REST,
    (Want.KEPT, Condition.STRANDED): REST,
    (Want.LEFT_ALONE, Condition.UNKNOWN): REST,
    (Want.LEFT_ALONE, Condition.MISSING): REST,
    (Want.LEFT_ALONE, Condition.UNREGISTERED): REST,
    (Want.LEFT_ALONE, Condition.FOUND): REST,
    (Want.LEFT_ALONE, Condition.UNCLAIMED): REST,
    (Want.LEFT_ALONE, Condition.REGISTERED): REST,
    (Want.LEFT_ALONE, Condition.DESTROYED): REST,
    (Want.LEFT_ALONE, Condition.DETACHED): REST,
    (Want.LEFT_ALONE, Condition.ELSEWHERE): REST,
    (Want.LEFT_ALONE, Condition.ON_DEAD_NODE): REST,
    (Want.LEFT_ALONE, Condition.APPEARING): UNCLAIMED,
    (Want.LEFT_ALONE, Condition.UNREADABLE): UNCLAIMED,
    (Want.LEFT_ALONE, Condition.BLANK): UNCLAIMED,
    (Want.LEFT_ALONE, Condition.EMPTIED): UNCLAIMED,
    (Want.LEFT_ALONE, Condition.FOREIGN): UNCLAIMED,
    (Want.LEFT_ALONE, Condition.ATTACHED): UNCLAIMED,
    (Want.LEFT_ALONE, Condition.MOUNTED): UNCLAIMED,
    (Want.LEFT_ALONE, Condition.STRANDED): UNCLAIMED,
}

TAKING = frozenset({Create, Attach, Format, Mount, Destroy})
"""Steps that no node takes while another says that it has the volume, or may act.

To detach it from another machine is one more.
"""
