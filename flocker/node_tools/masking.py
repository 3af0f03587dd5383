"""Takes secrets out of what is to be given away; pure. For `flocker-diagnostics`.

Two fences: what is known to be secret here (lines of key files, values in agent.yml) is
cut out wherever it stands, and so is what looks like a secret.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml
from attrs import frozen

from flocker.model.errors import FlockerError

MASK = "(removed)"

SAFE_KEYS = frozenset(
    {
        "allocation_unit",
        "backend",
        "cluster_id",
        "compute_instance_id",
        "hostname",
        "mount_root",
        "pool",
        "port",
        "protection_domain",
        "region",
        "root_path",
        "storage_pool",
        "validate_region",
        "verify_peer",
        "version",
        "volume_config_path",
        "zone",
    }
)
"""Keys of agent.yml whose values may be shown; all others' may be secrets."""

NAMING_KEYS = frozenset(
    {"USER", "project_name", "tenant_name", "user", "username", "xms_user"}
)
"""Keys whose values are not shown, and not looked for elsewhere: they name somebody,
often with a word that stands everywhere."""

_FAULTS = (
    yaml.YAMLError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    RecursionError,
)
"""What PyYAML lets through (see `flocker.wire.agent_yaml`)."""

_SHORTEST_SECRET = 6
"""Characters; what is shorter stands everywhere and is no secret."""
_SHORTEST_KEY_LINE = 16
"""Characters of base64 in a line of a key file that is looked for."""

_KEY = re.compile(
    rb"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?"
    rb"(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z)",
    re.DOTALL,
)
_END_OF_KEY = re.compile(rb"\A[^-]*-----END [A-Z0-9 ]*PRIVATE KEY-----")
"""Of a key whose beginning was cut off."""
_USER_IN_URL = re.compile(rb"://[^/\s:@\"']+:[^/\s@\"']+@")


@frozen
class NotMasked(FlockerError):
    """A file is not understood, so its secrets cannot be told from the rest."""

    def words(self) -> str:
        """Say so."""
        return "it is not understood, so it was left out: it may hold secrets"


class Scrubber:
    """Cuts secrets out of bytes."""

    def __init__(self, secrets: Iterable[bytes]) -> None:
        ordered = sorted(set(secrets), key=len, reverse=True)
        words = b"|".join(re.escape(secret) for secret in ordered if secret)
        self._known = re.compile(words) if words else None

    def scrub(self, data: bytes) -> bytes:
        """Give the same without secrets."""
        mask = MASK.encode("ascii")
        data = _END_OF_KEY.sub(mask, _KEY.sub(mask, data))
        data = _USER_IN_URL.sub(b"://" + mask + b"@", data)
        return data if self._known is None else self._known.sub(mask, data)


def secrets_of_key(content: bytes) -> Iterator[bytes]:
    """Give the lines by which the keys in a file would be recognised."""
    for key in _KEY.findall(content):
        for line in key.splitlines():
            text = line.strip()
            if len(text) >= _SHORTEST_KEY_LINE and not text.startswith(b"-----"):
                yield text


def mask_agent_yml(text: str) -> tuple[str, frozenset[bytes]]:
    """Give agent.yml without what may be secret, and what that was.

    Raises `NotMasked`.
    """
    try:
        secrets: set[str] = set()
        masked = _mask(yaml.safe_load(text), secrets)
        shown = yaml.safe_dump(masked, sort_keys=False)
    except _FAULTS as error:
        raise NotMasked from error
    long = {secret for secret in secrets if len(secret) >= _SHORTEST_SECRET}
    spelled = {spelling for secret in long for spelling in _spellings(secret)}
    return shown, frozenset(each.encode("utf-8", "replace") for each in spelled)


def _mask(value: Any, secrets: set[str]) -> Any:  # noqa: ANN401 - YAML has all types
    """Give a value as it may be shown."""
    if not isinstance(value, Mapping):
        secrets.update(_texts(value))
        return MASK
    return {key: _mask_at(key, inner, secrets) for key, inner in value.items()}


def _mask_at(key: object, value: Any, secrets: set[str]) -> Any:  # noqa: ANN401
    if key in SAFE_KEYS and not _holds_mappings(value):
        return value
    if key in NAMING_KEYS and not _holds_mappings(value):
        return MASK
    return _mask(value, secrets)


def _holds_mappings(value: object) -> bool:
    if isinstance(value, list):
        return any(_holds_mappings(inner) for inner in value)
    return isinstance(value, Mapping)


def _texts(value: object) -> Iterator[str]:
    """Give the texts and numbers in a value; flags and nothing are no secrets."""
    if isinstance(value, Mapping):
        yield from _texts(list(value.values()))
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    elif isinstance(value, str):
        # A key in YAML has lines, of which each gives it away.
        yield from (value, *value.splitlines())
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def _spellings(secret: str) -> Iterator[str]:
    """Give the ways in which logs, which are JSON, spell a text."""
    yield secret
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
