"""Refusals of models' servers: their own words, whether to ask again, and when."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qdpi.errors import ModelBusy, ModelDeclined, ModelFailed, ModelRefused, ModelUnreachable
from qdpi.language.servers.failures import LONGEST_WORDS, refused, retry_after, words_of

NEEDLE = "the window is 2048 tokens"
NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
BODIES: dict[str, Any] = {
    "OpenAI": {"error": {"message": NEEDLE, "type": "invalid_request_error", "code": "context_length_exceeded"}},
    "a string": {"error": NEEDLE},
    "TGI": {"error": NEEDLE, "error_type": "validation"},
    "flat": {"object": "error", "message": NEEDLE, "code": 400},
    "FastAPI": {"detail": NEEDLE},
    "FastAPI's list": {"detail": [{"loc": ["body", "messages"], "msg": NEEDLE}]},
    "an object as message": {"object": "error", "message": {"detail": [{"msg": NEEDLE}]}},
    "errors in the plural": {"success": False, "errors": [{"code": 7003, "message": NEEDLE}], "result": None},
    "a provider's own words": {"error": {"message": "Provider returned error",
                                         "metadata": {"raw": json.dumps({"error": {"message": NEEDLE}})}}},
    "a list": [{"error": {"code": 400, "message": NEEDLE}}],
    "AWS": {"Message": NEEDLE},
    "problem details": {"type": "about:blank", "title": "Bad Request", "detail": NEEDLE},
    "OAuth": {"error": "invalid_request", "error_description": NEEDLE},
    "JSON in a string": {"error": json.dumps({"message": NEEDLE})},
    "no key that is known": {"complaint": NEEDLE},
    "plain text": NEEDLE,
    "a second line": f"Bad Request\n{NEEDLE}",
    "a title": f"<html>\n<head><title>{NEEDLE}</title></head>\n<body>x</body></html>",
    "a heading": f"<html><body><h1>{NEEDLE}</h1></body></html>",
    "JSON that breaks off": '{"error": {"message": "' + NEEDLE,
}  # fmt: skip


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_servers_words_are_found_in_any_body(body: Any) -> None:
    failure = refused(400, body if isinstance(body, str) else json.dumps(body), {}, now=NOW)
    assert NEEDLE in failure.cause
    assert failure.cause.startswith("HTTP 400 Bad Request: ")


LEAVES = st.none() | st.booleans() | st.floats() | st.text()
KEYS = st.sampled_from(["error", "message", "x"])


@given(st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner)))
def test_words_of_anything_are_one_bounded_line(body: Any) -> None:
    words = words_of(json.dumps(body))
    assert len(words) <= LONGEST_WORDS
    assert words == " ".join(words.split())


def test_longest_page_of_html_is_read_in_time() -> None:
    assert words_of("<html><" + "<" * 1_000_000).startswith("HTML")
    assert words_of("[" * 1_000_000)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, "", ModelRefused), (401, "", ModelRefused), (402, "", ModelRefused), (403, "", ModelRefused),
        (404, "", ModelRefused), (405, "", ModelRefused), (413, "", ModelRefused), (422, "", ModelRefused),
        (301, "", ModelRefused), (308, "", ModelRefused), (204, "", ModelRefused), (501, "", ModelRefused),
        (429, "", ModelBusy), (503, "", ModelBusy), (529, "", ModelBusy),
        (429, '{"error": {"code": "insufficient_quota"}}', ModelRefused),
        (408, "", ModelUnreachable), (409, "", ModelUnreachable), (425, "", ModelUnreachable),
        (500, "", ModelUnreachable), (502, "", ModelUnreachable), (504, "", ModelUnreachable),
        (520, "", ModelUnreachable),
        (400, '{"error": {"code": "content_filter"}}', ModelDeclined),
    ],
)  # fmt: skip
def test_status_says_whether_to_ask_again(status: int, body: str, kind: type[ModelFailed]) -> None:
    assert refused(status, body, {}, now=NOW).kind is kind


def test_only_some_failures_may_pass() -> None:
    assert [kind.passing for kind in (ModelBusy, ModelUnreachable, ModelRefused, ModelDeclined)] == [
        True, True, False, False,
    ]  # fmt: skip


def test_redirect_names_where_it_leads() -> None:
    failure = refused(308, "", {}, now=NOW, location="https://elsewhere.example/v1")
    assert "https://elsewhere.example/v1" in failure.cause


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({"retry-after": "3"}, "", 3.0),
        ({"retry-after": "2.5"}, "", 2.5),
        ({"retry-after": " 7 "}, "", 7.0),
        ({"retry-after": "Sun, 01 Mar 2026 12:00:30 GMT"}, "", 30.0),
        ({"retry-after": "Sun, 01 Mar 2026 12:00:30 GMT", "date": "Sun, 01 Mar 2026 12:00:10 GMT"}, "", 20.0),
        ({"retry-after-ms": "1500", "retry-after": "9"}, "", 1.5),
        ({}, '{"error": "loading", "estimated_time": 20.5}', 20.5),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, "", None),
        ({"retry-after": "0"}, "", None),
        ({"retry-after": "-5"}, "", None),
        ({"retry-after": "inf"}, "", None),
        ({"retry-after": "nan"}, "", None),
        ({"retry-after": "soon"}, "", None),
        ({"retry-after": ""}, "", None),
        ({}, "", None),
    ],
)
def test_time_to_wait(headers: dict[str, str], body: str, seconds: float | None) -> None:
    assert retry_after(headers, body, now=NOW) == seconds
