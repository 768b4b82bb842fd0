"""A pytest plugin: notes of tests, printed at the end of the session whether they passed or failed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Note = Callable[[str], None]
"""Adds a text to the notes of a test."""

NOTE = "note"


@pytest.fixture
def note(record_property: Callable[[str, object], None]) -> Note:
    """Return a function that adds a note to the test's report."""
    return lambda text: record_property(NOTE, text)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    notes = {
        report.nodeid.partition("@")[0]: texts
        for report in reports
        if (texts := [str(text) for name, text in report.user_properties if name == NOTE])
    }
    if notes:
        terminalreporter.section("notes")
    for test, texts in sorted(notes.items()):
        terminalreporter.line("\n".join((test, *texts, "")))
