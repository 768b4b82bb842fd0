"""GET /event/stream: a journey as server-sent events (https://html.spec.whatwg.org/#server-sent-events).

Raw ASGI, answered before FastAPI's routes: a client costs a task, a queue and a socket. A FastAPI route would cost
14 KiB more for each client.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qs

import structlog
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qdpi.api import API_PREFIX
from qdpi.errors import InvalidInput, QdpiError
from qdpi.gateway.context import EXCHANGE, Exchange, Gateway, journey_of
from qdpi.gateway.problems import Refusal, allow, problem_response, problem_responses, refusal_for
from qdpi.gateway.streams.follower import Follower, FollowerLeft
from qdpi.gateway.streams.frames import PING, RETRY
from qdpi.gateway.streams.hub import Subscription

PATH: Final = f"{API_PREFIX}/event/stream"
LARGEST_SEQ: Final = 2**53

_HEADERS: Final = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
)
_EXAMPLE: Final = (
    'retry: 1000\nevent: status\nid: 0\ndata: {"phase":"following","seq":0,"after":0}\n\n'
    'event: generate.page.delta\ndata: {"request_id":"…","attempt":1,"offset":0,"text":"The door"}\n\n'
    'event: generate.page.done\nid: 1\ndata: {"seq":1,"page_id":"…","text":"The door…"}\n\n'
)

log = structlog.get_logger("qdpi.gateway")


def description() -> dict[str, Any]:
    """Return the OpenAPI path item."""

    def parameter(name: str, place: str, says: str, kind: str, *, required: bool = False) -> dict[str, Any]:
        schema = {"type": kind}
        return {"name": name, "in": place, "description": says, "required": required, "schema": schema}

    responses: dict[str, Any] = {str(status): item for status, item in problem_responses(401, 422, 429, 503).items()}
    responses["200"] = {
        "description": "Frames `status`, `generate.page.delta`, `.done` and `.failed`; done and failed "
        "carry `id: seq`. A delta with a new `attempt` restarts that page's text. A stream begins with the status of "
        "each run under way. `vault` is a change of the vault: whoever resumes after a seq gets those since; of a "
        "page's changes the newest by time and id counts, and applying one again changes nothing.",
        "content": {"text/event-stream": {"example": _EXAMPLE}},
    }
    get = {
        "tags": ["streams"],
        "summary": "Follow a journey as server-sent events",
        "description": "Replays the outcomes after a seq, then continues live, each seq once and in order. "
        "A WebSocket at `/api/v1/event/ws` with the same query carries the same frames as JSON "
        "`{event, id, data}`.",
        "operationId": "follow_event_stream",
        "parameters": [
            parameter("session_id", "query", "The session whose journey is followed.", "string", required=True),
            parameter("after", "query", "The last seq that the client has; 0 replays all. Default: now.", "integer"),
            parameter("Last-Event-ID", "header", "As `after`; takes precedence.", "integer"),
        ],
        "responses": responses,
    }
    return {"get": get}


class StreamRoute:
    """Answers `GET` and `HEAD /event/stream` and passes every other request to the app."""

    path: Final = PATH

    def __init__(self, app: ASGIApp, gateway: Gateway) -> None:
        self._app, self._gateway = app, gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http" or scope["path"] != PATH:
            await self._app(scope, receive, send)
            return
        scope["route"] = self  # for the log line
        exchange: Exchange = scope[EXCHANGE]
        try:
            if scope["method"] not in {"GET", "HEAD"}:
                raise refusal_for(HTTPException(HTTPStatus.METHOD_NOT_ALLOWED, headers={"allow": allow({"GET"})}))
            journey, after = asked(scope, self._gateway, exchange)
            if scope["method"] == "HEAD":  # the headers of a stream, without opening one
                await send(_beginning())
                await send(_body(b"", more=False))
                return
            await EventStream(self._gateway, journey, after, exchange.address)(receive, send)
        except (QdpiError, Refusal) as error:
            refusal = refusal_for(error)
            self._gateway.system.metrics.refused.labels(refusal.problem.code).inc()
            await problem_response(refusal, self._gateway, exchange)(scope, receive, send)


def asked(scope: Scope, gateway: Gateway, exchange: Exchange) -> tuple[str, int | None]:
    """Return the journey that a client asks to follow, and the seq it comes back with.

    Raises `InvalidInput`, `InvalidSession`, `Unauthorized` or `TooManyRequests`.
    """
    query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    session_id = query.get("session_id", [None])[-1]
    if session_id is None:
        raise InvalidInput("session_id is missing.", next_step="Add ?session_id= to the address.")
    journey = journey_of(gateway, exchange, session_id)
    return journey, seq_of(Headers(scope=scope).get("last-event-id"), query.get("after", [None])[-1])


def seq_of(last_event_id: str | None, after: str | None) -> int | None:
    """Return the seq that a client resumes after, None for now. An empty value is none. Raises `InvalidInput`."""
    for name, value in (("Last-Event-ID", last_event_id), ("after", after)):
        if value is not None and value.strip():
            return parse_seq(name, value.strip())
    return None


def parse_seq(name: str, value: str) -> int:
    """Parse a seq: a whole number from 0. Raises `InvalidInput`."""
    if not (value.isascii() and value.isdigit() and len(value) <= 16 and int(value) <= LARGEST_SEQ):
        raise InvalidInput(
            f"{name} is {value[:80]!r}; a seq is a whole number from 0.",
            next_step="Give the id of the last done or failed frame that you received, or 0 for all.",
        )
    return int(value)


class EventStream:
    """One client's stream, until the client disconnects, overflows, or the server stops."""

    def __init__(self, gateway: Gateway, journey: str, after: int | None, address: str) -> None:
        self._gateway, self._journey, self._after, self._address = gateway, journey, after, address

    async def __call__(self, receive: Receive, send: Send) -> None:
        """Serve the stream. Raises `StoreUnavailable` or `TooManyStreams` before it begins."""
        system, hub = self._gateway.system, self._gateway.hub
        clients = system.metrics.streams.labels("sse")
        with (
            self._gateway.limits.stream(self._address, self._journey),
            hub.subscribe(self._journey) as subscription,
            clients.track_inprogress(),
        ):
            follower = Follower(hub, system.store, subscription, system.backoff)
            first = await follower.greet(self._after)
            leaving = asyncio.create_task(_end_on_disconnect(receive, subscription))
            try:
                await self._start(send, RETRY + first.sse)
                await self._follow(send, follower)
                await self._post(send, _body(b"", more=False))
            except TimeoutError:
                subscription.overflowed = True
            except FollowerLeft:
                log.debug("stream.closed_by_client", journey=self._gateway.system.journey_label(self._journey))
            finally:
                leaving.cancel()
        if subscription.overflowed:
            system.metrics.dropped.inc()
            log.info("stream.overflowed", journey=self._gateway.system.journey_label(self._journey))

    async def _start(self, send: Send, first: bytes) -> None:
        await send(_beginning())
        await self._post(send, _body(first))

    async def _follow(self, send: Send, follower: Follower) -> None:
        async with aclosing(follower.frames()) as frames:
            async for frame in frames:
                await self._post(send, _body(frame.sse if frame else PING))

    async def _post(self, send: Send, message: Message) -> None:
        async with asyncio.timeout(self._gateway.hub.send_seconds):
            await send(message)


def _beginning() -> Message:
    return {"type": "http.response.start", "status": 200, "headers": list(_HEADERS)}


def _body(body: bytes, *, more: bool = True) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}


async def _end_on_disconnect(receive: Receive, subscription: Subscription) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    subscription.end()
