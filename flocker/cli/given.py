"""What the command line and the environment say of the cluster; nothing is read yet.

`flocker.cli.connecting` adds what files say.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

CLUSTER_YML = Path("cluster.yml")
DEFAULT_USER = "user"


@frozen
class Options:
    """What they say; None where they do not.

    `root` is put before paths: ``/host`` in the container of the first Flocker's tools.
    """

    certs_path: Path
    cluster_crt: str
    control_port: int
    control_service: str | None = None
    user: str | None = None
    cluster_yml: Path | None = None
    root: Path | None = None


def given_options(parameters: Mapping[str, Any]) -> Options:
    """Give the options of flockerctl itself, as click has read them."""
    given = dict(parameters)
    containerized = given.pop("containerized", "")
    return Options(**given, root=Path("/host") if containerized else None)
