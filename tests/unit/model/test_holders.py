"""Tests of what people read of the names of holders."""

import pytest

from flocker.model.holders import describe, describe_all

ID = "91941483bfd473181e23"


@pytest.mark.parametrize(
    ("holder", "words"),
    [
        ("docker:9194f web", "container web (docker)"),
        ("docker:9194f#2 web", "container web (docker)"),
        (f"docker:{ID}", "a container (docker mount 91941483bfd4)"),
        ("backup", "backup"),
        ("docker", "docker"),
    ],
)
def test_describe(holder: str, words: str) -> None:
    """People read of containers; of others what they call themselves."""
    assert describe(holder) == words


def test_describe_all() -> None:
    """Each is named once, though Docker has mounted for it twice."""
    holders = ["backup", "docker:9194f web", "docker:9194f#2 web"]
    assert describe_all(holders) == "backup, container web (docker)"
    assert describe_all([]) == ""
