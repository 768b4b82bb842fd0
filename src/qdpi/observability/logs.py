"""Structured logs: one line per event on standard error, as JSON or in a readable form.

On a terminal, where nobody has chosen a format, lines are few: a page that was written, warnings and errors.

Events are named `component.event`. Lines carry `journey`, `press_id`, `request_id` and `event_id` where known;
`System.journey_label` returns the name of a journey.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Final

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from qdpi.settings import LogFormat, LogLevel, Settings

TOLD_TO_PEOPLE: Final = frozenset({"run.ended"})
"""The events below a warning that are written on a terminal."""
_IDS: Final = ("event_id", "group", "http_request_id", "journey", "press_id", "request_id")


def configure_logs(settings: Settings) -> None:
    """Set up logging for this process."""
    # Cassandra's driver logs each attempt with a traceback. Our own lines report outages.
    debugging = settings.log_level is LogLevel.DEBUG
    logging.getLogger("cassandra").setLevel(logging.DEBUG if debugging else logging.CRITICAL)
    # Tracebacks omit local variables: they contain readers' words, and rendering them is expensive.
    is_terminal = sys.stderr.isatty()
    is_json = settings.log_format is LogFormat.JSON or (settings.log_format is LogFormat.AUTO and not is_terminal)
    is_short = settings.log_format is LogFormat.AUTO and is_terminal and not debugging
    renderer = (
        structlog.processors.JSONRenderer()
        if is_json
        else structlog.dev.ConsoleRenderer(colors=is_terminal, exception_formatter=structlog.dev.plain_traceback)
    )
    frames = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    exceptions: tuple[Processor, ...] = (structlog.processors.ExceptionRenderer(frames),) if is_json else ()
    shortened: tuple[Processor, ...] = (_for_people,) if is_short else ()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            *shortened,
            structlog.processors.TimeStamper(fmt="%H:%M:%S" if is_short else "iso", utc=not is_short),
            *exceptions,
            renderer,
            _redacted(settings.redact),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[settings.log_level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    _take_library_lines()


def _for_people(logger: WrappedLogger, name: str, line: EventDict) -> EventDict:
    """Omit what only a program looks for: lines below a warning but for a few, and the ids of a line that is told."""
    if line["event"] not in TOLD_TO_PEOPLE and line["level"] in {"debug", "info"}:
        raise structlog.DropEvent
    return line if line["level"] == "error" else {key: value for key, value in line.items() if key not in _IDS}


class LibraryLines(logging.Handler):
    """Passes what libraries log by Python's own `logging` on as our lines, so that these are redacted too."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record as one line."""
        structlog.get_logger().log(
            record.levelno, "library.message", logger=record.name, message=_message(record), exc_info=record.exc_info
        )


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):  # its arguments do not fit: Python would print them as they are
        return str(record.msg)


def _take_library_lines() -> None:
    root = logging.getLogger()
    for earlier in [each for each in root.handlers if isinstance(each, LibraryLines)]:
        root.removeHandler(earlier)
    root.addHandler(LibraryLines())


def _redacted(redact: Callable[[str], str]) -> Callable[[WrappedLogger, str, EventDict], str]:
    def process(logger: WrappedLogger, name: str, line: EventDict) -> str:
        return redact(str(line))

    return process
