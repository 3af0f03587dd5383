"""Who uses what control does not give away: looked up for the error Docker is told."""

from flocker.client.interface import IFlockerClient
from flocker.docker_plugin.volumes import InUse
from flocker.model.ids import DatasetID, NodeID

CONFLICT = 409
"""The status of a refusal because of a lease."""


async def in_use(
    client: IFlockerClient,
    name: str,
    dataset: DatasetID,
    except_by: NodeID | None = None,
) -> InUse | None:
    """Say who leases a volume, if anybody does, on another node than `except_by`.

    Raises what a client raises.
    """
    for lease in await client.leases():
        if lease.dataset_id == dataset and lease.node_uuid != except_by:
            nodes = {node.uuid: node for node in await client.nodes()}
            return InUse(name, lease, nodes.get(lease.node_uuid))
    return None
