"""Tests that secrets do not get into a report."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flocker.node_tools.masking import (
    MASK,
    NotMasked,
    Scrubber,
    mask_agent_yml,
    secrets_of_key,
)
from flocker.testing.certificates import a_cluster

KEY = a_cluster().node.key_pem()
LINES = KEY.splitlines()
AGENT_YML = """\
version: 1
control-service: {hostname: [a.example, b.example], port: 4524, token: t0ken-t0ken}
dataset:
  backend: openstack
  region: RegionOne
  username: flocker
  password: "s3cret\\"quoted"
  verify_peer: true
  pin: 12345678
backends:
  other: {backend: gce, zone: z, credentials: {private_key: abcdefgh, zone: [x]}}
  third: {backend: {nested: hidden-away}, hosts: [{password: in-a-list}]}
logging: {version: 1, handlers: {syslog: {address: somewhere}}}
"""


def test_agent_yml_is_masked() -> None:
    """Only known keys keep their values; the others stay, without theirs."""
    shown, _ = mask_agent_yml(AGENT_YML)
    assert shown == (
        "version: 1\n"
        "control-service:\n"
        "  hostname:\n  - a.example\n  - b.example\n"
        "  port: 4524\n"
        f"  token: {MASK}\n"
        "dataset:\n"
        "  backend: openstack\n"
        "  region: RegionOne\n"
        f"  username: {MASK}\n"
        f"  password: {MASK}\n"
        "  verify_peer: true\n"
        f"  pin: {MASK}\n"
        "backends:\n"
        "  other:\n"
        "    backend: gce\n"
        "    zone: z\n"
        "    credentials:\n"
        f"      private_key: {MASK}\n"
        "      zone:\n      - x\n"
        "  third:\n"
        "    backend:\n"
        f"      nested: {MASK}\n"
        f"    hosts: {MASK}\n"
        "logging:\n"
        "  version: 1\n"
        "  handlers:\n"
        "    syslog:\n"
        f"      address: {MASK}\n"
    )


def test_what_was_masked_is_cut_out_elsewhere() -> None:
    """A secret is found in logs too, as JSON spells it; a user's name is let be."""
    _, secrets = mask_agent_yml(AGENT_YML)
    line = json.dumps({"why": 's3cret"quoted', "pin": 12345678, "user": "flocker"})
    found = Scrubber(secrets).scrub(line.encode()).decode()
    assert json.loads(found.replace(f": {MASK}", ": 0")) == {
        "why": MASK,
        "pin": 0,
        "user": "flocker",
    }
    for secret in (b"t0ken-t0ken", b"abcdefgh", b"hidden-away", b"in-a-list"):
        assert secret in secrets


@pytest.mark.parametrize("text", ["a: [", "a: !!python/object:x {}", "!!bool x"])
def test_not_understood(text: str) -> None:
    """What is not understood is not shown at all."""
    with pytest.raises(NotMasked):
        mask_agent_yml(text)


@pytest.mark.parametrize("text", ["password", "[password]"])
def test_no_mapping(text: str) -> None:
    """A file that is only a text is all secret."""
    assert mask_agent_yml(text)[0].startswith(MASK)


@given(
    before=st.binary(max_size=200),
    after=st.binary(max_size=200),
    newline=st.sampled_from([b"\n", b"\r\n", b"\\n"]),
    cut=st.integers(0, len(KEY)),
)
def test_no_line_of_a_key_is_left(
    before: bytes, after: bytes, newline: bytes, cut: int
) -> None:
    """Wherever a key stands, whole, in part, or in JSON, no line of it is left."""
    text = before + KEY[cut:].replace(b"\n", newline) + after
    found = Scrubber(secrets_of_key(KEY)).scrub(text)
    assert not any(line in found for line in LINES[1:-1])


@pytest.mark.parametrize(
    "text", [KEY, KEY.replace(b"\n", b"\\n"), KEY[: len(KEY) // 2], KEY[40:]]
)
def test_strangers_key(text: bytes) -> None:
    """A key that is not known to be here is cut out by its looks."""
    assert not any(line in Scrubber(()).scrub(text) for line in LINES[1:-1])


def test_password_in_a_url() -> None:
    """User and password go out of URLs, as proxies have them."""
    found = Scrubber(()).scrub(b"HTTP Proxy: http://al:secret@proxy:3128/")
    assert found == f"HTTP Proxy: http://{MASK}@proxy:3128/".encode()


@given(st.binary(max_size=300))
def test_the_rest_is_left(text: bytes) -> None:
    """What holds nothing secret is not touched."""
    plain = text.replace(b"-", b"").replace(b"@", b"")
    assert Scrubber(()).scrub(plain) == plain
