"""Pages with their receipts, alternatives and revisions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from fastapi import APIRouter, Header, Query, Response

from qdpi.api import API_PREFIX
from qdpi.api.responses import Alternative, Alternatives, PageView, ReceiptView, Revision, Revisions
from qdpi.canon.editions import PAGE_ID, find_locus, find_page
from qdpi.concurrency import map_concurrently
from qdpi.errors import InvalidInput, Unauthorized, UnknownPage
from qdpi.gateway.context import Exchange, ExchangeDep, Gateway, GatewayDep, current_edition, journey_of
from qdpi.gateway.negotiation import NOT_MODIFIED, conditional
from qdpi.gateway.problems import problem_responses
from qdpi.gateway.provenance import provenance_of
from qdpi.gateway.streams.sse import seq_of
from qdpi.outcome import Outcome
from qdpi.page_schema import Page

MOST_ALTERNATIVES: Final = 200
EXCERPT: Final = 240
"""Characters of an alternative's excerpt."""
_PAGE_EXAMPLE: Final = {
    "page_id": "S01-P0007",
    "symbol_code": 0,
    "char_hex": 0,
    "behavior": 0,
    "orientation": "X",
    "provenance": "C",
    "section": 1,
    "page_num": 7,
    "title": "…",
    "trajectory": "T0",
    "return_to": None,
    "text": "…",
    "edges": {"next_within": "S01-P0008", "loop_back_to": None, "forks": [], "mirrors": []},
    "signals": {"entities": [], "motifs": [], "unresolved_anchors": [], "novelty": 1.0, "coherence": 1.0},
    "validation": None,
    "status": "complete",
    "revision": 1,
    "grown_from": None,
}
OfSession = Annotated[
    str | None,
    Query(
        description="The session of the page's journey. Where sessions are signed, a journey's page needs its session; "
        "another journey's page is unknown."
    ),
]

router = APIRouter(prefix=f"{API_PREFIX}/page", tags=["pages"])


