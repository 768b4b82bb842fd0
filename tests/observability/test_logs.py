from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Iterator

import pytest
import structlog

from qdpi.observability.logs import configure_logs
from qdpi.settings import LogFormat, LogLevel, Settings


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()


class Terminal(io.StringIO):
    """A terminal that keeps what is written."""

    def isatty(self) -> bool:
        """Say that a person reads."""
        return True


def told(settings: Settings, *, terminal: bool, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the lines of a request, a page that was written and a warning."""
    stderr = Terminal() if terminal else io.StringIO()
    monkeypatch.setattr(sys, "stderr", stderr)
    configure_logs(settings)
    log = structlog.get_logger()
    log.info("http.request", route="/p/{page_id}", status=200)
    log.info("run.ended", seq=3, journey="a1b2")
    log.warning("handler.retry", attempt=1)
    return stderr.getvalue().splitlines()


def test_on_a_terminal_lines_are_few_and_for_people(monkeypatch: pytest.MonkeyPatch):
    """A page that was written, and what may be wrong; no request, no id, no JSON."""
    written, retried = told(Settings(), terminal=True, monkeypatch=monkeypatch)
    assert re.match(r"(\x1b\[\d*m)*\d\d:\d\d:\d\d", written)
    assert "run.ended" in written
    assert "a1b2" not in written
    assert "handler.retry" in retried


@pytest.mark.parametrize("log_format", [LogFormat.AUTO, LogFormat.JSON])
def test_for_programs_each_line_is_json(log_format: LogFormat, monkeypatch: pytest.MonkeyPatch):
    lines = told(Settings(log_format=log_format), terminal=log_format is LogFormat.JSON, monkeypatch=monkeypatch)
    assert [json.loads(line)["event"] for line in lines] == ["http.request", "run.ended", "handler.retry"]


def test_whoever_asks_for_everything_sees_it_on_a_terminal_too(monkeypatch: pytest.MonkeyPatch):
    lines = told(Settings(log_level=LogLevel.DEBUG), terminal=True, monkeypatch=monkeypatch)
    assert "http.request" in lines[0]
    assert "journey" in lines[1]


def refuse(words: str) -> None:
    raise ValueError(f"{len(words)} characters are too many.")


@pytest.mark.parametrize("log_format", LogFormat)
def test_traceback_has_no_local_variables(log_format: LogFormat, capsys: pytest.CaptureFixture[str]):
    configure_logs(Settings(log_format=log_format))
    words = "-".join(("whispered", "by", "a", "reader"))
    try:
        refuse(words)
    except ValueError:
        structlog.get_logger().exception("handler.gave_up")
    result = capsys.readouterr().err
    assert "21 characters are too many." in result
    assert "test_logs.py" in result
    assert words not in result
