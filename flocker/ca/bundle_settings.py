"""The configuration files of a bundle: agent.yml of a node, cluster.yml of a user.

Pure. `bundle` puts them beside the certificates.
"""

from collections.abc import Mapping, Sequence

import yaml
from attrs import field, frozen
from pyrsistent import PMap, pmap

from flocker.model.errors import FlockerError
from flocker.wire.agent_yaml import AGENT_PORT, parse

LOOPBACK = "loopback"
USER_FILE = "user"
"""Whose certificate flockerctl shows if nothing else is said: the file's name."""

_HEAD = """\
# For /etc/flocker/agent.yml on this node. The certificates lie beside it.
"""
_TRIAL = """\
# loopback keeps volumes in files of this one machine: good for trying Flocker out.
# Put your storage here, with its own keys, before there is data that matters.
"""
_TRIAL_KEYS = """\
  # root_path: /var/lib/flocker/loopback
"""


@frozen
class BadOption(FlockerError):
    """A key for the backend cannot be understood."""

    key: str
    """Never the value: that may be a secret."""
    why: str

    def words(self) -> str:
        """Name the key and the fault."""
        return f"the backend option {self.key!r} {self.why}"


@frozen
class Storage:
    """A backend and its keys, as agent.yml has them."""

    backend: str = LOOPBACK
    keys: PMap[str, object] = field(default=pmap(), repr=False)


def parse_options(options: Sequence[str]) -> PMap[str, object]:
    """Read ``KEY=VALUE``s, each value as YAML; raises `BadOption`."""
    keys: dict[str, object] = {}
    for option in options:
        key, found, text = option.partition("=")
        if not key or not found:
            raise BadOption(key, "is not KEY=VALUE")
        if key == "backend":
            raise BadOption(key, "names no key of a backend: say --backend")
        if key in keys:
            raise BadOption(key, "is there twice")
        try:
            keys[key] = yaml.safe_load(text)
        except yaml.YAMLError:
            raise BadOption(key, "has a value that is not YAML") from None
    return pmap(keys)


def agent_yml(hosts: Sequence[str], storage: Storage) -> str:
    """Write agent.yml for nodes of the control service at `hosts`.

    Raises `BadAgentFile` if an agent would refuse it.
    """
    hostname = hosts[0] if len(hosts) == 1 else list(hosts)
    control = {"hostname": hostname, "port": AGENT_PORT}
    dataset = {"backend": storage.backend, **dict(sorted(storage.keys.items()))}
    trial = storage.backend == LOOPBACK
    text = (
        _HEAD
        + _dump({"version": 1, "control-service": control})
        + (_TRIAL if trial else "")
        + _dump({"dataset": dataset})
        + (_TRIAL_KEYS if trial and not storage.keys else "")
    )
    parse(text, "agent.yml")
    return text


def cluster_yml(name: str, hosts: Sequence[str]) -> str:
    """Write what flockerctl reads in its working directory."""
    return "# flockerctl reads this when it is run in this directory.\n" + _dump(
        {
            "cluster_name": name,
            "control_node": ",".join(hosts),
            "users": [USER_FILE],
        }
    )


def _dump(settings: Mapping[str, object]) -> str:
    return yaml.safe_dump(dict(settings), sort_keys=False, allow_unicode=True)
