"""What is read of tests that ran in another machine."""

from flocker.testing.openzfs_tests import Outcome, read_report

REPORT = b"""<?xml version="1.0" encoding="utf-8"?>
<testsuites><testsuite name="pytest" tests="4">
<testcase name="test_well[zfs]" time="1.0" />
<testcase name="test_wrong" time="1.0"><failure message="x">words</failure></testcase>
<testcase name="test_left_out"><skipped message="y">why</skipped></testcase>
<testcase name="test_said"><system-out>said</system-out></testcase>
</testsuite></testsuites>
"""


def test_report() -> None:
    """What failed, and what was left out, is no test that passed."""
    assert read_report(REPORT) == Outcome(
        passed=("test_well[zfs]", "test_said"),
        troubles=("test_wrong: failure\nwords", "test_left_out: skipped\nwhy"),
    )
