"""GET /event/ws: a journey's frames over a WebSocket, as JSON `{event, id, data}`.

Clients may also send presses, asks and stops; each is answered by a frame `accepted` or `problem`.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Final

from fastapi import APIRouter, Response, WebSocket
from starlette.websockets import WebSocketDisconnect

from qdpi.api import API_PREFIX
from qdpi.errors import QdpiError, UpgradeRequired
from qdpi.gateway.context import Exchange, Gateway, exchange_of, gateway_of
from qdpi.gateway.problems import Refusal, problem_response, refusal_of
from qdpi.gateway.streams.follower import Follower, FollowerLeft
from qdpi.gateway.streams.hub import Subscription
from qdpi.gateway.streams.sse import asked
from qdpi.gateway.streams.websocket_messages import answer

GOING_AWAY: Final = 1001
TRY_AGAIN_LATER: Final = 1013

router = APIRouter(prefix=f"{API_PREFIX}/event")


@router.websocket("/ws")
async def follow(websocket: WebSocket) -> None:
    """Follow a journey: `?session_id=`, and `?after=` as in the stream of server-sent events."""
    gateway, exchange = await gateway_of(websocket), await exchange_of(websocket)
    try:
        journey, after = asked(websocket.scope, gateway, exchange)
        with gateway.limits.stream(exchange.address, journey), gateway.hub.subscribe(journey) as subscription:
            await _serve(websocket, gateway, exchange, subscription, after)
    except QdpiError as error:
        gateway.system.metrics.refused.labels(error.code).inc()
        await websocket.send_denial_response(problem_response(refusal_of(error), gateway, exchange))


@router.get("/ws", include_in_schema=False)
async def ask_without_upgrade() -> Response:
    """Refuse a request that does not ask for a WebSocket, and say how to ask for one."""
    error = UpgradeRequired("This path is a WebSocket, and the request did not ask for one.")
    raise Refusal(refusal_of(error).problem, {"upgrade": "websocket", "connection": "Upgrade"})


async def _serve(
    websocket: WebSocket, gateway: Gateway, exchange: Exchange, subscription: Subscription, after: int | None
) -> None:
    system = gateway.system
    follower = Follower(gateway.hub, system.store, subscription, system.backoff)
    first = await follower.greet(after)
    await websocket.accept()
    leaving = asyncio.create_task(_receive_until_left(websocket, gateway, exchange, subscription))
    with system.metrics.streams.labels("websocket").track_inprogress():
        try:
            await _post(websocket, gateway, first.text)
            await _follow(websocket, gateway, follower)
        except TimeoutError:
            subscription.overflowed = True
        except (FollowerLeft, WebSocketDisconnect):
            subscription.end()
        finally:
            left = leaving.done() and leaving.result()
            leaving.cancel()
    if subscription.overflowed:
        system.metrics.dropped.inc()
    if not left:
        await _close(websocket, TRY_AGAIN_LATER if subscription.overflowed else GOING_AWAY)


async def _follow(websocket: WebSocket, gateway: Gateway, follower: Follower) -> None:
    async with aclosing(follower.frames()) as frames:
        async for frame in frames:
            if frame is not None:  # the WebSocket protocol has its own pings
                await _post(websocket, gateway, frame.text)


async def _post(websocket: WebSocket, gateway: Gateway, text: str) -> None:
    async with asyncio.timeout(gateway.hub.send_seconds):
        await websocket.send_text(text)


async def _close(websocket: WebSocket, code: int) -> None:
    try:
        async with asyncio.timeout(1):
            await websocket.close(code)
    except (TimeoutError, WebSocketDisconnect, RuntimeError):
        return  # the client does not read or has disconnected: the server drops the connection


async def _receive_until_left(
    websocket: WebSocket, gateway: Gateway, exchange: Exchange, subscription: Subscription
) -> bool:
    """Answer the client's messages in order; return whether the client closed the connection.

    After an overflow no more messages are accepted, because the client could not receive the answers.
    """
    session_id = websocket.query_params["session_id"]
    while not subscription.ended:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            subscription.end()
            return True
        subscription.reply(await answer(gateway, exchange, session_id, message.get("text")))
    return False
