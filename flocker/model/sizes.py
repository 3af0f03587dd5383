"""Sizes of datasets and volumes, in bytes."""

import re
from decimal import ROUND_CEILING, Decimal, InvalidOperation

KIBIBYTE = 1024
MEBIBYTE = 1024 * KIBIBYTE
GIBIBYTE = 1024 * MEBIBYTE
TEBIBYTE = 1024 * GIBIBYTE

DEFAULT_SIZE = 75 * GIBIBYTE
"""Bytes of a volume whose dataset has no `maximum_size`, as in Flocker 1.15."""

SMALLEST = 64 * MEBIBYTE
"""Bytes; no dataset may be smaller (rest-api.md §3)."""
_LARGEST = 2**63 - 1
_SIZE = re.compile(r"([0-9.]+)(?:([TGMK])I?)?B?", re.IGNORECASE)

_UNITS = (("T", TEBIBYTE), ("G", GIBIBYTE), ("M", MEBIBYTE), ("K", KIBIBYTE))
_FACTORS = {"": 1, **dict(_UNITS)}


def round_up(size: int, unit: int) -> int:
    """Give the smallest multiple of `unit` (bytes, >= 1) that holds `size` bytes."""
    return -(-size // unit) * unit


def humanize(size: int) -> str:
    """Write `size` bytes as people read it, with at most one decimal: ``1.5G``."""
    for letter, factor in _UNITS:
        # From 1023.95 of the smaller unit on, that would be written as 1024.
        if size >= factor - factor // 1024 // 20:
            return f"{size / factor:.1f}".removesuffix(".0") + letter
    return f"{size}B"


def parse_size(text: str) -> int:
    """Read ``1.5G`` as bytes, rounded up to a multiple of 1024.

    Raises `ValueError` with a sentence.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError(
            f"{text!r} is not a size: write a number and T, G, M or K, as in 1.5G"
        )
    try:
        number = Decimal(match[1])
    except InvalidOperation:
        raise ValueError(f"{text!r} is not a size: {match[1]} is no number") from None
    exact = (number * _FACTORS[(match[2] or "").upper()]).to_integral_value(
        ROUND_CEILING
    )
    size = round_up(int(exact), KIBIBYTE)
    if size < SMALLEST:
        raise ValueError(f"{text!r} is too small: {humanize(SMALLEST)} is the least")
    if size > _LARGEST:
        raise ValueError(f"{text!r} is more than any storage can hold")
    return size
