"""Sessions, journeys as they stand or stood, and what each symbol would do now."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Query

from qdpi.errors import InvalidInput
from qdpi.gateway.answers import JourneyView, Preview
from qdpi.gateway.bodies import SessionBody, SessionIssued
from qdpi.gateway.context import VERSION, ExchangeHere, Gateway, GatewayHere, journey_of
from qdpi.gateway.presses import find_locus
from qdpi.gateway.previewing import preview_behaviours
from qdpi.gateway.problems import documented
from qdpi.gateway.streams import parse_seq
from qdpi.journey import JourneyState
from qdpi.outcome import Outcome
from qdpi.page_schema import Page
from qdpi.placement import Standing, stand
from qdpi.policy import Situation, ttl
from qdpi.retrieval.reading import Reading, read_text
from qdpi.situation import situation_of

MOST_EVENTS: Final = 1_000

router = APIRouter(prefix=VERSION, tags=["journeys"])


@router.post("/session", summary="Begin a session", responses=documented(400, 401, 422, 429))
async def new_session(gateway: GatewayHere, exchange: ExchangeHere, body: SessionBody | None = None) -> SessionIssued:
    """Issue a session id that nobody can guess; whoever has it reads and presses in its journey.

    With a `session_id` that is still good, a new one of the same journey, whose time begins anew.
    """
    sessions, given = gateway.sessions, body.session_id if body else None
    journey = sessions.new_journey() if given is None else journey_of(gateway, exchange, given)
    issued = sessions.session_of(journey)
    return SessionIssued(session_id=issued, signed=sessions.signed, expires_at=sessions.expires_at(issued))


@router.get("/journey/{session_id}", summary="A journey's events and state", responses=documented(401, 422, 503))
async def journey(
    session_id: str,
    gateway: GatewayHere,
    exchange: ExchangeHere,
    after: Annotated[str, Query(description="Only events with a higher seq.")] = "0",
    limit: Annotated[int, Query(ge=1, le=MOST_EVENTS, description="How many events at most.")] = 200,
    at: Annotated[str | None, Query(description="A seq or a time (ISO-8601): the journey as it stood then.")] = None,
) -> JourneyView:
    """Return the journey as it stands, or as it stood after outcome `at` or at that time."""
    name = journey_of(gateway, exchange, session_id)
    first = parse_seq("after", after)
    head, newest = await _head(gateway, name)
    seq = head if at is None else await _past_seq(gateway, name, at, head)
    state = await _state(gateway, name, seq, newest)
    wanted = min(limit, max(0, seq - first))
    outcomes = await gateway.system.store.outcomes(name, after=first, limit=wanted) if wanted else []
    last = outcomes[-1].seq if outcomes else seq
    return JourneyView(
        session_id=session_id,
        seq=seq,
        head=head,
        position=state.position,
        ttl=await _ttl(gateway, name, state),
        branches=tuple(state.branches.values()),
        state=state,
        digest=state.digest(),
        events=tuple(outcome.event for outcome in outcomes),
        next_after=last if last < seq else None,
    )


@router.get(
    "/journey/{session_id}/preview",
    summary="What each symbol would do now",
    responses=documented(401, 404, 422, 503),
)
async def preview(
    session_id: str,
    gateway: GatewayHere,
    exchange: ExchangeHere,
    page_id: Annotated[str | None, Query(description="The locus; by default where the reader is.")] = None,
) -> Preview:
    """Return, for each behaviour, the trajectory it would be given, what is open, and why the rest is not.

    Words and wishes choose within what is open; neither is known here.
    """
    name = journey_of(gateway, exchange, session_id)
    _, newest = await _head(gateway, name)
    state = newest.state if newest else JourneyState()
    edition = await gateway.system.catalog.current()
    locus = await find_locus(gateway, name, page_id or state.position or edition.ring.first)
    standing = stand(locus, edition.ring, state.branches)
    reading = edition.readings.get(standing.locus)
    if reading is None:
        reading = await asyncio.to_thread(read_text, locus.text)
    return preview_of(state, standing, reading)


def preview_of(state: JourneyState, standing: Standing, reading: Reading) -> Preview:
    """Return what each behaviour would do for a journey at a locus."""
    situation = situation_of(state, standing, reading)
    return Preview(
        page_id=standing.pressed,
        locus=standing.locus,
        section=standing.section,
        anchor=standing.anchor,
        return_to=standing.return_to,
        seq=state.seq,
        ttl=ttl(standing.depth),
        behaviours=preview_behaviours(situation, standing.section),
        **{name: getattr(situation, name) for name in Situation.__slots__},
    )


async def _head(gateway: Gateway, name: str) -> tuple[int, Outcome | None]:
    newest = await gateway.system.store.last_outcome(name)
    return (newest.seq if newest else 0), newest


async def _past_seq(gateway: Gateway, name: str, at: str, head: int) -> int:
    moment = _moment(at)
    if moment is not None:
        return await _seq_at(gateway, name, moment, head)
    seq = parse_seq("at", at)
    if seq > head:
        raise InvalidInput(
            f"at is {seq}, and this journey has {head} outcomes.", next_step=f"Give a seq from 0 to {head}."
        )
    return seq


def _moment(at: str) -> datetime | None:
    """Read a time, None where it is none; without a zone it is UTC. A plus sign may have come as a space."""
    if at.isdigit():
        return None
    try:
        moment = datetime.fromisoformat(at.replace(" ", "+"))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


async def _seq_at(gateway: Gateway, name: str, moment: datetime, head: int) -> int:
    """Return the seq of the last outcome at a moment, 0 before the first: times rise with the seq."""
    low, high = 0, head
    while low < high:
        middle = (low + high + 1) // 2
        (outcome,) = await gateway.system.store.outcomes(name, after=middle - 1, limit=1)
        low, high = (middle, high) if outcome.at <= moment else (low, middle - 1)
    return low


async def _state(gateway: Gateway, name: str, seq: int, newest: Outcome | None) -> JourneyState:
    """Return the state after `seq` outcomes; each outcome carries it."""
    if seq == 0 or newest is None:
        return JourneyState()
    if newest.seq == seq:
        return newest.state
    (outcome,) = await gateway.system.store.outcomes(name, after=seq - 1, limit=1)
    return outcome.state


async def _ttl(gateway: Gateway, name: str, state: JourneyState) -> int:
    if state.position is None:
        return ttl(0)
    page: Page = await find_locus(gateway, name, state.position)
    edition = await gateway.system.catalog.current()
    return ttl(stand(page, edition.ring, state.branches).depth)
