"""GET /pages?ids=: several pages in one answer."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Header, Query, Response

from qdpi.api import API_PREFIX
from qdpi.api.responses import MOST_PAGES, PageBatch
from qdpi.concurrency import map_concurrently
from qdpi.errors import InvalidInput, UnknownPage
from qdpi.gateway.context import ExchangeDep, Gateway, GatewayDep, journey_of
from qdpi.gateway.negotiation import NOT_MODIFIED
from qdpi.gateway.problems import problem_responses
from qdpi.gateway.routes.pages import OfSession, page_for, page_view, pages_response
from qdpi.page_schema import Page

_OWNERS: Final = {"pages": {"__all__": {"session_id"}}}

router = APIRouter(prefix=API_PREFIX, tags=["pages"])


@router.get(
    "/pages",
    summary="Read several pages",
    response_model=PageBatch,
    responses={**NOT_MODIFIED, **problem_responses(401, 422, 429, 503)},
)
async def pages(
    gateway: GatewayDep,
    exchange: ExchangeDep,
    ids: Annotated[str, Query(description=f"Page ids with commas between them, {MOST_PAGES} at most.")],
    session_id: OfSession = None,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Return pages in the order of their ids, each once, and list the ids that name no page for this request.

    An answer with pages of the book alone has an ETag.
    """
    journey = None if session_id is None else journey_of(gateway, exchange, session_id)
    wanted = parse_ids(ids)
    found = dict(zip(wanted, await map_concurrently(lambda one: _page(gateway, one, journey), wanted), strict=True))
    known = [page for page in found.values() if page is not None]
    views = await map_concurrently(lambda page: page_view(gateway, page), known)
    missing = tuple(page_id for page_id, page in found.items() if page is None)
    batch = PageBatch(pages=tuple(views), missing=missing)
    return pages_response(batch.model_dump_json(exclude=_OWNERS), known, if_none_match)


def parse_ids(ids: str) -> list[str]:
    """Return the ids of a list with commas, each once. Raises `InvalidInput` for none, and for too many."""
    wanted = list(dict.fromkeys(part.strip() for part in ids.split(",") if part.strip()))
    if not 1 <= len(wanted) <= MOST_PAGES:
        raise InvalidInput(
            f"ids has {len(wanted)} page ids; it may have 1 to {MOST_PAGES}.",
            next_step="Give some ids with commas between them, and ask again for the others.",
        )
    return wanted


async def _page(gateway: Gateway, page_id: str, journey: str | None) -> Page | None:
    try:
        return await page_for(gateway, page_id, journey)
    except UnknownPage:
        return None
