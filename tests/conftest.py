"""What all tests share: how Hypothesis searches, and that no test is skipped unseen.

And that what killed runs left goes before tests begin that make such things.
"""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

from flocker.testing.orphans import own_what_is_started
from flocker.testing.sweeping import sweep

REAL = ("acceptance", "conformance", "functional")
"""Folders of tests that make mounts, loop devices and namespaces."""
SWEPT = pytest.StashKey[str]()

TESTS = Path(__file__).parent
ON_A_REAL_KERNEL = [
    TESTS / name for name in ("acceptance", "conformance", "functional")
]

# The same examples at every run: a red build is red again on the developer's desk.
# `--hypothesis-profile=searching` looks for new ones.
settings.register_profile(
    "repeatable", derandomize=True, deadline=None, database=None, print_blob=True
)
settings.register_profile("searching", max_examples=1000, deadline=None)
settings.load_profile("repeatable")


def pytest_configure(config: pytest.Config) -> None:
    """Own what is started, and watch the skips, which workers of xdist do not do."""
    if sys.platform == "linux":
        own_what_is_started()
    if not is_worker(config):
        config.pluginmanager.register(SkipWatch(), "flocker-skip-watch")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Remove what killed runs left, before there are workers."""
    config = session.config
    if not is_worker(config) and os.geteuid() == 0 and is_real(config):
        config.stash[SWEPT] = sweep().words()


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say what that was."""
    swept = config.stash.get(SWEPT, "")
    return [f"left by killed runs: {swept}"] if swept else []


def is_worker(config: pytest.Config) -> bool:
    """Whether another process leads this run."""
    return hasattr(config, "workerinput")


def is_real(config: pytest.Config) -> bool:
    """Whether tests are asked for that make something on this machine."""
    real = [Path(__file__).with_name(name) for name in REAL]
    asked = [Path(argument.partition("::")[0]).resolve() for argument in config.args]
    return any(
        one.is_relative_to(other) or other.is_relative_to(one)
        for one in asked
        for other in real
    )


class SkipWatch:
    """Notes each skipped test in the file $FLOCKER_TEST_SKIPS names.

    With $FLOCKER_TEST_NO_SKIPS (admin/test sets it where everything can run) a skip
    fails the run unless its test is marked slow.
    """

    def __init__(self) -> None:
        self.skips: list[str] = []
        self.forbidden: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test, or the fixture it needed, was skipped."""
        if report.skipped and not hasattr(report, "wasxfail"):
            self._note(report, slow="slow" in report.keywords)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A whole module was skipped."""
        if report.skipped:
            self._note(report, slow=False)

    def _note(
        self, report: pytest.TestReport | pytest.CollectReport, *, slow: bool
    ) -> None:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        line = f"{report.nodeid}: {reason.removeprefix('Skipped: ')}"
        self.skips.append(line)
        if not slow:
            self.forbidden.append(line)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Turn green into red where a skip is not allowed."""
        listing = os.environ.get("FLOCKER_TEST_SKIPS")
        if listing and self.skips:
            with Path(listing).open("a") as skips:
                skips.writelines(f"{line}\n" for line in self.skips)
        if self._fails() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter
    ) -> None:
        """Say why the run is red."""
        if self._fails():
            terminalreporter.section("skips are failures here", red=True)
            for line in self.forbidden:
                terminalreporter.line(line)

    def _fails(self) -> bool:
        return bool(self.forbidden and os.environ.get("FLOCKER_TEST_NO_SKIPS"))
