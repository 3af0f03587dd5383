"""A process that commits without pause, and prints each number that is durable.

``store_writer.py DIRECTORY``; it ends when it is killed. `test_stores` starts it.
"""

import sys
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from flocker.control.persistence.opening import open_store
from flocker.model.changes import Change, DatasetEdit, OwnershipEdit
from flocker.model.datasets import Dataset
from flocker.model.ids import BackendName, DatasetID, NodeID, VolumeID
from flocker.model.ownership import Ownership

NODE = NodeID(UUID(int=1))


def creation(number: int) -> Change:
    """Two records at once, so that half a commit would show."""
    dataset = Dataset(DatasetID(UUID(int=number)), NODE)
    volume = VolumeID(f"volume-{number}")
    ownership = Ownership(dataset.id, BackendName("default"), volume)
    return Change((DatasetEdit(None, dataset), OwnershipEdit(None, ownership)))


async def commit_for_ever(reactor: Any, directory: str) -> None:
    store = open_store(Path(directory), reactor)
    found = await store.load()
    for number in count(found.revision + 1):
        await store.commit([creation(number)], number - 1)
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()


def main(reactor: Any, directory: str) -> Deferred[None]:
    return Deferred.fromCoroutine(commit_for_ever(reactor, directory))


if __name__ == "__main__":
    react(main, sys.argv[1:])
