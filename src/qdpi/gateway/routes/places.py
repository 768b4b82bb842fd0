"""Where a reader reads: set by a page turn, read to go on there on another device. A place is no press."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import structlog
from fastapi import APIRouter

from qdpi.api import API_PREFIX
from qdpi.api.requests import PlaceBody
from qdpi.api.responses import PlaceView
from qdpi.canon.editions import find_locus
from qdpi.errors import StoreUnavailable
from qdpi.events import ReaderPlace
from qdpi.gateway import presses
from qdpi.gateway.context import ExchangeDep, Gateway, GatewayDep, current_edition, journey_of
from qdpi.gateway.problems import problem_responses
from qdpi.gateway.routes.events import Traceparent
from qdpi.ids import bitmap_count, bitmap_of, bitmap_union
from qdpi.page_schema import CANON_PAGE_ID, Page
from qdpi.services.places import place_row
from qdpi.services.recorder import record_event
from qdpi.store.rows import PlaceRow

_AGAIN: Final = "Send the same place again: the newest counts."

router = APIRouter(prefix=API_PREFIX, tags=["journeys"])
log = structlog.get_logger("qdpi.gateway")


@router.get(
    "/journey/{session_id}/place", summary="Where a reader reads", responses=problem_responses(401, 422, 429, 503)
)
async def place(session_id: str, gateway: GatewayDep, exchange: ExchangeDep) -> PlaceView:
    """Return the page on which the reader reads, and which pages were read."""
    journey = journey_of(gateway, exchange, session_id)
    return await place_of(gateway, session_id, journey, await gateway.system.store.place(journey))


@router.post(
    "/journey/{session_id}/place",
    summary="Set where a reader reads",
    responses=problem_responses(400, 401, 404, 413, 422, 429, 503),
)
async def set_place(
    session_id: str,
    body: PlaceBody,
    gateway: GatewayDep,
    exchange: ExchangeDep,
    traceparent: Traceparent = None,
) -> PlaceView:
    """Move the reader to a page of the book or of this journey, which is then read. The newest place counts.

    It writes no page and changes no rule's figures. Repeated, it changes nothing.
    """
    journey, store = journey_of(gateway, exchange, session_id), gateway.system.store
    page = await find_locus(await current_edition(gateway), store, body.page_id, journey)
    known, head = await store.place(journey), await store.head(journey)
    wanted = _event(gateway, journey, page, head, known)
    if known is None or (known.page_id, known.seq, known.canon, known.pages) != (
        wanted.page_id,
        wanted.seq,
        wanted.canon,
        wanted.pages,
    ):
        exchange.event_id = wanted.event_id
        await presses.publish(gateway, wanted, traceparent, _AGAIN, about=page)
        known = place_row(wanted)
        try:
            await record_event(wanted, store)
        except StoreUnavailable as error:
            log.warning("place.dependency_unavailable", event_id=wanted.event_id, cause=error.detail)
    return await place_of(gateway, session_id, journey, known)


def _event(gateway: Gateway, journey: str, page: Page, head: int, known: PlaceRow | None) -> ReaderPlace:
    canon, pages = (known.canon, known.pages) if known else ("", "")
    number = CANON_PAGE_ID.fullmatch(page.page_id)
    if number is not None:
        canon = bitmap_union(canon, bitmap_of([int(number[2])]))
    elif page.seq is not None:
        pages = bitmap_union(pages, bitmap_of([page.seq]))
    now = gateway.system.now()
    return ReaderPlace(
        event_id=gateway.system.new_id(),
        ts=max(now, known.at + timedelta(microseconds=1)) if known else now,
        session_id=journey,
        page_id=page.page_id,
        seq=head,
        canon=canon,
        pages=pages,
    )


async def place_of(gateway: Gateway, session_id: str, journey: str, known: PlaceRow | None) -> PlaceView:
    """Return where a reader goes on: on the page of the newest place, or on the page that was written since."""
    head = await gateway.system.store.head(journey)
    written = (await gateway.trees.of(journey, head)).newest_page(head)
    moved = written is not None and (known is None or written[0] > known.seq)
    return PlaceView(
        session_id=session_id,
        page_id=written[1] if written and moved else (known.page_id if known else None),
        placed_at=known.at if known else None,
        canon=known.canon if known else "",
        pages=known.pages if known else "",
        canon_read=bitmap_count(known.canon) if known else 0,
        pages_read=bitmap_count(known.pages) if known else 0,
    )
