"""Sessions, journeys as of now or a past moment, and previews of presses."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Query

from qdpi.api import API_PREFIX
from qdpi.api.previews import full_preview, lean_preview
from qdpi.api.requests import SessionBody, SessionIssued
from qdpi.api.responses import (
    BranchView,
    JourneyView,
    LeanPreview,
    Preview,
    PreviewedSituation,
    RingPlace,
    SavedPage,
)
from qdpi.canon.edition import Edition
from qdpi.canon.editions import find_locus
from qdpi.concurrency import map_concurrently
from qdpi.gateway.as_of import AsOfQuery, resolve_as_of, vault_at, vault_digest
from qdpi.gateway.context import ExchangeDep, Gateway, GatewayDep, current_edition, journey_of
from qdpi.gateway.problems import problem_responses
from qdpi.gateway.provenance import provenance_of
from qdpi.gateway.streams.sse import seq_of
from qdpi.journey import Branch, JourneyState
from qdpi.outcome import Outcome
from qdpi.page_schema import Page
from qdpi.policy import Situation, situation_of, ttl
from qdpi.policy.placement import Standing, standing_of
from qdpi.policy.preview import BehaviourPreview, preview_behaviours
from qdpi.policy.ring import Ring
from qdpi.search.analysis import read_text

MOST_EVENTS: Final = 1_000
MOST_SAVED: Final = 1_000
"""How many entries of the vault a journey includes."""

LocusQuery = Annotated[str | None, Query(description="The locus; by default the page that the reader is on.")]

router = APIRouter(prefix=API_PREFIX, tags=["journeys"])


@router.post("/session", summary="Begin a session", responses=problem_responses(400, 401, 422, 429))
async def new_session(gateway: GatewayDep, exchange: ExchangeDep, body: SessionBody | None = None) -> SessionIssued:
    """Issue an unguessable session id, which grants access to its journey.

    With a valid `session_id`, issue a new one of the same journey, with a new expiry.
    """
    sessions, given = gateway.sessions, body.session_id if body else None
    journey = sessions.new_journey() if given is None else journey_of(gateway, exchange, given)
    issued = sessions.session_of(journey)
    return SessionIssued(session_id=issued, signed=sessions.signed, expires_at=sessions.expires_at(issued))


@router.get(
    "/journey/{session_id}", summary="A journey's events and state", responses=problem_responses(401, 422, 429, 503)
)
async def journey(
    session_id: str,
    gateway: GatewayDep,
    exchange: ExchangeDep,
    after: Annotated[str, Query(description="Only events with a higher seq.")] = "0",
    limit: Annotated[int, Query(ge=1, le=MOST_EVENTS, description="How many events at most.")] = 200,
    at: AsOfQuery = None,
) -> JourneyView:
    """Return the journey as of now, or as of the seq or time `at`."""
    name, store = journey_of(gateway, exchange, session_id), gateway.system.store
    first = seq_of(None, after) or 0
    newest = await store.last_outcome(name)
    head = newest.seq if newest else 0
    as_of = await resolve_as_of(store, name, at, head, gateway.system.now())
    past = await _outcome_at(gateway, name, as_of.seq, newest)
    state = past.state if past else JourneyState()
    wanted = min(limit, max(0, as_of.seq - first))
    outcomes = await store.outcomes(name, after=first, limit=wanted) if wanted else []
    last = outcomes[-1].seq if outcomes else as_of.seq
    entries = await vault_at(store, name, as_of.time)
    edition = await current_edition(gateway)
    place, left = await _standing(gateway, name, past, edition, then=at is not None)
    return JourneyView(
        session_id=session_id,
        seq=as_of.seq,
        head=head,
        at=as_of.time,
        position=state.position,
        ring=place,
        ttl=left,
        branches=tuple(await map_concurrently(partial(_branch, gateway), state.branches.values())),
        open_branches=len(state.branches),
        return_debt=sum(branch.pages for branch in state.branches.values()),
        vault=tuple(SavedPage(**entry.model_dump()) for entry in entries[:MOST_SAVED]),
        vault_count=len(entries),
        vault_digest=vault_digest(entries),
        state=state,
        digest=state.digest(),
        events=tuple(outcome.event for outcome in outcomes),
        older=tuple(o.page.page_id for o in outcomes if o.page and edition and _is_older(o.page, edition)),
        next_after=last if last < as_of.seq else None,
    )


@router.get(
    "/journey/{session_id}/preview",
    summary="Preview of every symbol",
    responses=problem_responses(401, 404, 422, 429, 503),
)
async def preview(
    session_id: str,
    gateway: GatewayDep,
    exchange: ExchangeDep,
    page_id: LocusQuery = None,
    at: AsOfQuery = None,
) -> Preview:
    """Return, for each symbol, the trajectory it would take, which are open, and why the others are closed.

    A reader's words and wish can choose another open trajectory; a preview has neither. With `at`, the preview is
    for the journey as of then, on the current book.
    """
    return full_preview(*await _previewed(gateway, journey_of(gateway, exchange, session_id), page_id, at))


@router.get(
    "/journey/{session_id}/preview/lean",
    summary="Preview of every behaviour, in a tenth of the space",
    responses=problem_responses(401, 404, 422, 429, 503),
)
async def preview_lean(
    session_id: str,
    gateway: GatewayDep,
    exchange: ExchangeDep,
    page_id: LocusQuery = None,
    at: AsOfQuery = None,
) -> LeanPreview:
    """Return the same as the preview of every symbol, with nothing in it twice.

    What a symbol would do depends on its behaviour, the last four bits of its code, and not on its character.
    """
    return lean_preview(*await _previewed(gateway, journey_of(gateway, exchange, session_id), page_id, at))


async def _previewed(
    gateway: Gateway, name: str, page_id: str | None, at: str | None
) -> tuple[PreviewedSituation, tuple[BehaviourPreview, ...]]:
    store = gateway.system.store
    newest = await store.last_outcome(name)
    as_of = await resolve_as_of(store, name, at, newest.seq if newest else 0, gateway.system.now())
    past = await _outcome_at(gateway, name, as_of.seq, newest)
    state = past.state if past else JourneyState()
    edition = await gateway.system.editions.current()
    locus = await find_locus(edition, store, page_id or state.position or edition.ring.first, name)
    standing = standing_of(locus, edition.ring, state.branches)
    reading = edition.readings.get(standing.locus)
    if reading is None:
        reading = await asyncio.to_thread(read_text, locus.text)
    situation = situation_of(state, standing, reading)
    return _previewed_situation(state, standing, situation), preview_behaviours(situation, standing.section)


def _previewed_situation(state: JourneyState, standing: Standing, situation: Situation) -> PreviewedSituation:
    return PreviewedSituation(
        page_id=standing.pressed,
        locus=standing.locus,
        section=standing.section,
        anchor=standing.anchor,
        return_to=standing.return_to,
        seq=state.seq,
        ttl=ttl(standing.depth),
        **{name: getattr(situation, name) for name in Situation.__slots__},
    )


async def _outcome_at(gateway: Gateway, name: str, seq: int, newest: Outcome | None) -> Outcome | None:
    """Return the outcome `seq`, which includes the state after it; None before the first."""
    if seq == 0 or newest is None or newest.seq == seq:
        return newest if seq else None
    (outcome,) = await gateway.system.store.outcomes(name, after=seq - 1, limit=1)
    return outcome


def _is_older(page: Page, edition: Edition) -> bool:
    return page.canon_revision is not None and page.canon_revision < edition.revision.revision


async def _branch(gateway: Gateway, branch: Branch) -> BranchView:
    departure = await gateway.system.store.page(branch.branch_id)
    grown = await provenance_of(gateway, departure.canon_revision if departure else None, branch.anchor)
    return BranchView(**dict(branch), grown_from=grown)


async def _standing(
    gateway: Gateway, name: str, past: Outcome | None, edition: Edition | None, *, then: bool
) -> tuple[RingPlace | None, int]:
    """Return a journey's position on the ring after an outcome, and its TTL. With `then`, use the ring of that time.

    Without a book there is no position. Before its first page, a journey is at the beginning of the ring.
    """
    if edition is None:
        return None, ttl(0)
    current, written = edition.revision.revision, past.receipt.canon_revision if past and then else None
    revision = current if written is None else written
    ring = edition.ring if revision == current else await _ring_of(gateway, revision)
    state = past.state if past else JourneyState()
    page = await _position(gateway, name, past, edition, state.position or edition.ring.first)
    standing = standing_of(page, ring, state.branches)
    anchor = ring.resolve(standing.anchor)
    place = RingPlace(
        page_id=anchor,
        place=ring.position(anchor) + 1,
        pages=len(ring),
        section=ring.section_of(anchor),
        return_to=standing.return_to,
        canon_revision=revision,
    )
    return place, ttl(standing.depth)


async def _position(gateway: Gateway, name: str, past: Outcome | None, edition: Edition, page_id: str) -> Page:
    if past and past.page and past.page.page_id == page_id:
        return past.page
    return await find_locus(edition, gateway.system.store, page_id, name)


async def _ring_of(gateway: Gateway, revision: int) -> Ring:
    pages = await gateway.system.store.canon_pages(revision)
    return Ring([(page.page_id, page.section) for page in pages])
