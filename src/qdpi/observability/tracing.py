"""W3C trace context: one trace from a press to its page, carried in headers.

See https://www.w3.org/TR/trace-context/. Span ids are derived from the event that starts the span, so a redelivered
event continues the same trace.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

_FORM: Final = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")
_current: ContextVar[str | None] = ContextVar("traceparent", default=None)


def current_traceparent() -> str | None:
    """Return the current trace context, None outside a trace."""
    return _current.get()


def child_of(parent: str | None, span: str) -> str:
    """Return the trace context of a span, named by the id of its event. A malformed parent starts a new trace."""
    match = _FORM.fullmatch(parent or "")
    digest = hashlib.sha256(span.encode()).hexdigest()
    trace, flags = (match[1], match[3]) if match else (digest[:32], "01")
    return f"00-{trace}-{digest[32:48]}-{flags}"


@contextmanager
def continued(parent: str | None, span: str) -> Iterator[str]:
    """Run a block as a span of its parent's trace."""
    token = _current.set(child_of(parent, span))
    try:
        yield _current.get() or ""
    finally:
        _current.reset(token)
