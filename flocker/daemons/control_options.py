"""What flocker-control's command line says."""

from pathlib import Path

from attrs import frozen

DATA_PATH = "/var/lib/flocker"


@frozen
class Options:
    """What the service is to use; `remember_destroyed` in seconds."""

    data_path: Path
    port: str
    agent_port: str
    certificates_directory: Path
    remember_destroyed: float
