"""Messages of WebSocket clients: presses, asks and stops as JSON, and the frame that answers each."""

from __future__ import annotations

from typing import Any, Final

import structlog
from pydantic import ValidationError
from pydantic_core import from_json

from qdpi.api.requests import Accepted, AskBody, PressBody, StopBody
from qdpi.errors import InvalidInput, InvalidSession, NotJson, QdpiError
from qdpi.gateway import presses
from qdpi.gateway.context import Exchange, Gateway, journey_of
from qdpi.gateway.problems import Refusal, error_of, refusal_of, told
from qdpi.gateway.streams.frames import Frame, reply_frame

_BODIES: Final[dict[str, type[PressBody | AskBody | StopBody]]] = {
    "press": PressBody,
    "ask": AskBody,
    "stop": StopBody,
}

log = structlog.get_logger("qdpi.gateway")


async def answer(gateway: Gateway, exchange: Exchange, session_id: str, text: str | None) -> Frame:
    """Handle a message and return its answer: a frame `accepted`, or `problem` with the problem's fields.

    Both carry the message's type as `message`, and its `client_request_id`, if these could be parsed.
    """
    own = Exchange(exchange.http_request_id, exchange.address)
    message: dict[str, Any] = {}
    try:
        gateway.limits.request_from(exchange.address)
        message = read_message(text)
        accepted = await _take(gateway, own, session_id, message)
    except (Refusal, QdpiError) as error:
        refusal = error if isinstance(error, Refusal) else refusal_of(error)
    except Exception:
        log.exception("websocket.message_failed", http_request_id=own.http_request_id, event_id=own.event_id)
        members = {"event_id": own.event_id} if own.event_id else {}
        refusal = refusal_of(QdpiError("An unexpected error occurred."), **members)
    else:
        return reply_frame("accepted", {**accepted.model_dump(), **_named(message)})
    gateway.system.metrics.refused.labels(refusal.problem.code).inc()
    problem = told(refusal, gateway, own).model_dump(mode="json", exclude_none=True)
    return reply_frame("problem", {**problem, **_named(message)})


def read_message(text: str | None) -> dict[str, Any]:
    """Parse a message. Raises `NotJson`, or `InvalidInput` if it is not an object of a known type."""
    if text is None:
        raise NotJson("A message was binary.", next_step="Send JSON objects as text.")
    try:
        message = from_json(text)
    except ValueError as error:
        raise NotJson(f"A message is not JSON: {error}.", next_step="Send JSON objects as text.") from error
    if not isinstance(message, dict) or not isinstance(message.get("type"), str) or message["type"] not in _BODIES:
        raise InvalidInput(
            f"{text[:80]!r} is not a message: its type must be one of {', '.join(_BODIES)}.",
            next_step='Send {"type": "press", "symbol_code": 0}, or see docs/http.md.',
        )
    return message


async def _take(gateway: Gateway, exchange: Exchange, session_id: str, message: dict[str, Any]) -> Accepted:
    journey = journey_of(gateway, exchange, session_id)
    if message.get("session_id", session_id) != session_id:
        raise InvalidSession(
            "The message has another session_id than this WebSocket.",
            next_step="Omit session_id, or open a WebSocket for that session.",
        )
    body = _body(message, session_id)
    if isinstance(body, StopBody):
        return await presses.stop(gateway, exchange, journey, body, None)
    if isinstance(body, AskBody):
        return await presses.accept(gateway, exchange, await presses.ask_of(gateway, journey, body), None)
    return await presses.accept(gateway, exchange, await presses.press_of(gateway, journey, body), None)


def _body(message: dict[str, Any], session_id: str) -> PressBody | AskBody | StopBody:
    try:
        return _BODIES[message["type"]].model_validate({**message, "session_id": session_id})
    except ValidationError as error:
        raise error_of([{**fault, "loc": ("body", *fault["loc"])} for fault in error.errors()]) from error


def _named(message: dict[str, Any]) -> dict[str, str | None]:
    """Return the fields that identify the answered message to its client."""
    given = message.get("client_request_id")
    named = given if isinstance(given, str) and len(given) <= 128 else None
    # not as `type`, which is a field of problems
    return {"message": message.get("type"), "client_request_id": named}
