"""Compression of answers with gzip, by Starlette's middleware: which are compressed, and what their headers say.

Event streams never pass here.

The length of a compressed text reveals something of it, to a site that can make a reader's browser send requests with
the reader's rights (BREACH, https://www.breachattack.com). No such request exists: neither a cookie nor a login goes
along with one, and whoever lacks the session id is refused. Answers to POST, which alone hold new session ids, stay
uncompressed.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qdpi.gateway.conditional import weak

SMALLEST: Final = 1_024
"""The smallest body that is compressed, in bytes: a smaller one takes one packet anyway."""
LEVEL: Final = 5
"""gzip's level: on answers of ours, 9 takes four times as long as 5 and saves 7 % more."""
IN_THREAD: Final = 64 << 10
"""The bytes from which a body is compressed in a thread, so that the event loop never waits over a millisecond."""
INCOMPRESSIBLE: Final = (*DEFAULT_EXCLUDED_CONTENT_TYPES, "application/epub+zip")
"""Media types that are compressed already, or must arrive piece by piece."""
_METHODS: Final = frozenset({"GET", "HEAD"})


class Compression:
    """Compresses answers to GET for clients that accept gzip.

    An answer that depends on what the client accepts says `Vary`. Its ETag is weak: the compressed bytes are not those
    that a strong one names.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._gzip = GZipMiddleware(app, SMALLEST, LEVEL, IN_THREAD, exclude_content_types=INCOMPRESSIBLE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http" or scope["method"] not in _METHODS:
            await self._app(scope, receive, send)
            return
        accepted = accepts_gzip(Headers(scope=scope).get("accept-encoding", ""))
        await (self._gzip if accepted else self._app)(scope, receive, _describing(send))


def accepts_gzip(accept_encoding: str) -> bool:
    """Return whether a client accepts gzip, by its header's value (RFC 9110, 12.5.3)."""
    weights = dict(_weighted(part) for part in accept_encoding.lower().split(","))
    return weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0))) > 0


def _weighted(part: str) -> tuple[str, float]:
    coding, *parameters = (piece.strip() for piece in part.split(";"))
    given = [value.strip() for name, _, value in (p.partition("=") for p in parameters) if name.strip() == "q"]
    try:
        return coding, float(given[0]) if given else 1.0
    except ValueError:
        return coding, 0.0


def _describing(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            _describe(MutableHeaders(scope=message), message["status"])
        await send(message)

    return sending


def _describe(headers: MutableHeaders, status: int) -> None:
    """Add `Vary` to an answer that may be compressed, and to a 304 in place of one; make its ETag weak."""
    media_type = headers.get("content-type", "").partition(";")[0]
    if media_type in INCOMPRESSIBLE or status == HTTPStatus.PARTIAL_CONTENT:
        return
    if "accept-encoding" not in headers.get("vary", "").lower():
        headers.add_vary_header("Accept-Encoding")
    if "etag" in headers:
        headers["etag"] = weak(headers["etag"])
