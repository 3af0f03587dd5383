"""What users type, understood: metadata, addresses; pure.

Each function raises `ValueError` with a sentence; `reading` makes click show it.
"""

import re
from collections.abc import Callable, Mapping

import click
from pyrsistent import PMap, pmap

from flocker.client.routes import Address

LONGEST_LIFETIME = 1e10
"""Seconds that a lease may last (rest-api.md §4)."""
_LIFETIME = re.compile(r"([0-9]+(?:\.[0-9]+)?)([smhd]?)")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_PORTS = range(1, 65536)


def parse_metadata(text: str) -> PMap[str, str]:
    """Read ``key=value,key=value``."""
    pairs: dict[str, str] = {}
    for item in filter(None, text.split(",")):
        key, found, value = item.partition("=")
        if not found or not key:
            raise ValueError(f"{item!r} is not key=value")
        if key in pairs:
            raise ValueError(f"the key {key!r} is there twice")
        pairs[key] = value
    return pmap(pairs)


def parse_addresses(text: str, port: int) -> tuple[Address, ...]:
    """Read ``host,host:port,[v6]:port``; `port` is for those without one."""
    found = tuple(
        _address(item.strip(), port) for item in text.split(",") if item.strip()
    )
    if not found:
        raise ValueError("no address is given")
    return found


def parse_seconds(text: str) -> float:
    """Read how long to wait, in seconds."""
    try:
        seconds = float(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a number of seconds") from None
    if not 0 <= seconds < float("inf"):
        raise ValueError(f"{text!r} is not a time that passes")
    return seconds


def parse_lifetime(text: str) -> float:
    """Read how long something is to last, ``90``, ``90s``, ``30m``, ``12h``, ``7d``."""
    match = _LIFETIME.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a time: write 90s, 30m, 12h or 7d")
    seconds = float(match[1]) * _UNITS[match[2] or "s"]
    if not 0 < seconds <= LONGEST_LIFETIME:
        raise ValueError(f"{text!r} is not a time that passes and ends")
    return seconds


def write_metadata(metadata: Mapping[str, str]) -> str:
    """Write ``key=value,key=value``, sorted; the reverse of `parse_metadata`."""
    return ",".join(f"{key}={value}" for key, value in sorted(metadata.items()))


def _address(text: str, port: int) -> Address:
    host, colon, tail = text.rpartition(":")
    if text.startswith("[") and text.endswith("]"):
        return Address(text[1:-1], port)
    if not colon or (":" in host and not host.startswith("[")):
        return Address(text, port)
    if not host or not tail.isdecimal() or int(tail) not in _PORTS:
        raise ValueError(f"{text!r} is not host or host:port")
    return Address(host.removeprefix("[").removesuffix("]"), int(tail))


def reading(parse: Callable[[str], object]) -> Callable[..., object]:
    """Make click read an option with one of the functions above, if it is given."""

    def callback(
        context: click.Context, parameter: click.Parameter, value: str | None
    ) -> object:
        try:
            return None if value is None else parse(value)
        except ValueError as error:
            raise click.BadParameter(str(error), context, parameter) from error

    return callback
