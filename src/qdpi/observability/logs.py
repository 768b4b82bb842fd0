"""Structured logs: one line an event on standard error, as JSON or for a person.

Lines carry `journey`, `press_id`, `request_id` and `event_id` where they are known; `System.shown` says how a
journey is named.
"""

from __future__ import annotations

import logging
import sys

import structlog

from qdpi.settings import LogFormat, LogLevel, Settings


def configure_logs(settings: Settings) -> None:
    """Set up logging for this process. Raises `InvalidSetting` for a level that there is not."""
    # Cassandra's driver tells of each of its attempts with a traceback; what an outage means, our own lines say.
    debugging = settings.log_level is LogLevel.DEBUG
    logging.getLogger("cassandra").setLevel(logging.DEBUG if debugging else logging.CRITICAL)
    # Tracebacks without the frames' variables: those hold readers' words, and cost more than the work itself.
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
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[settings.log_level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
