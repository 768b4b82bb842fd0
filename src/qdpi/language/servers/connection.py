"""HTTP connections to models' servers, with httpx: refusals, streamed answers, lists of models."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

import httpx

from qdpi.api.sse import LineTooLong, server_events
from qdpi.errors import ModelRefused, ModelTimeout
from qdpi.language.endpoint import Endpoint
from qdpi.language.servers.failures import CallFailed, refused, words_of
from qdpi.language.servers.protocols import Answer, protocol_of

_CONNECT_SECONDS: Final = 10.0
_GRACE_SECONDS: Final = 5.0  # so that the call's own timeout ends first
_TAIL_SECONDS: Final = 1.0
"""How long the usage may follow the finish reason; some servers keep the connection open for ever."""
_MOST_BYTES: Final = 4 << 20
"""The most bytes of a refusal, of a list of models, or of an answer that comes whole."""
_CLOSING: Final = (b"}", b"]")
_DONE: Final = b"[done]"
_LAST_BYTES: Final = 16
_BLANK: Final = b"\xef\xbb\xbf \t\r\n"


def open_client(endpoint: Endpoint, timeout: float) -> httpx.AsyncClient:
    """Return a client of an endpoint. Raises CallFailed where a proxy of the environment cannot be used."""
    protocol = protocol_of(endpoint)
    headers = {"accept": "text/event-stream, application/json", "accept-encoding": "identity", "user-agent": "qdpi"}
    headers |= protocol.headers(endpoint)
    if endpoint.credentials:
        headers["authorization"] = endpoint.credentials
    try:
        return httpx.AsyncClient(
            headers=headers,
            timeout=httpx.Timeout(timeout + _GRACE_SECONDS, connect=min(_CONNECT_SECONDS, timeout)),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),  # the model's slots bound them
            trust_env=not endpoint.is_loopback,
        )
    except (ValueError, ImportError, httpx.InvalidURL) as error:
        why = f"the proxy in HTTP_PROXY, HTTPS_PROXY or ALL_PROXY cannot be used ({error})"
        raise CallFailed(f"{why}; NO_PROXY excepts a host", ModelRefused) from None


async def text_of(response: httpx.Response) -> str:
    """Read the rest of a body, at most 4 MiB, as text."""
    read = bytearray()
    async for chunk in response.aiter_bytes():
        read += chunk
        if len(read) > _MOST_BYTES:
            break
    return _text(bytes(read[:_MOST_BYTES]), response)


def _text(raw: bytes, response: httpx.Response) -> str:
    try:
        return raw.decode(response.charset_encoding or "utf-8", "replace").removeprefix("\ufeff")
    except LookupError:  # a character set that does not exist
        return raw.decode("utf-8", "replace")


async def refusal(response: httpx.Response) -> CallFailed:
    """Read a response with a status other than 200 to its end, and return the failure that it is."""
    try:
        body = await text_of(response)
    finally:
        await response.aclose()
    return refused(
        response.status_code, body, response.headers, now=datetime.now(UTC), location=response.headers.get("location")
    )


async def list_models(client: httpx.AsyncClient, endpoint: Endpoint) -> Any:
    """Return a server's list of models as it sends it. Raises CallFailed, and httpx's errors."""
    response = await client.send(client.build_request("GET", endpoint.url("/models")), stream=True)
    if response.status_code != HTTPStatus.OK:
        failure = await refusal(response)
        cause = f"its list of models: {failure.cause}"
        raise CallFailed(cause, failure.kind, retry_after=failure.retry_after, status=failure.status)
    try:
        body = await text_of(response)
    finally:
        await response.aclose()
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise CallFailed(f"its list of models is no JSON: {words_of(body)}", ModelRefused) from None


async def pieces(response: httpx.Response, answer: Answer) -> AsyncGenerator[str, None]:
    """Yield an answer's text as it comes, up to the protocol's end.

    Raises CallFailed, NoAnswer where there is no byte, and httpx's errors.
    """
    async with aclosing(_chunks(response, answer)) as chunks:
        head = b""
        async for chunk in chunks:
            head += chunk
            if head.lstrip(_BLANK):
                break
        begin = head.lstrip(_BLANK)[:1]
        if begin in {b"{", b"[", b"<"}:
            yield await _document(begin, head, chunks, response, answer)
            return
        events = 0
        async with aclosing(server_events(_chain(head, chunks), is_lenient=True)) as stream:
            async for event in stream:
                events += 1
                if not answer.ended and (piece := answer.take(event)):
                    yield piece
                if answer.ended and answer.finish is not None:
                    return
        if not events:
            said = words_of(_text(head[:_MOST_BYTES], response))
            raise CallFailed(f"it sent no event stream but {said!r}") if said else NoAnswer


class NoAnswer(CallFailed):
    """An answer of no byte. llama-cpp-python's of a prompt that is too long; its words come without a stream."""

    def __init__(self) -> None:
        super().__init__("it ended without an answer")


