"""All files of a new cluster, in folders that are copied as they are.

`flocker-ca bundle` calls it. `fill` makes everything in memory; `write_bundle` stores
it under another name first, so that a bundle that bears its name is whole.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from uuid import UUID

from attrs import field, frozen

from flocker.ca.authority import Authority
from flocker.ca.bundle_settings import (
    USER_FILE,
    Storage,
    agent_yml,
    cluster_yml,
)
from flocker.ca.credentials import Credential, KeyType
from flocker.ca.files import (
    FileExists,
    certificate_path,
    not_written,
    sync,
    write_credential,
    write_private,
)
from flocker.ca.names import (
    CLUSTER,
    CONTROL_SERVICE,
    NODE_FILE,
    BadName,
    parse_host,
    user_name,
)
from flocker.model.errors import FlockerError
from flocker.model.ids import ClusterID, NodeID

UNFINISHED = ".unfinished"
"""Ending of a bundle's name while it is being written."""
PLUGIN = "plugin"
"""The Docker plugin's user, and its file."""
_PRIVATE = 0o700


@frozen
class UnfinishedBundle(FlockerError):
    """An earlier run was killed, or another is writing to the same place."""

    path: Path

    def words(self) -> str:
        """Name the directory and the cure."""
        return (
            f"{self.path} is a bundle that was left half made (or is being made right "
            "now): delete it and try again"
        )


@frozen
class Order:
    """What a new cluster is to have."""

    cluster: str
    controls: tuple[str, ...]
    """DNS names and addresses under which the control service is reached."""
    nodes: int
    users: tuple[str, ...]
    storage: Storage = field(factory=Storage)
    with_plugin: bool = False
    """Whether each node gets a certificate for the Docker plugin."""
    kind: KeyType = KeyType.ECDSA


@frozen
class Folder:
    """One folder of a bundle: who shows which certificate, and further files."""

    name: str
    pairs: tuple[tuple[str, Credential], ...]
    texts: tuple[tuple[str, str], ...] = ()


@frozen
class Bundle:
    """All folders, by who gets them."""

    authority: Folder
    control: Folder
    nodes: tuple[Folder, ...]
    users: tuple[Folder, ...]

    def folders(self) -> Iterator[Folder]:
        """All of them; the authority's key comes last into the world."""
        yield self.control
        yield from self.nodes
        yield from self.users
        yield self.authority


def fill(order: Order, new_uuid: Callable[[], UUID], now: datetime) -> Bundle:
    """Found the cluster, make its certificates; raises `BadName`, `BadAgentFile`."""
    for each in (order.controls, order.users):
        _refuse_twice(each)
    hosts = [parse_host(host) for host in order.controls]
    users = [user_name(user) for user in order.users]
    kind = order.kind
    settings = agent_yml(order.controls, order.storage)
    access = cluster_yml(order.cluster, order.controls)
    authority = Authority.found(order.cluster, ClusterID(new_uuid()), kind, now)

    def node(number: int) -> Folder:
        own = authority.node(NodeID(new_uuid()), kind, now)
        pairs = [(NODE_FILE, own)]
        if order.with_plugin:
            pairs.append((PLUGIN, authority.user(PLUGIN, kind, now)))
        return Folder(f"node-{number}", tuple(pairs), (("agent.yml", settings),))

    def user(name: str) -> Folder:
        own = authority.user(name, kind, now)
        return Folder(f"user-{name}", ((USER_FILE, own),), (("cluster.yml", access),))

    control = authority.control(hosts, kind, now)
    return Bundle(
        authority=Folder("authority", ((CLUSTER, authority.credential),)),
        control=Folder("control", ((CONTROL_SERVICE, control),)),
        nodes=tuple(map(node, range(1, order.nodes + 1))),
        users=tuple(map(user, users)),
    )


def write_bundle(bundle: Bundle, directory: Path) -> None:
    """Store a bundle as a new directory, durable and whole or not at all.

    Raises `FileExists`, `UnfinishedBundle`, `FileNotWritten`.
    """
    if os.path.lexists(directory):
        raise FileExists(directory)
    unfinished = directory.with_name(directory.name + UNFINISHED)
    try:
        unfinished.mkdir(mode=_PRIVATE)
    except FileExistsError:
        raise UnfinishedBundle(unfinished) from None
    except OSError as error:
        raise not_written(unfinished, error) from error
    try:
        _write(bundle, unfinished)
        unfinished.rename(directory)
        sync(directory.parent)
    except OSError as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise not_written(directory, error) from error
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def _write(bundle: Bundle, directory: Path) -> None:
    ((_name, authority),) = bundle.authority.pairs
    for folder in bundle.folders():
        inside = directory / folder.name
        inside.mkdir(mode=_PRIVATE)
        for name, credential in folder.pairs:
            write_credential(inside, name, credential)
        for name, text in folder.texts:
            write_private(inside / name, text.encode())
        if folder is not bundle.authority:
            write_private(
                certificate_path(inside, CLUSTER), authority.certificate_pem()
            )
    sync(directory)


def _refuse_twice(names: tuple[str, ...]) -> None:
    # Macs keep files whose names differ only in case in one place.
    seen: set[str] = set()
    for name in names:
        if name.casefold() in seen:
            raise BadName(name, "is there twice")
        seen.add(name.casefold())
