"""Sizes of datasets and volumes, in bytes."""

KIBIBYTE = 1024
MEBIBYTE = 1024 * KIBIBYTE
GIBIBYTE = 1024 * MEBIBYTE
TEBIBYTE = 1024 * GIBIBYTE

DEFAULT_SIZE = 75 * GIBIBYTE
"""Bytes of a volume whose dataset has no `maximum_size`, as in Flocker 1.15."""

_UNITS = (("T", TEBIBYTE), ("G", GIBIBYTE), ("M", MEBIBYTE), ("K", KIBIBYTE))


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
