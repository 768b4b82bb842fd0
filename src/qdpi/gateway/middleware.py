"""ASGI middleware: request id, security headers, log line, address limit, body limit, compression."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Final

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qdpi.api import API_PREFIX
from qdpi.errors import BodyTooLarge, QdpiError, TooManyRequests
from qdpi.gateway.colors import VOICES_PREFIX
from qdpi.gateway.context import EXCHANGE, Exchange, Gateway
from qdpi.gateway.limits import address_of
from qdpi.gateway.negotiation import accepts_gzip, weak
from qdpi.gateway.problems import problem_response, refusal_of
from qdpi.gateway.web_files import PREFIX

BODY_LIMIT: Final = 1 << 20
"""The largest body, in bytes."""
IMPORT_PATH: Final = f"{API_PREFIX}/import"
"""The one path that reads its body itself, piece by piece, with a limit of its own."""
CONTENT_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
"""What a page of this server may load and run: its own files, and no script made of text."""
PERMISSIONS_POLICY: Final = ", ".join(
    f"{feature}=()"
    for feature in (
        "accelerometer", "autoplay", "camera", "display-capture", "geolocation", "gyroscope", "magnetometer",
        "microphone", "midi", "payment", "publickey-credentials-get", "serial", "usb", "xr-spatial-tracking",
    )
)  # fmt: skip
"""What no page of this server may ask a reader's browser for."""
SECURITY_HEADERS: Final = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}
"""What every answer says: one that is no page loads nothing, wherever it is shown."""
PAGE_HEADERS: Final = {
    "cross-origin-opener-policy": "same-origin",
    "content-security-policy": CONTENT_POLICY,
    "permissions-policy": PERMISSIONS_POLICY,
}
"""What a page says too: half a kilobyte, which the fifty other answers of a first load do without."""
OPERATIONS: Final = frozenset({"/healthz", "/readyz", "/metrics"})
"""Paths that are exempt from the address limit."""
COMPRESSED_FROM: Final = 1_024
"""The smallest body that is compressed, in bytes: a smaller one takes one packet anyway."""
COMPRESSION_LEVEL: Final = 5
"""gzip's level: on answers of ours, 9 takes four times as long as 5 and saves 7 % more."""
COMPRESSED_IN_THREAD_FROM: Final = 64 << 10
"""The bytes from which a body is compressed in a thread, so that the event loop never waits over a millisecond."""
INCOMPRESSIBLE: Final = (*DEFAULT_EXCLUDED_CONTENT_TYPES, "application/epub+zip")
"""Media types that are compressed already, or must arrive piece by piece."""
_FILES: Final = (PREFIX, VOICES_PREFIX)
"""The addresses of files, of which a page asks for dozens."""
_READS: Final = frozenset({"GET", "HEAD"})
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")

log = structlog.get_logger("qdpi.gateway")


class Envelope:
    """Gives each request an id, adds the headers, answers internal errors with a problem, and logs one line."""

    def __init__(self, app: ASGIApp, gateway: Gateway) -> None:
        self._app, self._gateway = app, gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request or a WebSocket."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        exchange = scope[EXCHANGE] = Exchange(self._request_id(scope), address_of(scope))
        sending = _Sending(send, exchange)
        began = asyncio.get_running_loop().time()
        try:
            with structlog.contextvars.bound_contextvars(http_request_id=exchange.http_request_id):
                await self._app(scope, receive, sending)
        except Exception:
            log.exception("http.request_failed", http_request_id=exchange.http_request_id, event_id=exchange.event_id)
            self._gateway.system.metrics.refused.labels(QdpiError.code).inc()
            await self._answer_internal_error(scope, receive, sending, exchange)
        finally:
            milliseconds = (asyncio.get_running_loop().time() - began) * 1_000
            self._log(scope, exchange, sending.status, milliseconds)

    async def _answer_internal_error(
        self, scope: Scope, receive: Receive, sending: _Sending, exchange: Exchange
    ) -> None:
        """Answer with a 500 problem, unless a response has begun: then the connection is cut off."""
        if sending.status is not None or scope["type"] != "http":
            return
        members = {"event_id": exchange.event_id} if exchange.event_id else {}
        error = QdpiError("An unexpected error occurred.")
        refusal = refusal_of(error, http_request_id=exchange.http_request_id, **members)
        await problem_response(refusal, self._gateway, exchange)(scope, receive, sending)

    def _request_id(self, scope: Scope) -> str:
        given = Headers(scope=scope).get("x-request-id", "")
        return given if _REQUEST_ID.fullmatch(given) else self._gateway.system.new_id()

    def _log(self, scope: Scope, exchange: Exchange, status: int | None, milliseconds: float) -> None:
        facts: dict[str, Any] = {
            "method": scope.get("method", "WEBSOCKET"),
            "route": getattr(scope.get("route"), "path", None),
            "status": status,
            "ms": round(milliseconds, 1),
            "http_request_id": exchange.http_request_id,
        }
        if exchange.journey is not None:
            facts["journey"] = self._gateway.system.journey_label(exchange.journey)
        if exchange.event_id is not None:
            facts["event_id"] = exchange.event_id
        if str(facts["route"]).startswith(_FILES) and status is not None and status < HTTPStatus.BAD_REQUEST:
            log.debug("http.file", **facts)
        else:
            log.info("http.request", **facts)


