"""All volumes of a backend, when control asks: those of no dataset it knows, too.

A round of the agent looks only at what concerns its node; see docs/decisions.
"""

from twisted.python.failure import Failure

from flocker.dataset_agent.rig import Backend, Rig
from flocker.model.cluster import Volume
from flocker.model.errors import FlockerError
from flocker.model.ids import BackendName
from flocker.runtime import logging
from flocker.wire.commands import ListingFailed


async def list_volumes(rig: Rig, name: BackendName) -> tuple[Volume, ...]:
    """Ask a backend for everything it lists. Raises `ListingFailed`."""
    if name in rig.pools:
        return ()  # what a pool has, the agent's facts tell, each with its record
    backend = rig.backends.get(name)
    if backend is None:
        raise ListingFailed(f"node {rig.node} has no backend {name}")
    try:
        return await backend.threads.run(_list, backend)
    except FlockerError as error:
        raise ListingFailed(f"backend {name} does not answer: {error}") from error
    except Exception as error:
        logging.failure("flocker:backend:failed", Failure(), backend=name)
        words = f"backend {name} failed: {type(error).__name__}: {error}"
        raise ListingFailed(words) from error


def _list(backend: Backend) -> tuple[Volume, ...]:
    """Ask the driver; in one of its threads."""
    return tuple(
        Volume(
            backend=backend.name,
            id=each.blockdevice_id,
            dataset=each.dataset_id,
            size=each.size,
            instance=each.attached_to,
            life=each.life,
        )
        for each in backend.api.list_volumes()
    )