async def _document(
    begin: bytes, head: bytes, chunks: AsyncIterable[bytes], response: httpx.Response, answer: Answer
) -> str:
    """Read an answer that is no event stream to its end, and return its text."""
    read = bytearray()
    async for chunk in _chain(head, chunks):
        read += chunk
        if chunk.rstrip().endswith(_CLOSING) and answer.is_whole(_text(bytes(read), response)):
            break
        if len(read) > _MOST_BYTES:
            raise CallFailed(f"it sent more than {_MOST_BYTES:,} bytes that are no event stream")
    text = _text(bytes(read), response)
    if begin == b"<":
        kind = response.headers.get("content-type", "a document")
        raise CallFailed(f"it sent {kind} and no answer: {words_of(text)}", ModelRefused)
    return answer.take_document(text)


async def _chunks(response: httpx.Response, answer: Answer) -> AsyncGenerator[bytes, None]:
    """Yield the bytes of an answer; once it has its end or its finish reason, only what follows within a second.

    llama-cpp-python ends an answer that another call interrupted with `[DONE]`, without a finish reason: only the
    body, which breaks off, says that it is not whole.
    """
    clock = asyncio.get_running_loop().time
    source = response.aiter_bytes()
    until: float | None = None
    last = b""
    while True:
        # `[DONE]` without the blank line that makes it an event is an end, too.
        if answer.ended or answer.finish is not None or last.rstrip().endswith(_DONE):
            until = until or clock() + _TAIL_SECONDS
        try:
            async with asyncio.timeout_at(until):
                chunk = await anext(source)
        except (TimeoutError, StopAsyncIteration):
            return
        except httpx.TransportError:
            if answer.finish is None:
                raise
            return
        last = (last + chunk[-_LAST_BYTES:])[-_LAST_BYTES:].lower()
        yield chunk


async def _chain(head: bytes, chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    yield head
    async for chunk in chunks:
        yield chunk


def unforeseen(error: Exception, timeout: float) -> CallFailed:
    """Return the failure that an error of a library is. Its cause may quote a secret: scrub it."""
    if isinstance(error, httpx.ConnectTimeout):
        return CallFailed(f"no connection within {min(_CONNECT_SECONDS, timeout):g} s")
    if isinstance(error, httpx.TimeoutException):
        return CallFailed(f"it was silent for {timeout + _GRACE_SECONDS:g} s", ModelTimeout)
    if isinstance(error, httpx.ConnectError):
        return CallFailed(f"no connection: {_system_error(error) or _first_line(error)}")
    if isinstance(error, httpx.TransportError):
        return CallFailed(f"the connection broke off: {_first_line(error)}")
    if isinstance(error, UnicodeDecodeError):
        return CallFailed("it sent bytes that are not UTF-8")
    if isinstance(error, LineTooLong):
        return CallFailed(str(error))
    return CallFailed(_first_line(error))


def _system_error(error: BaseException) -> str | None:
    """Return the operating system's words in the chain of causes: httpx says only that all attempts failed."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, OSError) and found.strerror:
            return found.strerror
        several = found.exceptions if isinstance(found, BaseExceptionGroup) else ()
        found = several[0] if several else found.__cause__ or found.__context__
    return None


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
