"""POST /event/...: presses, asks and stops, answered once the bus has acknowledged them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header

from qdpi.api import API_PREFIX
from qdpi.api.requests import Accepted, AskBody, PressBody, StopBody
from qdpi.gateway import presses
from qdpi.gateway.context import ExchangeDep, GatewayDep, journey_of
from qdpi.gateway.problems import problem_responses

router = APIRouter(prefix=f"{API_PREFIX}/event", tags=["events"])
Traceparent = Annotated[str | None, Header(include_in_schema=False)]
_PROBLEMS = problem_responses(400, 401, 404, 413, 422, 429, 503)


@router.post("/ui/symbol", summary="Press a symbol", responses=_PROBLEMS)
async def press_symbol(
    body: PressBody, gateway: GatewayDep, exchange: ExchangeDep, traceparent: Traceparent = None
) -> Accepted:
    """Accept a press; its page arrives on the journey's stream."""
    journey = journey_of(gateway, exchange, body.session_id)
    press = await presses.press_of(gateway, journey, body)
    return await presses.accept(gateway, exchange, press, traceparent)


@router.post("/ask", summary="Ask in words", responses=_PROBLEMS)
async def ask(body: AskBody, gateway: GatewayDep, exchange: ExchangeDep, traceparent: Traceparent = None) -> Accepted:
    """Accept an ask: an Ask, User press by the character of the locus."""
    journey = journey_of(gateway, exchange, body.session_id)
    asked = await presses.ask_of(gateway, journey, body)
    return await presses.accept(gateway, exchange, asked, traceparent)


@router.post("/stop", summary="Stop a run", responses=problem_responses(400, 401, 413, 422, 503))
async def stop(body: StopBody, gateway: GatewayDep, exchange: ExchangeDep, traceparent: Traceparent = None) -> Accepted:
    """Stop the run of a press of this journey. It has no effect after the outcome."""
    journey = journey_of(gateway, exchange, body.session_id)
    return await presses.stop(gateway, exchange, journey, body, traceparent)
