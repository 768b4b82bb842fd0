"""A pytest plugin: what a test's run came to, shown at the end whether or not it passed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Say = Callable[[str], None]
"""Has a text shown."""

SAID = "said"


@pytest.fixture
def say(record_property: Callable[[str, object], None]) -> Say:
    """Return a function that shows what a run came to."""
    return lambda text: record_property(SAID, text)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    told = {
        report.nodeid.partition("@")[0]: said
        for report in reports
        if (said := [str(text) for name, text in report.user_properties if name == SAID])
    }
    if told:
        terminalreporter.section("what was counted")
    for test, texts in sorted(told.items()):
        terminalreporter.line("\n".join((test, *texts, "")))
