"""Reads the configuration files of the first Flocker, versions 1 to 6; pure.

A file is migrated version by version to 6, the last one, and then read into plain
values. Format: spec/convergence.md §8. Called by `flocker.control.importing`.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from uuid import UUID

from attrs import frozen
from pyrsistent import PMap, pmap

from flocker.model.errors import FlockerError
from flocker.model.ids import (
    DatasetID,
    NodeID,
    NotAnIdentifier,
    VolumeID,
    parse_uuid,
)

LATEST = 6
"""The version that Flocker 1.15 wrote; there is none after it."""

LONGEST = 1e12
"""Seconds from the epoch within which a time is one: some thirty thousand years."""

CLASS = "$__class__$"
"""The key under which the first Flocker named the class of an object."""

Json = dict[str, Any]


@frozen
class NotAConfiguration(FlockerError):
    """The bytes are no configuration of the first Flocker, or a damaged one."""

    why: str

    def words(self) -> str:
        """Say what is wrong."""
        return f"it is not a configuration of Flocker 1: {self.why}"


@frozen
class UnknownVersion(FlockerError):
    """The configuration says that it has a version that the first Flocker never had."""

    version: object

    def words(self) -> str:
        """Name the version and those that can be read."""
        return (
            f"its version is {str(self.version)[:40]}, and those of Flocker 1 are 1 to"
            f" {LATEST}"
        )


@frozen
class OldDataset:
    """A dataset as it was wanted; `maximum_size` in bytes."""

    id: DatasetID
    primary: NodeID
    maximum_size: int | None
    metadata: PMap[str, str]
    deleted: bool


@frozen
class OldCopy:
    """A dataset on a node that was not its primary; 1.15 never made one."""

    dataset: DatasetID
    node: NodeID


@frozen
class OldLease:
    """A lease; `expires` in seconds since the epoch, None for never."""

    dataset: DatasetID
    node: NodeID
    expires: float | None


@frozen
class OldOwnership:
    """The record that a dataset is a volume."""

    dataset: DatasetID
    volume: VolumeID


@frozen
class OldContainer:
    """A container that was wanted on a node; the file holds more of it."""

    name: str
    node: NodeID


@frozen
class OldConfiguration:
    """All that a file of `version` holds."""

    version: int
    datasets: tuple[OldDataset, ...] = ()
    copies: tuple[OldCopy, ...] = ()
    leases: tuple[OldLease, ...] = ()
    ownership: tuple[OldOwnership, ...] = ()
    containers: tuple[OldContainer, ...] = ()


def read(data: bytes) -> OldConfiguration:
    """Read a file. Raises `NotAConfiguration`, `UnknownVersion`."""
    try:
        version, latest = _migrated(_parse(data))
        return _configuration(version, latest)
    except RecursionError as error:
        raise NotAConfiguration("it is nested too deeply") from error
    except NotAnIdentifier as error:
        raise NotAConfiguration(str(error)) from error


# From bytes to version 6.


def _parse(data: bytes) -> Json:
    try:
        text = data.decode("utf-8")
        found = json.loads(text)
        # JSON can spell halves of surrogate pairs, which no other text can hold.
        json.dumps(found, ensure_ascii=False).encode("utf-8")
    except UnicodeDecodeError as error:
        raise NotAConfiguration(f"it is not UTF-8 at byte {error.start}") from error
    except UnicodeEncodeError as error:
        raise NotAConfiguration("a text in it has half of a surrogate pair") from error
    except ValueError as error:
        raise NotAConfiguration(f"it is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise NotAConfiguration("it is not a JSON object")
    return found


def _migrated(found: Json) -> tuple[int, Json]:
    """Give the version of a file, and its content as version 6 would have it."""
    version = _version(found)
    migrated = found
    for step in range(version, LATEST):
        migrated = MIGRATIONS[step](migrated)
    return version, migrated


def _version(found: Json) -> int:
    if found.get(CLASS) == "Deployment":
        return 1
    if found.get(CLASS) != "Configuration":
        raise NotAConfiguration("it holds something else")
    version = found.get("version")
    if type(version) is not int or not 1 < version <= LATEST:
        raise UnknownVersion(version)
    return version


def _wrap(found: Json) -> Json:
    """From 1 to 2: the deployment gets a configuration around it."""
    return {CLASS: "Configuration", "version": 2, "deployment": found}


def _add_leases(found: Json) -> Json:
    """From 2 to 3."""
    return _next(found, leases=_old_map([]))


def _add_ownership(found: Json) -> Json:
    """From 3 to 4."""
    state = {CLASS: "PersistentState", "blockdevice_ownership": _old_map([])}
    return _next(found, persistent_state=state)


def _key_nodes(found: Json) -> Json:
    """From 4 to 5: nodes and their applications are found by uuid and by name."""
    nodes = _list(_get(found, "deployment", "nodes"), "nodes")
    return _next(found, nodes=_old_map([_keyed_node(node) for node in nodes]))


def _keyed_node(node: object) -> list[object]:
    applications = _list(_get(node, "applications"), "applications")
    keyed = [[_get(each, "name"), each] for each in applications]
    changed = {**_object(node, "Node"), "applications": _old_map(keyed)}
    return [_get(node, "uuid"), changed]


def _add_swappiness(found: Json) -> Json:
    """From 5 to 6: every application gets one."""

    def change_node(node: object) -> Json:
        applications = _changed(_get(node, "applications"), change_application)
        return {**_object(node, "Node"), "applications": applications}

    def change_application(application: object) -> Json:
        return {**_object(application, "Application"), "swappiness": 0}

    nodes = _changed(_get(found, "deployment", "nodes"), change_node)
    return _next(found, nodes=nodes)


MIGRATIONS: Mapping[int, Callable[[Json], Json]] = {
    1: _wrap,
    2: _add_leases,
    3: _add_ownership,
    4: _key_nodes,
    5: _add_swappiness,
}
"""What takes a file of each version to the next."""


def _next(found: Json, **fields: object) -> Json:
    """Give the next version of a file, with other fields of its deployment."""
    deployment = {**_object(_get(found, "deployment"), "Deployment"), **fields}
    return {**found, "version": found["version"] + 1, "deployment": deployment}


def _old_map(pairs: list[list[object]]) -> Json:
    return {CLASS: "PMap", "values": pairs}


def _changed(found: object, change: Callable[[object], Json]) -> Json:
    return _old_map([[key, change(value)] for key, value in _pairs(found)])


# From version 6 to values.


def _configuration(version: int, found: Json) -> OldConfiguration:
    _only(found, "Configuration", "version", "deployment")
    deployment = _object(_get(found, "deployment"), "Deployment")
    _only(deployment, "Deployment", "nodes", "leases", "persistent_state")
    datasets: dict[DatasetID, OldDataset] = {}
    copies: list[OldCopy] = []
    containers: list[OldContainer] = []
    for key, value in _pairs(_get(deployment, "nodes")):
        node, manifestations, names = _node(key, value)
        containers.extend(OldContainer(name, node) for name in names)
        for dataset, primary in manifestations:
            if not primary:
                copies.append(OldCopy(dataset.id, node))
                continue
            if dataset.id in datasets:
                raise NotAConfiguration(f"dataset {dataset.id} is on two nodes")
            datasets[dataset.id] = dataset
    return OldConfiguration(
        version=version,
        datasets=tuple(datasets.values()),
        copies=tuple(copies),
        leases=tuple(_leases(_get(deployment, "leases"))),
        ownership=tuple(_ownership(_get(deployment, "persistent_state"))),
        containers=tuple(containers),
    )


def _node(
    key: object, value: object
) -> tuple[NodeID, list[tuple[OldDataset, bool]], list[str]]:
    """Give a node's id, its datasets with whether they are primary, its containers."""
    found = _object(value, "Node")
    _only(found, "Node", "uuid", "applications", "manifestations")
    node = NodeID(_uuid(_get(found, "uuid")))
    _same(_uuid(key), node, "node")
    manifestations = [
        _manifestation(key, each, node)
        for key, each in _pairs(_get(found, "manifestations"))
    ]
    names = []
    for called, application in _pairs(_get(found, "applications")):
        name = _text(_get(_object(application, "Application"), "name"))
        _same(called, name, "application")
        names.append(name)
    return node, manifestations, names


