"""Structured logs: one line per event on standard error, as JSON or in a readable form.

Events are named `component.event`. Lines carry `journey`, `press_id`, `request_id` and `event_id` where known;
`System.journey_label` returns the name of a journey.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable

import structlog
from structlog.typing import EventDict, WrappedLogger

from qdpi.settings import LogFormat, LogLevel, Settings


def configure_logs(settings: Settings) -> None:
    """Set up logging for this process."""
    # Cassandra's driver logs each attempt with a traceback. Our own lines report outages.
    debugging = settings.log_level is LogLevel.DEBUG
    logging.getLogger("cassandra").setLevel(logging.DEBUG if debugging else logging.CRITICAL)
    # Tracebacks omit local variables: they contain readers' words, and rendering them is expensive.
    renderer = (
        structlog.processors.JSONRenderer()
        if settings.log_format is LogFormat.JSON
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    frames = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    exceptions = () if settings.log_format is LogFormat.CONSOLE else (structlog.processors.ExceptionRenderer(frames),)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *exceptions,
            renderer,
            _redacted(settings.redact),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[settings.log_level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    _take_library_lines()


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
