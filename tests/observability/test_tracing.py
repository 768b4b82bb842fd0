"""W3C trace context across headers."""

from __future__ import annotations

import re

import pytest

from qdpi.observability.tracing import child_of, continued, current_traceparent

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
FORM = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


def test_child_keeps_trace_and_flags():
    """A child keeps its parent's trace and flags, and has a span of its own."""
    child = child_of(f"00-{TRACE}-{SPAN}-00", "event")
    assert FORM.fullmatch(child)
    assert child.startswith(f"00-{TRACE}-")
    assert child.endswith("-00")
    assert SPAN not in child


def test_redelivery_continues_the_same_span():
    parent = f"00-{TRACE}-{SPAN}-01"
    assert child_of(parent, "event") == child_of(parent, "event") != child_of(parent, "other")


@pytest.mark.parametrize(
    "parent",
    [None, "", "nonsense", f"01-{TRACE}-{SPAN}-01", f"00-{TRACE.upper()}-{SPAN}-01", f"00-{TRACE}-{SPAN}-01-x",
     f"00-{'0' * 32}-{SPAN}-01", f"00-{TRACE}-{'0' * 16}-01", f"00-{TRACE}-{SPAN}"],
)  # fmt: skip
def test_malformed_parent_starts_a_new_trace(parent):
    fresh = child_of(parent, "event")
    assert FORM.fullmatch(fresh)
    assert TRACE not in fresh
    assert fresh == child_of(None, "event")


def test_continued_restores_the_outer_span():
    with continued(f"00-{TRACE}-{SPAN}-01", "outer") as outer:
        assert current_traceparent() == outer
        with continued(current_traceparent(), "inner") as inner:
            assert current_traceparent() == inner
            assert inner.split("-")[1] == TRACE
        assert current_traceparent() == outer
    assert current_traceparent() is None
