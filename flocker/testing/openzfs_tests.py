"""Runs tests of this tree in the machine with a real OpenZFS, and says what failed."""

# ruff: noqa: S314  (the XML is pytest's)

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from attrs import frozen

from flocker.testing.openzfs_guest import run_in_guest

_REPORT: Final = "report.xml"
_SCRIPT: Final = r"""
printf '/work\n/work/libraries\n' >/usr/lib/python3/dist-packages/flocker.pth
cp commands/* /usr/bin
{variables}
modprobe loop
zfs version
python3 -m pytest -v -o cache_dir=/tmp/cache --durations=10 \
    --junit-xml=/result/{report} {tests}
"""


@frozen
class Outcome:
    """How tests ended: which passed, and what the others said."""

    passed: Sequence[str]
    troubles: Sequence[str]


def run_tests_in_guest(
    tests: Sequence[str],
    directory: Path,
    timeout: float,
    variables: Mapping[str, str] | None = None,
) -> Outcome:
    """Run pytest there; a skipped test is a trouble too.

    `tests` is what pytest is told, `variables` what is in its environment. Raises as
    `run_in_guest` does.
    """
    told = {key: shlex.quote(value) for key, value in (variables or {}).items()}
    script = _SCRIPT.format(
        variables="\n".join(f"export {key}={value}" for key, value in told.items()),
        tests=shlex.join(tests),
        report=_REPORT,
    )
    left = run_in_guest(script, directory, timeout)
    if _REPORT not in left:
        return Outcome((), ("pytest did not come to its end",))
    return read_report(left[_REPORT])


def read_report(report: bytes) -> Outcome:
    """Read JUnit's XML."""
    passed, troubles = [], []
    for case in ET.fromstring(report).iter("testcase"):
        name = case.get("name", "")
        said = [
            f"{name}: {trouble.tag}\n{trouble.text}"
            for trouble in case
            if trouble.tag in {"failure", "error", "skipped"}
        ]
        troubles.extend(said)
        if not said:
            passed.append(name)
    return Outcome(tuple(passed), tuple(troubles))