@router.get(
    "/{id}",
    summary="Read a page",
    response_model=PageView,
    responses={
        200: {"content": {"application/json": {"example": _PAGE_EXAMPLE}}, "description": "The page, flat."},
        **NOT_MODIFIED,
        **problem_responses(401, 404, 422, 429, 503),
    },
)
async def page(
    id: str,  # noqa: A002 (the path's word)
    gateway: GatewayDep,
    exchange: ExchangeDep,
    session_id: OfSession = None,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Return a page with its edges, signals, validation and provenance. A page of the book has an ETag."""
    found = await readable_page(gateway, exchange, id, session_id)
    view = await page_view(gateway, found)
    return pages_response(view.model_dump_json(exclude={"session_id"}), [found], if_none_match)


async def page_view(gateway: Gateway, found: Page) -> PageView:
    """Return a page as it is served."""
    anchor = found.placement.anchor if found.placement else None
    return PageView(**dict(found), grown_from=await provenance_of(gateway, found.canon_revision, anchor))


def pages_response(body: str, pages: Sequence[Page], if_none_match: str | None) -> Response:
    """Return pages as JSON: with an ETag where all are of the book, else as private."""
    if all(each.is_canon for each in pages):
        return conditional(body.encode(), if_none_match)
    return Response(body, media_type="application/json", headers={"cache-control": "no-store"})


async def readable_page(gateway: Gateway, exchange: Exchange, page_id: str, session_id: str | None) -> Page:
    """Return a page that the request may read: any page of the book, and a journey's page with its session.

    Where sessions are not signed, a request without a session may also read a journey's page by its id alone.
    Raises `UnknownPage`, also for another journey's page, and `Unauthorized`.
    """
    journey = None if session_id is None else journey_of(gateway, exchange, session_id)
    return await page_for(gateway, page_id, journey)


async def page_for(gateway: Gateway, page_id: str, journey: str | None) -> Page:
    """Return a page that a journey may read, or a request that names none. Raises as `readable_page` does."""
    if not PAGE_ID.fullmatch(page_id):  # also known while the store is unavailable
        raise UnknownPage(f"{page_id!r:.80} is not a page id.")
    edition, store = await current_edition(gateway), gateway.system.store
    if journey is not None:
        return await find_locus(edition, store, page_id, journey)
    page = await find_page(edition, store, page_id)
    if page is None:
        raise UnknownPage(f"There is no page {page_id!r:.80}.")
    if gateway.sessions.signed and not page.is_canon:
        raise Unauthorized(
            f"{page_id!r} is a page of a journey, and this request names none.",
            next_step="Add ?session_id= with the journey's session id to the address.",
        )
    return page


@router.get("/{id}/receipt", summary="A page's receipt", responses=problem_responses(401, 404, 422, 429, 503))
async def receipt(
    id: str,  # noqa: A002 (the path's word)
    gateway: GatewayDep,
    exchange: ExchangeDep,
    session_id: OfSession = None,
) -> ReceiptView:
    """Return a generated page's receipt: policy, sources with passages, hashes, model, checks, tokens, times."""
    written = await readable_page(gateway, exchange, id, session_id)
    if written.session_id is None or written.seq is None:
        raise UnknownPage(
            f"{id!r} is a page of the book: it has no receipt, only generated pages have one.",
            next_step="Request the receipt of a page that a press has written.",
        )
    outcomes = await gateway.system.store.outcomes(written.session_id, after=written.seq - 1, limit=1)
    if not outcomes:
        raise UnknownPage(f"The outcome that wrote {id!r} is no longer stored.")
    return receipt_of(outcomes[0], written)


def receipt_of(outcome: Outcome, written: Page) -> ReceiptView:
    """Return the receipt of the page that an outcome wrote."""
    receipt = outcome.worded_receipt
    return ReceiptView(
        **dict(receipt),
        page_id=written.page_id,
        seq=outcome.seq,
        locus=written.placement.locus if written.placement else "",
        symbol_code=written.symbol_code,
        trajectory=written.trajectory,
        status=written.status,
        committed_at=outcome.at,
        tokens=receipt.tokens_used,
        total_milliseconds=receipt.duration,
    )


@router.get(
    "/{id}/alternatives",
    summary="Pages written at the same locus",
    responses=problem_responses(401, 404, 422, 429, 503),
)
async def alternatives(
    id: str,  # noqa: A002 (the path's word)
    gateway: GatewayDep,
    exchange: ExchangeDep,
    session_id: OfSession = None,
    after: Annotated[str, Query(description="Only alternatives with a higher seq.")] = "0",
    limit: Annotated[int, Query(ge=1, le=MOST_ALTERNATIVES, description="How many at most.")] = 50,
) -> Alternatives:
    """Return the pages of the journey that were pressed at the same locus, this one included, with their receipts.

    For a page of the book: the pages that the session's journey has pressed there.
    """
    found = await readable_page(gateway, exchange, id, session_id)
    journey, first = journey_around(gateway, exchange, found, session_id), seq_of(None, after) or 0
    own = await gateway.trees.of(journey, await gateway.system.store.head(journey))
    siblings = tuple(own.siblings(locus_of(found)))  # which may grow while the outcomes are read
    places = {seq: place for place, seq in enumerate(siblings, start=1)}
    following = [seq for seq in siblings if seq > first]
    page_of_alternatives = await map_concurrently(
        lambda seq: _alternative(gateway, journey, seq, places[seq]), following[:limit]
    )
    return Alternatives(
        page_id=found.page_id,
        locus=locus_of(found),
        place=places.get(found.seq) if found.seq is not None else None,
        count=len(siblings),
        alternatives=tuple(page_of_alternatives),
        next_after=following[limit - 1] if len(following) > limit else None,
    )


def locus_of(found: Page) -> str:
    """Return the locus around which a page's alternatives are: where it was pressed, of a page of the book itself."""
    return found.placement.locus if found.placement else found.page_id


def journey_around(gateway: Gateway, exchange: Exchange, found: Page, session_id: str | None) -> str:
    """Return the journey whose alternatives are requested. Raises `InvalidInput` if nothing names one."""
    if found.session_id is not None:
        return found.session_id
    if session_id is None:
        raise InvalidInput(
            f"{found.page_id!r} is a page of the book; its alternatives belong to a journey, and no session is named.",
            next_step="Add ?session_id= to the address.",
        )
    return exchange.journey or journey_of(gateway, exchange, session_id)


async def _alternative(gateway: Gateway, journey: str, seq: int, place: int) -> Alternative:
    (outcome,) = await gateway.system.store.outcomes(journey, after=seq - 1, limit=1)
    written = outcome.page
    if written is None or written.placement is None:
        raise UnknownPage(f"Outcome {seq} wrote no page.")
    return Alternative(
        page_id=written.page_id,
        place=place,
        seq=seq,
        title=written.title,
        excerpt=written.text[:EXCERPT],
        symbol_code=written.symbol_code,
        section=written.section,
        trajectory=written.trajectory,
        status=written.status,
        model=written.model,
        created_at=written.created_at,
        grown_from=await provenance_of(gateway, written.canon_revision, written.placement.anchor),
        receipt=receipt_of(outcome, written),
    )


@router.get("/{id}/revisions", summary="A page's revisions", responses=problem_responses(401, 404, 422, 429, 503))
async def revisions(
    id: str,  # noqa: A002 (the path's word)
    gateway: GatewayDep,
    exchange: ExchangeDep,
    session_id: OfSession = None,
) -> Revisions:
    """Return every revision of a page, oldest first. Ingests create the revisions of a canon page."""
    found = await readable_page(gateway, exchange, id, session_id)
    known = await gateway.system.store.page_revisions(found.page_id) if found.is_canon else [found]
    edition = await current_edition(gateway)
    current = (edition.pages.get(found.page_id) if edition else None) if found.is_canon else found
    return Revisions(
        page_id=found.page_id,
        count=len(known),
        revisions=tuple(
            Revision(
                revision=each.revision,
                canon_revision=each.canon_revision,
                current=current is not None and each.revision == current.revision,
                title=each.title,
                text=each.text,
                created_at=each.created_at,
            )
            for each in known
        ),
    )