class Admission:
    """Applies the address limit to every request except those in `OPERATIONS`."""

    def __init__(self, app: ASGIApp, gateway: Gateway) -> None:
        self._app, self._gateway = app, gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request or a WebSocket."""
        if scope["type"] == "lifespan" or scope["path"] in OPERATIONS:
            await self._app(scope, receive, send)
            return
        exchange: Exchange = scope[EXCHANGE]
        try:
            self._gateway.limits.request_from(exchange.address)
        except TooManyRequests as error:
            self._gateway.system.metrics.refused.labels(error.code).inc()
            await problem_response(refusal_of(error), self._gateway, exchange)(scope, receive, send)
            return
        await self._app(scope, receive, send)


class _Sending:
    """A `send` that adds the headers to the start of a response and records its status."""

    def __init__(self, send: Send, exchange: Exchange) -> None:
        self._send, self._exchange = send, exchange
        self.status: int | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] in {"http.response.start", "websocket.http.response.start", "websocket.accept"}:
            self.status = message.get("status", 101)
            message.setdefault("headers", [])
            headers = MutableHeaders(scope=message)
            for name, value in _security_headers(self.status, headers.get("content-type", "")).items():
                headers.setdefault(name, value)
            if self._exchange.journey is not None:
                headers.setdefault("cache-control", "no-store")  # a journey is private
            headers["x-request-id"] = self._exchange.http_request_id
        await self._send(message)


def _security_headers(status: int | None, media_type: str) -> Mapping[str, str]:
    """Return what an answer says. A 304 says nothing: what the browser has kept has its headers already."""
    if status == HTTPStatus.NOT_MODIFIED:
        return {}
    return SECURITY_HEADERS | PAGE_HEADERS if media_type.startswith("text/html") else SECURITY_HEADERS


class Head:
    """Answers HEAD wherever GET works (RFC 9110, 9.3.2): the status and headers of the GET, without its body.

    An answer that comes in pieces ends before its first one.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        sending = _HeadersAlone(send)
        as_get = {**scope, "method": "GET"}  # a copy: the server looks at its own for whether a body may follow
        try:
            await self._app(as_get, receive, sending)
        except (ClientDisconnect, _Answered):
            if not sending.complete:
                raise
        finally:
            scope.update({name: as_get[name] for name in ("route", "endpoint") if name in as_get})  # for the log line


class _Answered(OSError):
    """Ends an answer in pieces. Starlette takes it as it takes a client that has disconnected."""


class _HeadersAlone:
    """A `send` that passes on the start of a response and an empty body."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.complete = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self._send(message)
        elif not self.complete:
            self.complete = True
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        if message.get("more_body", False):
            raise _Answered


class BodyLimit:
    """Reads the body before the app does; refuses a body above the limit as soon as it is exceeded."""

    def __init__(self, app: ASGIApp, gateway: Gateway, limit: int = BODY_LIMIT) -> None:
        self._app, self._gateway, self._limit = app, gateway, limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http" or scope["method"] in {"GET", "HEAD", "OPTIONS"}:
            await self._app(scope, receive, send)
            return
        if scope["path"] == IMPORT_PATH:
            with suppress(ClientDisconnect):
                await self._app(scope, receive, send)
            return
        try:
            body = await self._read(scope, receive)
        except BodyTooLarge as error:
            await problem_response(refusal_of(error), self._gateway, scope[EXCHANGE])(scope, receive, send)
            return
        if body is not None:
            await self._app(scope, _replaying(body, receive), send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes | None:
        """Return the body, None if the client disconnected. Raises `BodyTooLarge`."""
        declared = Headers(scope=scope).get("content-length", "0")
        self._check(int(declared) if declared.isascii() and declared.isdigit() else 0)
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            self._check(len(body))
            if not message.get("more_body", False):
                return bytes(body)

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise BodyTooLarge(f"The body has at least {size:,} bytes; the limit is {self._limit:,}.")


def _replaying(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that first returns a body that was read already, then later messages."""
    waiting = [body]

    async def replay() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await receive()

    return replay


class Compression:
    """Compresses answers to GET for clients that accept gzip.

    An answer that depends on what the client accepts says `Vary`. Its ETag is weak: the compressed bytes are not those
    that a strong one names. Event streams never pass here.

    The length of a compressed text reveals something of it, to a site that can make a reader's browser send requests
    with the reader's rights (BREACH, https://www.breachattack.com). No such request exists: neither a cookie nor a
    login goes along with one, and whoever lacks the session id is refused. Answers to POST, which alone hold new
    session ids, stay uncompressed.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._gzip = GZipMiddleware(
            app, COMPRESSED_FROM, COMPRESSION_LEVEL, COMPRESSED_IN_THREAD_FROM, exclude_content_types=INCOMPRESSIBLE
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http" or scope["method"] not in _READS:
            await self._app(scope, receive, send)
            return
        accepted = accepts_gzip(Headers(scope=scope).get("accept-encoding", ""))
        await (self._gzip if accepted else self._app)(scope, receive, _describing(send))


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