def _manifestation(key: object, value: object, node: NodeID) -> tuple[OldDataset, bool]:
    found = _object(value, "Manifestation")
    _only(found, "Manifestation", "dataset", "primary")
    dataset = _object(_get(found, "dataset"), "Dataset")
    _only(dataset, "Dataset", "dataset_id", "deleted", "maximum_size", "metadata")
    identifier = DatasetID(parse_uuid(_text(_get(dataset, "dataset_id"))))
    _same(parse_uuid(_text(key)), identifier, "dataset")
    size = _get(dataset, "maximum_size")
    if size is not None and (type(size) is not int or size < 0):
        raise NotAConfiguration(f"the size of dataset {identifier} is no size")
    metadata = {
        _text(name): _text(text) for name, text in _pairs(_get(dataset, "metadata"))
    }
    deleted = _flag(_get(dataset, "deleted"))
    old = OldDataset(identifier, node, size, pmap(metadata), deleted)
    return old, _flag(_get(found, "primary"))


def _leases(found: object) -> Iterator[OldLease]:
    for key, value in _pairs(found):
        lease = _object(value, "Lease")
        _only(lease, "Lease", "dataset_id", "node_id", "expiration")
        dataset = DatasetID(_uuid(_get(lease, "dataset_id")))
        _same(_uuid(key), dataset, "lease")
        node = NodeID(_uuid(_get(lease, "node_id")))
        yield OldLease(dataset, node, _time(_get(lease, "expiration")))


