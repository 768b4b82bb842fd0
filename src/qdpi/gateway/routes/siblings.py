"""GET /page/{id}/siblings: a page's place and count among the pages at its locus, from the journey's tree alone."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Annotated, Final

from fastapi import APIRouter, Header, Query, Response

from qdpi.api import API_PREFIX
from qdpi.api.responses import Sibling, Siblings
from qdpi.gateway.context import ExchangeDep, GatewayDep
from qdpi.gateway.journey_trees import TreeColumns
from qdpi.gateway.negotiation import NOT_MODIFIED, conditional_model
from qdpi.gateway.problems import problem_responses
from qdpi.gateway.routes.pages import OfSession, journey_around, locus_of, readable_page
from qdpi.gateway.streams.sse import seq_of

MOST_SIBLINGS: Final = 1_000
_HEADERS: Final = {"cache-control": "private, no-cache"}

router = APIRouter(prefix=f"{API_PREFIX}/page", tags=["pages"])


@router.get(
    "/{id}/siblings",
    summary="A page's place among the pages at its locus",
    response_model=Siblings,
    responses={**NOT_MODIFIED, **problem_responses(401, 404, 422, 429, 503)},
)
async def siblings(
    id: str,  # noqa: A002 (the path's word)
    gateway: GatewayDep,
    exchange: ExchangeDep,
    session_id: OfSession = None,
    after: Annotated[str, Query(description="Only siblings with a higher seq.")] = "0",
    limit: Annotated[int, Query(ge=1, le=MOST_SIBLINGS, description="How many at most.")] = 200,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Return the pages that the journey wrote at the same locus, in short, with this page's place and its neighbours.

    The alternatives have the same pages with their excerpts and receipts.
    """
    found = await readable_page(gateway, exchange, id, session_id)
    journey, first = journey_around(gateway, exchange, found, session_id), seq_of(None, after) or 0
    own = await gateway.trees.of(journey, await gateway.system.store.head(journey))
    seqs, locus = own.siblings(locus_of(found)), locus_of(found)
    place = _index(seqs, found.seq) if found.placement else None
    begin = bisect_right(seqs, first)
    shown = [_sibling(own, seqs, index) for index in range(begin, min(begin + limit, len(seqs)))]
    view = Siblings(
        page_id=found.page_id,
        locus=locus,
        place=None if place is None else place + 1,
        count=len(seqs),
        **_neighbours(own, seqs, place),
        siblings=tuple(shown),
        next_after=shown[-1].seq if begin + limit < len(seqs) else None,
    )
    return conditional_model(view, if_none_match, headers=_HEADERS)


def _index(seqs: Sequence[int], seq: int | None) -> int | None:
    """Return where a seq is among sorted ones, None where it is not."""
    index = bisect_left(seqs, seq) if seq is not None else len(seqs)
    return index if index < len(seqs) and seqs[index] == seq else None


def _neighbours(own: TreeColumns, seqs: Sequence[int], place: int | None) -> dict[str, str | None]:
    """Return the ids of the first, the previous, the next and the last page; previous and next are those of a place."""
    before, after = (None, None) if place is None else (place - 1, place + 1)
    indices = {"first": 0, "previous": before, "next": after, "last": len(seqs) - 1}
    return {name: _page_id(own, seqs, index) for name, index in indices.items()}


def _page_id(own: TreeColumns, seqs: Sequence[int], index: int | None) -> str | None:
    return own.page_id[own.place(seqs[index])] if index is not None and 0 <= index < len(seqs) else None


def _sibling(own: TreeColumns, seqs: Sequence[int], index: int) -> Sibling:
    at = own.place(seqs[index])
    columns = {name: getattr(own, name)[at] for name in ("page_id", "seq", "title", "trajectory", "status")}
    return Sibling.model_validate({**columns, "place": index + 1, "symbol_code": own.symbol[at]})
