"""Direct runs: publish a press, wait for its outcome, and return the page."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from fastapi import APIRouter

from qdpi.api import API_PREFIX
from qdpi.api.requests import BranchBody, PressBody, RunBody
from qdpi.canon.editions import find_locus
from qdpi.errors import InvalidInput, OutcomePending
from qdpi.events import PageFailed, Press, reader_fields
from qdpi.gateway import presses
from qdpi.gateway.context import Exchange, ExchangeDep, Gateway, GatewayDep, current_edition, journey_of
from qdpi.gateway.problems import problem_responses, refusal_of, refusal_of_fault
from qdpi.gateway.routes.events import Traceparent
from qdpi.gateway.streams.hub import Signal, Subscription
from qdpi.ids import request_id
from qdpi.outcome import Outcome
from qdpi.retry import retry_while_unavailable
from qdpi.symbols import Trajectory, decode_symbol, encode_symbol, parse_symbol

RECEIVE_PARALLEL: Final = 0xD
"""The default behaviour of a branch: it forks without a wish, and T2 is open to it."""

router = APIRouter(prefix=API_PREFIX, tags=["runs"])
_RESPONSES: Final = {
    200: {
        "description": "The page, flat, with its edges, signals and validation, its policy and its receipt.",
        "content": {
            "application/json": {
                "example": {
                    "page_id": "9b1d…",
                    "symbol_code": 0,
                    "section": 1,
                    "title": "…",
                    "trajectory": "T0",
                    "return_to": "S01-P0002",
                    "text": "…",
                    "edges": {"next_within": "S01-P0002", "loop_back_to": None, "forks": [], "mirrors": []},
                    "validation": {"passed": True, "style_ok": True, "continuity_score": 0.62},
                    "status": "complete",
                    "policy": {"wished": None, "given": "T0", "rule": "canon-continues", "reasons": []},
                    "locus": "S01-P0001",
                    "seq": 1,
                    "attempt": 1,
                    "session_id": "…",
                    "event_id": "…",
                    "request_id": "…",
                    "receipt": {"receipt_id": "…", "receipt_version": 1},
                }
            }
        },
    },
    **problem_responses(400, 401, 404, 409, 413, 422, 429, 502, 503, 504),
}


@router.post("/pipeline/run/symbol/{code}", summary="Run a symbol and wait for its page", responses=_RESPONSES)
async def run_symbol(
    code: str,
    gateway: GatewayDep,
    exchange: ExchangeDep,
    body: RunBody | None = None,
    traceparent: Traceparent = None,
) -> dict[str, Any]:
    """Press a symbol and wait for its page. `code` is 0..255, 0x00..0xFF or a name; the default is a new journey."""
    given = body or RunBody()
    session_id, journey = _journey(gateway, exchange, given)
    press = await presses.press_of(gateway, journey, _press_body(given, session_id, parse_symbol(code)), kind="run")
    return await _answer(gateway, exchange, session_id, press, traceparent)


@router.post("/branch/{id}", summary="Branch from a locus and wait for its page", responses=_RESPONSES)
async def branch(
    id: str,  # noqa: A002 (the path's word)
    gateway: GatewayDep,
    exchange: ExchangeDep,
    body: BranchBody | None = None,
    traceparent: Traceparent = None,
) -> dict[str, Any]:
    """Press with the wish for a fork (T2) at a locus. The policy may give another trajectory, and says why.

    The default symbol is the locus's character with Receive, Parallel.
    """
    given = body or BranchBody()
    if given.page_id not in {None, id}:
        raise InvalidInput(f"The body's page_id is {given.page_id!r:.80}, and the path names {id!r:.80}.")
    session_id, journey = _journey(gateway, exchange, given)
    locus = await find_locus(await current_edition(gateway), gateway.system.store, id, journey)
    symbol = given.symbol_code
    if symbol is None:
        symbol = encode_symbol(decode_symbol(locus.symbol_code)[0], RECEIVE_PARALLEL)
    at_locus = given.model_copy(update={"page_id": id})
    wished = _press_body(at_locus, session_id, symbol, Trajectory.FORK)
    press = await presses.press_of(gateway, journey, wished, kind="branch")
    return await _answer(gateway, exchange, session_id, press, traceparent)


def _journey(gateway: Gateway, exchange: Exchange, body: RunBody) -> tuple[str, str]:
    """Return the session id and the journey of a run, new ones where the body has none."""
    sessions = gateway.sessions
    session_id = sessions.session_of(sessions.new_journey()) if body.session_id is None else body.session_id
    return session_id, journey_of(gateway, exchange, session_id)


def _press_body(body: RunBody, session_id: str, symbol: int, wish: Trajectory | None = None) -> PressBody:
    return PressBody(
        session_id=session_id,
        symbol_code=symbol,
        page_id=body.page_id,
        **reader_fields(body),
        trajectory=wish,
        client_request_id=body.client_request_id,
    )


async def _answer(
    gateway: Gateway, exchange: Exchange, session_id: str, press: Press, parent: str | None
) -> dict[str, Any]:
    with gateway.hub.subscribe(press.session_id) as subscription:
        await presses.accept(gateway, exchange, press, parent)
        outcome = await _outcome(gateway, subscription, press)
    if isinstance(outcome.event, PageFailed):
        raise refusal_of_fault(outcome.event.error, event_id=press.event_id, seq=outcome.seq)
    return {**outcome.public(), "session_id": session_id}


async def _outcome(gateway: Gateway, subscription: Subscription, press: Press) -> Outcome:
    """Wait for a press's outcome. Raises a refusal with code `outcome_pending` after the timeout."""
    timeout = gateway.system.settings.run_timeout
    try:
        async with asyncio.timeout(timeout):
            return await _received_outcome(gateway, subscription, press)
    except TimeoutError as error:
        pending = OutcomePending(f"Press {press.event_id} was not answered within {timeout:g} s.")
        raise refusal_of(pending, event_id=press.event_id) from error


async def _received_outcome(gateway: Gateway, subscription: Subscription, press: Press) -> Outcome:
    store, run = gateway.system.store, request_id(press.event_id)
    while True:
        given = await subscription.get()
        if isinstance(given, Signal) or given.press_id == press.event_id:
            outcome = await retry_while_unavailable(
                lambda: store.outcome(press.session_id, run), gateway.system.backoff
            )
            if outcome is not None:
                return outcome
        if given is Signal.END:
            pending = OutcomePending(f"This server is stopping; press {press.event_id} is not answered yet.")
            raise refusal_of(pending, event_id=press.event_id)