def _ownership(found: object) -> Iterator[OldOwnership]:
    state = _object(found, "PersistentState")
    _only(state, "PersistentState", "blockdevice_ownership")
    owners: dict[str, UUID] = {}
    for key, value in _pairs(_get(state, "blockdevice_ownership")):
        dataset, volume = _uuid(key), _text(value)
        if volume in owners:
            both = f"{owners[volume]} and {dataset}"
            raise NotAConfiguration(f"the volume {volume!r} is both of {both}")
        owners[volume] = dataset
        yield OldOwnership(DatasetID(dataset), VolumeID(volume))


# The first Flocker's JSON.


def _get(found: object, *keys: str) -> Any:  # noqa: ANN401 - what JSON has
    for key in keys:
        if not isinstance(found, dict) or key not in found:
            raise NotAConfiguration(f"there is no {key!r} where one should be")
        found = found[key]
    return found


def _object(found: object, kind: str) -> Json:
    if not isinstance(found, dict) or found.get(CLASS) != kind:
        raise NotAConfiguration(f"there is no {kind} where one should be")
    return found


def _only(found: Json, kind: str, *keys: str) -> None:
    """Refuse what could be half-understood only."""
    _ = _object(found, kind)
    for key in found:
        if key != CLASS and key not in keys:
            raise NotAConfiguration(f"a {kind} has a {key[:40]!r}, which none had")


def _pairs(found: object) -> list[tuple[Any, Any]]:
    values = _list(_get(_object(found, "PMap"), "values"), "values")
    pairs = []
    seen = set()
    for pair in values:
        if not isinstance(pair, list) or len(pair) != 2:
            raise NotAConfiguration("a map holds something else than pairs")
        key = json.dumps(pair[0], sort_keys=True)
        if key in seen:
            raise NotAConfiguration(f"the key {key[:80]} stands twice in a map")
        seen.add(key)
        pairs.append((pair[0], pair[1]))
    return pairs


def _list(found: object, what: str) -> list[object]:
    if not isinstance(found, list):
        raise NotAConfiguration(f"its {what} are no list")
    return found


def _text(found: object) -> str:
    if not isinstance(found, str):
        raise NotAConfiguration(f"{str(found)[:40]!r} is no text")
    return found


def _flag(found: object) -> bool:
    if not isinstance(found, bool):
        raise NotAConfiguration(f"{str(found)[:40]!r} is neither true nor false")
    return found


def _uuid(found: object) -> UUID:
    return parse_uuid(_text(_get(_object(found, "UUID"), "hex")))


def _time(found: object) -> float | None:
    if found is None:
        return None
    seconds = _get(_object(found, "datetime"), "seconds")
    if (
        isinstance(seconds, bool)
        or not isinstance(seconds, int | float)
        or not -LONGEST <= seconds <= LONGEST
    ):
        raise NotAConfiguration(f"{str(seconds)[:40]!r} is no time")
    return float(seconds)


def _same(key: object, own: object, kind: str) -> None:
    if key != own:
        raise NotAConfiguration(f"the {kind} {own} is found as {str(key)[:80]}")
