"""Drivers that are not built in: entry points and Python modules. Used by `registry`.

What is found may be a description of the first Flocker's kind, which is known by its
attributes: `api_factory`, and those of `name`, `needs_reactor`, `needs_cluster_id`,
`required_config` and `deployer_type` that it has. Others are passed over.
"""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

from attrs import frozen

from flocker.backends.description import BackendDescription
from flocker.model.errors import FlockerError

GROUP = "flocker.backends"
ATTRIBUTE = "FLOCKER_BACKEND"

_MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_BLOCK = "block"


@frozen
class UnknownBackend(FlockerError):
    """agent.yml names a backend that is nowhere to be found."""

    where: str
    name: str
    known: tuple[str, ...]

    def words(self) -> str:
        """Name it, those there are, and what it may have been meant to be."""
        like, known = did_you_mean(self.name, self.known), ", ".join(self.known)
        return (
            f"{self.where}.backend: there is no {self.name!r}{like}, only: {known};"
            " and no Python module has that name"
        )


@frozen
class DriverNotImported(FlockerError):
    """The module of a driver is there and cannot be imported."""

    where: str
    module: str
    why: str

    def words(self) -> str:
        """Name the module and the reason."""
        return (
            f"{self.where}.backend: module {self.module} cannot be imported: {self.why}"
        )


@frozen
class NoDescription(FlockerError):
    """A module that agent.yml names as a backend describes none."""

    where: str
    module: str

    def words(self) -> str:
        """Name the module and what it lacks."""
        return f"{self.where}.backend: module {self.module} has no {ATTRIBUTE}"


@frozen
class NotADescription(FlockerError):
    """What should describe a driver does not, or not one that can be used."""

    where: str
    what: str
    why: str

    def words(self) -> str:
        """Name it and what is wrong with it."""
        return f"{self.where}.backend: {self.what} {self.why}"


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """Give a question to put behind a misspelt word; empty if nothing is like it."""
    like = get_close_matches(given, sorted(known), n=1)
    return f" (did you mean {like[0]}?)" if like else ""


def installed() -> dict[str, EntryPoint]:
    """Give the entry points of installed packages, by their names."""
    return {point.name: point for point in entry_points(group=GROUP)}


def from_entry_point(point: EntryPoint, where: str) -> BackendDescription:
    """Load one. Raises `DriverNotImported`, `NotADescription`."""
    try:
        found = point.load()
    except Exception as error:
        raise DriverNotImported(where, point.value, _why(error)) from error
    return describe(found, f"entry point {point.name} ({point.value})", where)


def from_module(
    name: str, where: str, known: tuple[str, ...] = ()
) -> BackendDescription:
    """Import a module and take its `ATTRIBUTE`.

    Raises `UnknownBackend`, with those that are `known`, if there is no such module,
    and `DriverNotImported`, `NoDescription`, `NotADescription`.
    """
    if not _MODULE.fullmatch(name):
        raise UnknownBackend(where, name, known)
    try:
        module = import_module(name)
    except Exception as error:
        if _is_missing(error, name):
            raise UnknownBackend(where, name, known) from None
        raise DriverNotImported(where, name, _why(error)) from error
    try:
        found: object = getattr(module, ATTRIBUTE)
    except AttributeError:
        raise NoDescription(where, name) from None
    return describe(found, f"{ATTRIBUTE} of module {name}", where)


def describe(found: object, what: str, where: str) -> BackendDescription:
    """Make our description of one of the first Flocker's. Raises `NotADescription`."""
    if isinstance(found, BackendDescription):
        return found
    factory = getattr(found, "api_factory", None)
    if not callable(factory):
        kind = type(found).__name__
        why = f"is no BackendDescription but of type {kind}, without an api_factory"
        raise NotADescription(where, what, why)
    deployer = getattr(found, "deployer_type", _BLOCK)
    deployer = text(getattr(deployer, "name", deployer))
    if deployer != _BLOCK:
        why = f"has deployer_type {deployer}; only {_BLOCK} is supported"
        raise NotADescription(where, what, why)
    return BackendDescription(
        name=text(getattr(found, "name", what)),
        api_factory=factory,
        needs_cluster_id=bool(getattr(found, "needs_cluster_id", True)),
        needs_reactor=bool(getattr(found, "needs_reactor", False)),
        required_config=frozenset(
            text(key) for key in getattr(found, "required_config", ())
        ),
        lists_keys=False,
    )


def text(value: object) -> str:
    """Read what a driver means as text, whatever Python it was written for."""
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def _is_missing(error: Exception, name: str) -> bool:
    """Say whether it is the module itself, or a package above it, that is not there."""
    return (
        isinstance(error, ModuleNotFoundError)
        and error.name is not None
        and f"{name}.".startswith(f"{error.name}.")
    )


def _why(error: Exception) -> str:
    match error:
        case SyntaxError():
            return f"it is not Python 3: {error}"
        case ModuleNotFoundError(name=str(name)) if name.startswith("flocker."):
            return f"it needs {name} of the first Flocker, which is no more"
        case _:
            return f"{type(error).__name__}: {error}"
