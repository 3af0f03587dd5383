"""The keys of a backend in agent.yml, and the driver made of them. Used by `registry`.

A key that is missing, unknown or misspelt is named; a value never is: it may be secret.
"""

import inspect
from collections.abc import Callable, Collection, Iterable, Mapping

from attrs import frozen

from flocker.backends.description import BackendDescription
from flocker.backends.finding import did_you_mean
from flocker.model.errors import FlockerError

_NAMES: dict[type, str] = {str: "a text", int: "a whole number", bool: "true or false"}
_OURS = frozenset({"cluster_id", "reactor"})
_HIDDEN = "***"


@frozen
class BadBackendConfiguration(FlockerError):
    """A key of a backend in agent.yml is missing, unknown or of the wrong type."""

    where: str
    """The file and the keys that lead to the backend."""
    key: str
    why: str

    def words(self) -> str:
        """Name the file, the key and the fault."""
        return f"{self.where}.{self.key}: {self.why}"


@frozen
class DriverFailed(FlockerError):
    """A driver could not be made, for a reason of its own."""

    where: str
    name: str
    why: str
    """Without any value of its configuration, which may be secret."""

    def words(self) -> str:
        """Name the driver and what it raised."""
        return f"{self.where}: {self.name} could not be made: {self.why}"


def check(
    description: BackendDescription, config: Mapping[str, object], where: str
) -> Mapping[str, object]:
    """Give the configuration with its defaults.

    `config` is without the key ``backend``. Raises `BadBackendConfiguration`.
    """
    if description.lists_keys:
        _check_listed(description, config, where)
    for key in sorted(_OURS.intersection(config)):
        raise BadBackendConfiguration(where, key, "is given by Flocker itself")
    for key in sorted(description.required_config - set(config)):
        raise _missing(description, key, where)
    return {**description.optional_config, **config}


def make(
    description: BackendDescription, arguments: Mapping[str, object], where: str
) -> object:
    """Call the factory. Raises `BadBackendConfiguration`, `DriverFailed`.

    What it raises of our own errors is raised as it is.
    """
    _check_parameters(description, arguments, where)
    try:
        return description.api_factory(**arguments)
    except FlockerError:
        raise
    except Exception as error:  # noqa: BLE001  (drivers raise what they like)
        key = _key_missed(error)
        if key is not None and key not in arguments:
            raise _missing(description, key, where) from None
        why = f"{type(error).__name__}: {error}"
        raise DriverFailed(
            where, description.name, _without(_texts(arguments.values()), why)
        ) from None  # the traceback would show the values


def _check_listed(
    description: BackendDescription, config: Mapping[str, object], where: str
) -> None:
    wanted: dict[str, type] = dict.fromkeys(description.required_config, str)
    wanted |= {key: type(value) for key, value in description.optional_config.items()}
    for key, value in config.items():
        if key not in wanted:
            raise _unknown(description, key, wanted, where)
        if type(value) is not wanted[key]:  # its value may be a secret: not shown
            why = f"should be {_name(wanted[key])}, not {_name(type(value))}"
            raise BadBackendConfiguration(where, key, why)


def _check_parameters(
    description: BackendDescription, arguments: Mapping[str, object], where: str
) -> None:
    """Compare with the parameters of the factory, where it lists them."""
    parameters = _parameters(description.api_factory)
    if parameters is None:
        return
    kinds = [parameter.kind for parameter in parameters.values()]
    named = {
        name
        for name, parameter in parameters.items()
        if parameter.kind in {parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY}
    }
    for key in arguments:
        if key not in named and inspect.Parameter.VAR_KEYWORD not in kinds:
            raise _unknown(description, key, named - _OURS, where)
    for key in sorted(named - set(arguments)):
        if parameters[key].default is inspect.Parameter.empty:
            raise _missing(description, key, where)


def _parameters(
    factory: Callable[..., object],
) -> Mapping[str, inspect.Parameter] | None:
    try:
        return inspect.signature(factory).parameters
    except (TypeError, ValueError):  # some written in C have none
        return None


def _unknown(
    description: BackendDescription, key: str, known: Collection[str], where: str
) -> BadBackendConfiguration:
    like = did_you_mean(key, known)
    keys = ", ".join(sorted(known)) or "none"
    why = f"{description.name} has no such key{like}; it has: {keys}"
    return BadBackendConfiguration(where, key, why)


def _missing(
    description: BackendDescription, key: str, where: str
) -> BadBackendConfiguration:
    return BadBackendConfiguration(
        where, key, f"is missing; {description.name} needs it"
    )


def _key_missed(error: Exception) -> str | None:
    """Give the key that the factory itself looked for in its arguments, in vain."""
    ours = error.__traceback__
    theirs = None if ours is None else ours.tb_next
    if not isinstance(error, KeyError) or theirs is None or theirs.tb_next is not None:
        return None
    return error.args[0] if error.args and isinstance(error.args[0], str) else None


def _name(kind: type) -> str:
    return _NAMES.get(kind, kind.__name__)


def _texts(values: Iterable[object]) -> list[str]:
    """Give every text in a configuration, however deep."""
    found: list[str] = []
    for value in values:
        match value:
            case str():
                found.append(value)
            case Mapping():
                found.extend(_texts(value.values()))
            case list() | tuple():
                found.extend(_texts(value))
            case _:
                pass
    return found


def _without(secrets: Iterable[str], words: str) -> str:
    """Hide every secret in the words, the longest first."""
    for secret in sorted(secrets, key=len, reverse=True):
        if secret:
            words = words.replace(secret, _HIDDEN)
    return words
