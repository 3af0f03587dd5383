"""The mounts of this node, and the names under which they hold leases; pure.

Note [A holder a mount]: each Mount that Docker was answered is a holder of the lease,
by the id Docker gave it. Docker counts: `docker cp` mounts and unmounts the id of the
running container once more. So the second mount of an id is a holder of its own, with
a number. The multiset of mounts is thus kept in control's store, and a plugin that was
killed knows it again.
"""

from collections.abc import Collection, Iterable
from hashlib import sha256
from urllib.parse import quote

from attrs import frozen

from flocker.model.holders import Mount
from flocker.model.ids import DatasetID, Era, NodeID

LONGEST_ID = 128
"""Characters of an id; Docker's have 64."""
LONGEST_CONTAINER = 100
"""Characters of a container's name that are kept."""


@frozen
class Here:
    """This node, in its present life."""

    node: NodeID
    era: Era


@frozen
class Held:
    """A mount that holds the lease of a dataset, which is the volume `name`."""

    dataset: DatasetID
    name: str
    mount: Mount


def mount_id(text: str) -> str:
    """Give an id as it can stand in a holder's name."""
    plain = quote(text, safe="")
    return plain if len(plain) <= LONGEST_ID else sha256(text.encode()).hexdigest()


def another(held: Collection[Mount], given: str, container: str | None) -> Mount:
    """Give the next mount of the id Docker has `given`, beside those that are held."""
    wanted = mount_id(given)
    taken = {mount.number for mount in held if mount.id == wanted}
    number = next(n for n in range(1, len(taken) + 2) if n not in taken)
    name = None if container is None else as_kept(container)
    return Mount(wanted, number, name)


def last_of(held: Iterable[Mount], given: str) -> Mount | None:
    """Give the mount that ends when Docker unmounts the id it has `given`."""
    wanted = mount_id(given)
    found = [mount for mount in held if mount.id == wanted]
    return max(found, key=lambda mount: mount.number, default=None)


def as_kept(container: str) -> str:
    """Give a container's name as it stands in that of a holder."""
    return " ".join(container.split())[:LONGEST_CONTAINER]
