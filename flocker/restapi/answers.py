"""What is sent back: a status, a JSON body already encoded, headers. Pure.

Made by the handlers of each room and by `flocker.restapi.errors`; written to the
connection by `flocker.restapi.endpoint`.
"""

import json

from attrs import frozen

Header = tuple[bytes, bytes]

_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


@frozen
class Answer:
    """An HTTP answer."""

    code: int
    body: bytes
    headers: tuple[Header, ...] = ()


def encode(value: object) -> bytes:
    """Write JSON as old clients search it: a key directly followed by its colon.

    All of it is ASCII, so no text can be unwritable.
    """
    return _ENCODER.encode(value).encode("ascii")


def answer(code: int, value: object, *headers: Header) -> Answer:
    """Give the answer whose body is `value`."""
    return Answer(code, encode(value), headers)
