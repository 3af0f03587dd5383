"""What programs of a sandbox are started with, in its machines and around them."""

import os

from flocker.runtime.process import DEFAULT_ENVIRONMENT
from flocker.sandbox.layout import programs

DETACHED = 'log=$1; shift; exec setsid --fork "$@" >>"$log" 2>&1 </dev/null'
"""A script that starts a program which outlives who started it."""


def search_path(path: str) -> str:
    """Put Flocker's commands before the others."""
    return f"{programs()}:{path}"


def same_code() -> dict[str, str]:
    """Let programs import what this one does, where that is not what is installed."""
    found = os.environ.get("PYTHONPATH")
    return {} if found is None else {"PYTHONPATH": found}


def machine_environment() -> dict[str, str]:
    """Give the environment of what runs there."""
    return {"PATH": search_path(DEFAULT_ENVIRONMENT["PATH"]), **same_code()}
