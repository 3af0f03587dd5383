"""The rules of the house that lint, types and layers do not check."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from flocker.runtime.logging import SECRET

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "flocker"
BENCHMARKS = ROOT / "admin" / "benchmarks"
UNIT_TESTS = ROOT / "tests" / "unit"

LONGEST_FILE = 450

# Spelled so that this file does not break its own rule.
FORBIDDEN_MARKS = re.compile(r"\b(X{3}|TO[D]O|FIX[M]E)\b|unittest[.]mock")

MODULES = sorted(PACKAGE.rglob("*.py"))
UNIT_MODULES = sorted(UNIT_TESTS.rglob("test_*.py"))

LOGGING = ("action", "continued", "failure", "message", "outcome")

Documented = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def name_of(path: Path) -> str:
    """The path as a failing test should show it."""
    return str(path.relative_to(ROOT))


each_module = pytest.mark.parametrize("path", MODULES, ids=name_of)


def without_docstring(path: Path) -> list[str]:
    """The public module, classes and functions of a file that say nothing."""
    tree = ast.parse(path.read_text())
    silent = [] if ast.get_docstring(tree) else ["the module itself"]
    return silent + [
        f"{node.name} (line {node.lineno})"
        for node in tree.body
        if isinstance(node, Documented)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]


def beyond_docstring(path: Path) -> list[str]:
    """The statements of a file after its docstring, as source."""
    return [ast.unparse(node) for node in ast.parse(path.read_text()).body[1:]]


def package_members(path: Path) -> Iterator[str]:
    """What a file imports out of a package that is not a module of that package."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.ImportFrom) or not node.module:
            continue
        folder = ROOT.joinpath(*node.module.split("."))
        if not node.module.startswith("flocker") or not folder.is_dir():
            continue
        for alias in node.names:
            found = (folder / alias.name).is_dir() or (
                folder / f"{alias.name}.py"
            ).is_file()
            if not found and alias.name != "__version__":
                yield f"from {node.module} import {alias.name}"


def logged_fields(path: Path) -> list[str]:
    """The names of the fields that a file logs, of all calls that could be logging."""
    return [
        keyword.arg
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and getattr(node.func, "attr", getattr(node.func, "id", "")) in LOGGING
        for keyword in node.keywords
        if keyword.arg
    ]


def modules_of(path: Path) -> list[Path]:
    """Where the module that a unit test module is about may be.

    One that is about a part of it says which after the module's name.
    """
    relative = path.relative_to(UNIT_TESTS)
    words = relative.stem.removeprefix("test_").split("_")
    folder = PACKAGE / relative.parent
    if relative.parts[0] == BENCHMARKS.name:
        folder = BENCHMARKS
    return [
        folder / f"{'_'.join(words[:length])}.py" for length in range(len(words), 0, -1)
    ]


@each_module
def test_public_names_have_docstrings(path: Path) -> None:
    """Every public module, class and function says what it is."""
    assert without_docstring(path) == []


@pytest.mark.parametrize(
    "path",
    [path for path in MODULES if path.name == "__init__.py"],
    ids=name_of,
)
def test_packages_are_docstrings(path: Path) -> None:
    """A package's `__init__` holds its docstring only; flocker's also the version."""
    allowed = r"__version__ = '[^']+'" if path.parent == PACKAGE else r"(?!)"
    more = [line for line in beyond_docstring(path) if not re.fullmatch(allowed, line)]
    assert more == []


@each_module
def test_files_stay_small(path: Path) -> None:
    """A file that has grown too long is two files."""
    assert len(path.read_text().splitlines()) <= LONGEST_FILE


@pytest.mark.parametrize(
    "path", [*MODULES, *sorted((ROOT / "tests").rglob("*.py"))], ids=name_of
)
def test_no_marks(path: Path) -> None:
    """A known flaw is repaired or stands in docs/, and a fake is a verified one."""
    assert FORBIDDEN_MARKS.findall(path.read_text()) == []


@each_module
def test_names_come_from_where_they_are_defined(path: Path) -> None:
    """Nothing is imported out of a package but its modules."""
    assert list(package_members(path)) == []


@each_module
def test_imports_are_absolute(path: Path) -> None:
    """Who reads an import sees where the module is."""
    tree = ast.parse(path.read_text())
    relative = [
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert relative == []


@pytest.mark.parametrize("path", UNIT_MODULES, ids=name_of)
def test_unit_tests_mirror_modules(path: Path) -> None:
    """A unit test module stands where the module it tests does, and begins like it."""
    whole, *_ = modules = modules_of(path)
    is_folder = whole.with_suffix("").is_dir()
    assert is_folder or any(module.is_file() for module in modules)


@each_module
def test_secrets_are_not_fields(path: Path) -> None:
    """No field of the log is called like a secret."""
    assert [name for name in logged_fields(path) if SECRET.search(name)] == []
