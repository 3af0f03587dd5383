"""The base install (ca, client, cli) works without what only servers need."""

import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "flocker"

# What servers need, and the module whose C library some Pythons come without.
BLOCKED = ("automat", "klein", "jsonschema", "prometheus_client", "sqlite3")

BLOCKER = """
import importlib, sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ImportError(f"{{name}} is not part of the base install")

sys.meta_path.insert(0, Blocker())
for module in {modules!r}:
    importlib.import_module(module)
"""


def modules_of(*packages: str) -> list[str]:
    """The dotted names of all modules in these packages of flocker."""
    return [
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        for package in packages
        for path in sorted((PACKAGE / package).rglob("*.py"))
        if path.name != "__init__.py"
    ]


def test_imports_without_server_libraries() -> None:
    """Every module of the base install imports where server libraries are missing."""
    modules = modules_of("ca", "cli", "client")
    program = BLOCKER.format(blocked=BLOCKED, modules=modules)
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")
