"""The pool `zfs` keeps its promises on a real OpenZFS, in a machine of its own."""

# ruff: noqa: S314  (the XML is pytest's)

import os
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from flocker.testing.openzfs_guest import run_in_guest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="a system is made by root"),
]

TESTS = "tests/conformance/openzfs_in_guest.py"
SECONDS = 5400.0
SCRIPT = """
export PYTHONPATH=/work:/work/libraries PYTHONDONTWRITEBYTECODE=1
zfs version
python3 -m pytest -q -o cache_dir=/tmp/cache --durations=10 \\
    --junit-xml=/result/report.xml {tests}
"""


@pytest.fixture(autouse=True)
def _beside_others() -> None:
    """Others need not wait for the hours this takes: they see nothing it mounts."""


def failures(report: bytes) -> tuple[int, list[str]]:
    """Read JUnit's XML: the number of tests, and what those said that failed."""
    cases = list(ET.fromstring(report).iter("testcase"))
    said = [
        f"{case.get('name')}: {trouble.tag}\n{trouble.text}"
        for case in cases
        for trouble in case
        if trouble.tag in {"failure", "error", "skipped"}
    ]
    return len(cases), said


SUITES = {
    "TestPromises": 50,
    "TestEstimates": 5,
    "TestCrashes": 12,
    "TestRepeating": 7,
    "TestResuming": 30,
    "TestEncrypted": 15,
}
"""With the number of tests that each has at least."""


@pytest.mark.parametrize(("suite", "fewest"), SUITES.items())
def test_in_guest(suite: str, fewest: int, tmp_path: Path) -> None:
    """Every test of the suite passes there, and none is left out."""
    script = SCRIPT.format(tests=f"{TESTS}::{suite}")
    left = run_in_guest(script, tmp_path, SECONDS)
    assert "report.xml" in left, "pytest did not come to its end"
    number, said = failures(left["report.xml"])
    assert not said, "\n\n".join(said)
    assert number >= fewest
    assert left["status"] == b"0\n"
