"""A pytest plugin: a skip with an unlisted reason fails the run."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

LISTED = Path(__file__).parents[1] / "allowed_skips.txt"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--allowed-skips",
        type=Path,
        default=LISTED if os.environ.get("CI") == "true" else None,
        metavar="FILE",
        help="Fail on skips whose reason matches no line of FILE (regular expressions). Where CI=true: on.",
    )


def allowed_reasons(listed: str) -> list[re.Pattern[str]]:
    lines = (line.strip() for line in listed.splitlines())
    return [re.compile(line) for line in lines if line and not line.startswith("#")]


def unlisted(reasons: Iterable[str], allowed: Iterable[re.Pattern[str]]) -> list[str]:
    patterns = list(allowed)
    return sorted({reason for reason in reasons if not any(pattern.search(reason) for pattern in patterns)})


def _unlisted(config: pytest.Config) -> list[str]:
    file: Path | None = config.getoption("--allowed-skips")
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if file is None or reporter is None:
        return []
    skipped = (report.longrepr for report in reporter.stats.get("skipped", ()))
    reasons = (where[2] if isinstance(where, tuple) else str(where) for where in skipped)
    return unlisted(reasons, allowed_reasons(file.read_text(encoding="utf-8")))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if session.exitstatus == pytest.ExitCode.OK and _unlisted(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    reasons = _unlisted(config)
    if reasons:
        terminalreporter.section("skips that are not allowed here", red=True)
        for reason in reasons:
            terminalreporter.line(f"{reason} (list it in {config.getoption('--allowed-skips')}, or have it run)")
