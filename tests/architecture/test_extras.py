"""Each program imports only what the part of Flocker that it belongs to installs."""

import ast
import re
import runpy
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import setuptools

ROOT = Path(__file__).parents[2]

PROGRAMS = {
    "flocker-ca": "",
    "flockerctl": "",
    "flocker-diagnostics": "",
    "flocker-node-era": "",
    "flocker-install-units": "",
    "flocker-control": "control",
    "flocker-dataset-agent": "node",
    "flocker-docker-plugin": "docker",
    "flocker-sandbox": "sandbox",
}
"""The programs, each with the extra that its users install; none: the base."""

NAME = re.compile(r"[A-Za-z0-9._-]+")
LAZY = re.compile(r"(flocker(?:\.\w+)+)(?::\w+)?")
"""A module's name in a string: see `flocker.runtime.loading`."""

Setup = dict[str, object]


@pytest.fixture(scope="module")
def setup() -> Setup:
    """What setup.py says."""
    said: Setup = {}
    original = setuptools.setup
    setuptools.setup = lambda **words: said.update(words)
    try:
        runpy.run_path(str(ROOT / "setup.py"))
    finally:
        setuptools.setup = original
    return said


def normal(name: str) -> str:
    """A distribution's name as all its spellings have it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def file_of(module: str) -> Path | None:
    """The file of a module of ours."""
    path = ROOT.joinpath(*module.split("."))
    files = (path.with_suffix(".py"), path / "__init__.py")
    return next((file for file in files if file.is_file()), None)


def typing_only(node: ast.AST) -> bool:
    """Whether a statement is only there for mypy."""
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def mentioned(node: ast.AST) -> Iterator[str]:
    """The modules that a file imports, anywhere in it, or may load by name."""
    for child in ast.iter_child_nodes(node):
        if typing_only(child):
            continue
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom) and child.module:
            yield child.module
            yield from (f"{child.module}.{alias.name}" for alias in child.names)
        elif isinstance(child, ast.Constant) and isinstance(child.value, str):
            later = LAZY.fullmatch(child.value)
            if later is not None:
                yield later[1]
        yield from mentioned(child)


def imported_by(module: str) -> dict[str, str]:
    """The libraries that a module imports or leads to, each with who imports it."""
    libraries: dict[str, str] = {}
    seen, left = set(), [module]
    while left:
        here = left.pop()
        file = file_of(here)
        if here in seen or file is None:
            continue
        seen.add(here)
        for name in mentioned(ast.parse(file.read_text())):
            if name.partition(".")[0] == "flocker":
                left.append(name)
            else:
                libraries.setdefault(name.partition(".")[0], here)
    return libraries


def test_all_programs_are_known(setup: Setup) -> None:
    """A new program says here what it is installed with."""
    scripts = setup["entry_points"]["console_scripts"]
    assert {script.partition(" =")[0] for script in scripts} == set(PROGRAMS)


@pytest.mark.parametrize("program", PROGRAMS)
def test_program_has_what_it_imports(setup: Setup, program: str) -> None:
    """A library that a program imports is named by its part of setup.py."""
    extra = PROGRAMS[program]
    wanted = [*setup["install_requires"]]
    if extra:
        wanted += setup["extras_require"][extra]
    installed = {normal(NAME.match(each)[0]) for each in wanted}
    scripts = dict(
        each.split(" = ") for each in setup["entry_points"]["console_scripts"]
    )
    providers = packages_distributions()
    missing = {
        f"{library} (by {who})"
        for library, who in imported_by(scripts[program].partition(":")[0]).items()
        if library in providers
        and not {normal(each) for each in providers[library]} & installed
    }
    assert missing == set()
