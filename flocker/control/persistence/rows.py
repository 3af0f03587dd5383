"""The rows that are most, read quickly: what is wanted of a dataset, and who owns it.

Used by `flocker.control.persistence.schema` when a control service starts. Pure.

Note [One spelling]: each pattern is exactly what `flocker.wire.json_codec` writes, if
no text in it needs an escape. Of every other text a reader here knows nothing (None),
and the codec reads it, or says what is wrong with it. So what is read here is what the
codec would give, which costs five times as much.
"""

import json
import re
from collections.abc import Mapping
from typing import Final
from uuid import UUID

from pyrsistent import PMap, pmap

from flocker.model.datasets import NO_METADATA, Dataset, FilesystemKind, Mounting
from flocker.model.ids import (
    BackendName,
    DatasetID,
    Life,
    NodeID,
    SnapshotID,
    VolumeID,
)
from flocker.model.ownership import Ownership
from flocker.model.snapshots import Origin

_ID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_TEXT = r"[^\"\\\x00-\x1f\ud800-\udfff]*"
_WHOLE = "(?:0|[1-9][0-9]{0,18})"
_FRACTION = rf"{_WHOLE}\.[0-9]{{1,19}}"
_PAIR = f'"{_TEXT}":"{_TEXT}"'
_FLAG = "(true|false)"


def _quoted(pattern: str) -> str:
    return f'"({pattern})"'


def _or_null(pattern: str) -> str:
    return f"(?:null|{pattern})"


def _members(members: Mapping[str, str]) -> str:
    return ",".join(f'"{name}":{pattern}' for name, pattern in members.items())


def _object(members: Mapping[str, str], more: str = "") -> re.Pattern[str]:
    """Match an object of these members; `more` is what may follow in it."""
    return re.compile(rf"\{{{_members(members)}{more}\}}")


_ORIGIN: Final = _members({"dataset": _quoted(_ID), "snapshot": _quoted(_TEXT)})
_DATASET: Final = _object(
    {
        "id": _quoted(_ID),
        "primary": _quoted(_ID),
        "maximum_size": _or_null(f"({_WHOLE})"),
        "metadata": rf"(\{{(?:{_PAIR}(?:,{_PAIR})*)?\}})",
        "backend": _quoted(_TEXT),
        "deleted": _FLAG,
        "destroyed": _FLAG,
        "destroyed_at": _or_null(f"({_FRACTION})"),
        "asked": f"({_FRACTION})",
        "mount": _quoted("|".join(each.value for each in Mounting)),
        "filesystem": _quoted("|".join(each.value for each in FilesystemKind)),
        "life": _or_null(_quoted(_ID)),
    },
    rf'(?:,"origin":\{{{_ORIGIN}\}})?',
)
_OWNERSHIP: Final = _object(
    {
        "dataset": _quoted(_ID),
        "backend": _quoted(_TEXT),
        "volume": _quoted(_TEXT),
        "acquired": _FLAG,
        "epoch": f"({_WHOLE})",
        "top": f"({_WHOLE})",
        "base": _or_null(_quoted(_TEXT)),
        "candidate": _or_null(_quoted(_ID)),
        "pinned": _FLAG,
    }
)
_MOUNTINGS: Final = {each.value: each for each in Mounting}
_FILESYSTEMS: Final = {each.value: each for each in FilesystemKind}


class RowReader:
    """Reads the rows of one configuration; an id that comes again is the same value."""

    def __init__(self) -> None:
        self._ids: dict[str, UUID] = {}
        self._backends: dict[str, BackendName] = {}

    def dataset(self, row_id: str, text: str) -> Dataset | None:
        """Read a dataset of that id; None for a text that is not plainly one."""
        match = _DATASET.fullmatch(text)
        if match is None or match[1] != row_id:
            return None
        (
            own,
            primary,
            size,
            metadata,
            backend,
            deleted,
            destroyed,
            destroyed_at,
            asked,
            mount,
            filesystem,
            life,
            source,
            snapshot,
        ) = match.groups()
        origin = None
        if source is not None:
            origin = Origin(DatasetID(self._id(source)), SnapshotID(snapshot))
        return Dataset(
            DatasetID(self._id(own)),
            NodeID(self._id(primary)),
            None if size is None else int(size),
            _metadata(metadata),
            self._backend(backend),
            deleted == "true",
            destroyed == "true",
            None if destroyed_at is None else float(destroyed_at),
            float(asked),
            _MOUNTINGS[mount],
            _FILESYSTEMS[filesystem],
            None if life is None else Life(UUID(life)),
            origin,
        )

    def ownership(self, row_id: str, text: str) -> Ownership | None:
        """Read who owns that dataset; None for a text that does not plainly say so."""
        match = _OWNERSHIP.fullmatch(text)
        if match is None or match[1] != row_id:
            return None
        dataset, backend, volume, acquired, epoch, top, base, candidate, pinned = (
            match.groups()
        )
        return Ownership(
            DatasetID(self._id(dataset)),
            self._backend(backend),
            VolumeID(volume),
            acquired == "true",
            int(epoch),
            int(top),
            base,
            None if candidate is None else NodeID(self._id(candidate)),
            pinned == "true",
        )

    def _id(self, text: str) -> UUID:
        found = self._ids.get(text)
        if found is None:
            found = self._ids[text] = UUID(text)
        return found

    def _backend(self, text: str) -> BackendName:
        return self._backends.setdefault(text, BackendName(text))


def _metadata(text: str) -> PMap[str, str]:
    return NO_METADATA if text == "{}" else pmap(json.loads(text))
