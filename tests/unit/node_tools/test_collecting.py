"""Tests of where logs are found."""

from pathlib import Path

import pytest

from flocker.node_tools.collecting import find_logs, logfiles_of, secrets_in
from flocker.testing.certificates import a_cluster


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["/usr/sbin/flocker-control", "--logfile", "/a/b.log"], ["/a/b.log"]),
        (["python", "/x/flocker-dataset-agent", "--logfile=/c.log"], ["/c.log"]),
        (["flocker-control", "--journald"], []),
        (["grep", "-r", "flocker-control", "--logfile", "/etc/shadow"], []),
        ([], []),
    ],
)
def test_logs_of_processes(arguments: list[str], found: list[str]) -> None:
    """A service's command line tells where it logs; others' are none of ours."""
    assert list(logfiles_of(arguments)) == [Path(each) for each in found]


def test_logs_put_aside(tmp_path: Path) -> None:
    """A log comes with those put aside, each once, and what lies in the directory."""
    named, directory = tmp_path / "a.log", tmp_path / "all"
    directory.mkdir()
    files = [named, tmp_path / "a.log.1", directory / "b.log"]
    for path in (*files, tmp_path / "other"):
        path.write_text("x")
    assert find_logs([named, named, tmp_path / "none"], directory) == sorted(files)


def test_secrets_of_a_directory(tmp_path: Path) -> None:
    """Keys are known by what is in a file, not by its name."""
    key = a_cluster().node.key_pem()
    (tmp_path / "id_rsa_flocker").write_bytes(b"x\n" + key)
    (tmp_path / "agent.yml").write_text("dataset: {password: verysecret}")
    secrets = set(secrets_in(tmp_path))
    assert {*key.splitlines()[1:-1], b"verysecret"} <= secrets


def test_no_directory(tmp_path: Path) -> None:
    """Where there is no directory, there are no secrets."""
    assert list(secrets_in(tmp_path / "none")) == []
