"""What control says of itself."""


def test_version(api) -> None:
    """The version is the one key old probes look for."""
    reply = api.get("/v1/version")
    assert (reply.code, reply.content) == (200, b'{"flocker":"2.0.0.test"}')
