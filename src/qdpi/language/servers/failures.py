"""Why a call of a model's server failed: the server's own words, and whether to ask again. Pure."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from html import unescape
from http import HTTPStatus
from typing import Any, Final

from qdpi.errors import ModelBusy, ModelDeclined, ModelFailed, ModelRefused, ModelUnreachable

LONGEST_WORDS: Final = 500
"""The most characters that a failure quotes from a server."""
BUSY: Final = frozenset({429, 503, 529})
"""Statuses that ask to wait: too many requests, a model that loads, an overloaded provider."""
PASSING: Final = frozenset({408, 409, 425})
"""Refusals (4xx) that may pass: a request timeout, a conflict, too early."""

# Where servers put their words, the most telling first. OpenRouter keeps the provider's own in `metadata.raw`.
_KEYS: Final = [
    "error",
    "errors",
    "message",
    "detail",
    "details",
    "msg",
    "error_description",
    "error_message",
    "errormessage",
    "description",
    "reason",
    "title",
    "exception",
    "status_msg",
    "fault",
    "failure",
    "err",
    "innererror",
    "hint",
    "metadata",
    "raw",
]
_CODES: Final = ("code", "status", "type", "status_code", "http_status", "error_type", "error_code")
_BUSY_CODES: Final = frozenset(
    [
        "429",
        "503",
        "529",
        "overloaded",
        "overloaded_error",
        "rate_limit",
        "rate_limit_error",
        "rate_limit_exceeded",
        "rate_limited",
        "too_many_requests",
        "resource_exhausted",
        "unavailable",
        "unavailable_error",
        "service_unavailable",
    ]
)
_DEPTH: Final = 10
_TAG: Final = re.compile(r"<[^<>]{0,400}>")
_UNREAD: Final = re.compile(r"(?is)<!--.*?-->|<(script|style|head)\b.*?</\1\s*>")
_TITLE: Final = re.compile(r"(?is)<title\b[^<>]*>(.*?)</title\s*>")
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_UNPAID: Final = re.compile(
    r"(?i)insufficient_quota|billing|exceeded your current quota|insufficient (?:balance|credit)"
)
_FILTERED: Final = re.compile(
    r"(?i)content_filter|content management policy|ResponsibleAIPolicyViolation|content_policy"
    r"|flagged (?:by|as|for)|moderation|safety (?:system|filter|setting)"
)


class CallFailed(Exception):
    """A failed call. `kind` is the error that it becomes, `retry_after` the seconds that the server asks to wait.

    `status` and `body` are those of an HTTP answer that refuses the call.
    """

    def __init__(
        self,
        cause: str,
        kind: type[ModelFailed] = ModelUnreachable,
        *,
        retry_after: float | None = None,
        status: int | None = None,
        body: str = "",
    ) -> None:
        super().__init__(cause)
        self.cause, self.kind, self.retry_after, self.status, self.body = cause, kind, retry_after, status, body


def words_of(said: Any) -> str:
    """Return a server's own words in one line, from JSON of any shape, HTML, or text; empty where there are none."""
    value = parsed(said) if isinstance(said, str) else said
    found = list(dict.fromkeys(filter(None, map(_line, _told(value, _DEPTH)))))
    # A part may hold another whole: the longer one is enough.
    told = [text for text in found if not any(text != other and text in other for other in found)]
    if not told and isinstance(value, Mapping | list) and value:
        told = [_line(json.dumps(value, ensure_ascii=False))]
    return ": ".join(told)[:LONGEST_WORDS].strip()


def _told(value: Any, depth: int) -> Iterator[str]:
    if depth == 0 or value is None or isinstance(value, bool | int | float):
        return
    if isinstance(value, str):
        inner = parsed(value)
        if isinstance(inner, str):
            yield inner
        else:
            yield from _told(inner, depth - 1)
    elif isinstance(value, Mapping):
        by_name = {str(key).lower(): item for key, item in value.items()}
        for key in _KEYS:
            yield from _told(by_name.get(key), depth - 1)
    elif isinstance(value, list):
        for item in value[:3]:
            yield from _told(item, depth - 1)


def parsed(text: str) -> Any:
    """Return the JSON that a text is, else the text."""
    if text.lstrip()[:1] in {"{", "["}:
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return text
    return text


def _line(text: str) -> str:
    if re.search(r"(?i)<(?:!doctype|html|head|body|title|h1)\b", text[:2_000]):
        title = _TITLE.search(text[:20_000])
        body = _TAG.sub(" ", _UNREAD.sub(" ", text[:20_000]))
        text = f"HTML, {unescape(title[1] if title else body)}"
    return " ".join(_CONTROLS.sub(" ", text).split())[:LONGEST_WORDS].strip()


def refused(
    status: int, body: str, headers: Mapping[str, str], *, now: datetime, location: str | None = None
) -> CallFailed:
    """Return the failure of an answer with an HTTP status other than 200. `headers` have lower-case names."""
    words = words_of(body)
    if location:
        words = f"it redirects to {_line(location)}; give that address, if it is the server's"
    phrase = _phrase(status)
    cause = f"HTTP {status}{f' {phrase}' if phrase else ''}{f': {words}' if words else ''}"
    return CallFailed(
        cause, _kind(status, body), retry_after=retry_after(headers, body, now=now), status=status, body=body
    )


def kind_of_error(value: Any, depth: int = 3) -> type[ModelFailed]:
    """Return which failure an error within an answer is: a provider may be busy after all, or filter."""
    if isinstance(value, Mapping):
        codes = {str(value.get(key)).lower() for key in _CODES}
        if codes & _BUSY_CODES:
            return ModelBusy
        if any(_FILTERED.search(code) for code in codes):
            return ModelDeclined
        inner = list(value.values()) if depth else []
    elif isinstance(value, str) and _FILTERED.search(value):
        return ModelDeclined
    else:
        inner = value if isinstance(value, list) and depth else []
    kinds = {kind_of_error(item, depth - 1) for item in inner} - {ModelUnreachable}
    return next(iter(sorted(kinds, key=lambda kind: kind.code)), ModelUnreachable)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return {529: "Overloaded"}.get(status, "")


def _kind(status: int, body: str) -> type[ModelFailed]:
    if status in BUSY:
        return ModelRefused if status == HTTPStatus.TOO_MANY_REQUESTS and _UNPAID.search(body) else ModelBusy
    if status in PASSING or (status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.NOT_IMPLEMENTED):
        return ModelUnreachable
    if status == HTTPStatus.BAD_REQUEST and _FILTERED.search(body):
        return ModelDeclined
    return ModelRefused


def retry_after(headers: Mapping[str, str], body: str = "", *, now: datetime) -> float | None:
    """Return the seconds that a server asks to wait, None where it names none, or a moment that has passed.

    `Retry-After` is a number of seconds or a date (RFC 9110 §10.2.3), a date counts from the answer's own `Date`;
    `retry-after-ms` is OpenAI's, and `estimated_time` in the body that of a model that loads at Hugging Face.
    """
    given = _number(headers.get("retry-after-ms"))
    seconds = given / 1000 if given is not None else _number(headers.get("retry-after"))
    if seconds is None and (date := _date(headers.get("retry-after"))):
        seconds = (date - (_date(headers.get("date")) or now)).total_seconds()
    if seconds is None and isinstance(told := parsed(body), Mapping):
        seconds = _number(told.get("estimated_time"))
    return seconds if seconds and seconds > 0 else None


def _number(given: Any) -> float | None:
    try:
        number = float(given)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _date(given: str | None) -> datetime | None:
    try:
        date = parsedate_to_datetime(given or "")
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
