"""The checksum of a stream."""

from hypothesis import given
from hypothesis import strategies as st

from flocker.dataset_agent.transfer.checksums import Checksum


def checksum(*parts):
    counted = Checksum()
    for part in parts:
        counted.add(part)
    return counted.text()


def test_golden():
    """Agents of all releases count the same."""
    assert checksum() == "a6249d99d82a9a40e7fae6af3f8fa722"
    assert checksum(b"one", bytearray(b"two")) == "357eb6a32d3fbb98919dfba0da8e2010"


@given(st.binary(max_size=200), st.integers(0, 200))
def test_parts(content, place):
    """In whatever parts it comes."""
    assert checksum(content[:place], content[place:]) == checksum(content)


@given(st.binary(min_size=1, max_size=200), st.data())
def test_accidents(content, data):
    """No bit flips, no byte is lost, no two parts change places without a trace."""
    place = data.draw(st.integers(0, len(content) - 1))
    bit = data.draw(st.integers(0, 7))
    flipped = bytearray(content)
    flipped[place] ^= 1 << bit
    assert checksum(flipped) != checksum(content)
    assert checksum(content[:-1]) != checksum(content)
    assert checksum(content + b"\0") != checksum(content)
    turned = content[place:] + content[:place]
    assert (checksum(turned) == checksum(content)) == (turned == content)
